"""The embedded log: topics of partitions of segment files, indexes, retention, transactions, recovery."""

from headwater.log.errors import (
    CorruptBatchError,
    InvalidPartitionsError,
    InvalidProducerEpochError,
    InvalidRecordError,
    InvalidTimestampError,
    InvalidTopicConfigError,
    InvalidTopicError,
    InvalidTransactionStateError,
    OffsetOutOfRangeError,
    OutOfOrderSequenceError,
    RecordTooLargeError,
    RefusedRecordsError,
    StorageError,
)
from headwater.log.log import Log
from headwater.log.partition import AppendResult, Partition
from headwater.log.settings import FsyncPolicy, LogSettings
from headwater.log.storage import DiskStorage, MemoryStorage, Storage
from headwater.log.topic import Topic

__all__ = [
    "AppendResult",
    "CorruptBatchError",
    "DiskStorage",
    "FsyncPolicy",
    "InvalidPartitionsError",
    "InvalidProducerEpochError",
    "InvalidRecordError",
    "InvalidTimestampError",
    "InvalidTopicConfigError",
    "InvalidTopicError",
    "InvalidTransactionStateError",
    "Log",
    "LogSettings",
    "MemoryStorage",
    "OffsetOutOfRangeError",
    "OutOfOrderSequenceError",
    "Partition",
    "RecordTooLargeError",
    "RefusedRecordsError",
    "Storage",
    "StorageError",
    "Topic",
]
