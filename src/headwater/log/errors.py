"""What the log refuses and why. Each class has one Kafka error code; the broker's table says which."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.core.errors import LogError
from headwater.wire.records import CorruptBatchError

__all__ = [
    "CorruptBatchError",
    "InvalidPartitionsError",
    "InvalidProducerEpochError",
    "InvalidRecordError",
    "InvalidTimestampError",
    "InvalidTopicConfigError",
    "InvalidTopicError",
    "InvalidTransactionStateError",
    "OffsetOutOfRangeError",
    "OutOfOrderSequenceError",
    "RecordTooLargeError",
    "StorageError",
]


class OffsetOutOfRangeError(LogError):
    """The offset is below the log start or above the end. OFFSET_OUT_OF_RANGE."""


class RefusedRecordsError(LogError):
    """A batch is refused for what is in it; `problems` are places of records in the batch and what is wrong with them,
    where it is single records (KIP-467)."""

    def __init__(self, message: str, problems: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class InvalidRecordError(RefusedRecordsError):
    """A batch breaks a rule of the topic or of the format though its checksum is right. INVALID_RECORD."""


class InvalidTimestampError(RefusedRecordsError):
    """A record's time is too far from now for `message.timestamp.*.max.ms`. INVALID_TIMESTAMP."""


class RecordTooLargeError(LogError):
    """A batch is larger than the topic's `max.message.bytes`. MESSAGE_TOO_LARGE."""


class OutOfOrderSequenceError(LogError):
    """An idempotent producer skipped a sequence number: something was lost on its way. OUT_OF_ORDER_SEQUENCE_NUMBER."""


class InvalidProducerEpochError(LogError):
    """A newer instance of this producer has taken over: this one is fenced. INVALID_PRODUCER_EPOCH."""


class InvalidTransactionStateError(LogError):
    """A producer wrote outside its transaction while one was open. INVALID_TXN_STATE."""


class InvalidTopicError(LogError):
    """A topic name that Kafka does not allow. INVALID_TOPIC_EXCEPTION."""


class InvalidPartitionsError(LogError):
    """A partition count below one, or not above the present one. INVALID_PARTITIONS."""


class InvalidTopicConfigError(LogError):
    """A topic config that does not exist or whose value is wrong; the message names it. INVALID_CONFIG."""


class StorageError(LogError):
    """The disk is full or broken. What was being written has been taken back; reading goes on. KAFKA_STORAGE_ERROR."""
