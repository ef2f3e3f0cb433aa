"""Kafka's error codes, and which of our errors is which code: the only place that says so."""

from __future__ import annotations

from enum import IntEnum

from headwater.core.errors import HeadwaterError, TopicExistsError, UnknownTopicError
from headwater.log import errors as log
from headwater.wire.records import CorruptBatchError


class Code(IntEnum):
    """Error codes of the protocol that this broker gives."""

    NONE = 0
    UNKNOWN_SERVER_ERROR = -1
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    LEADER_NOT_AVAILABLE = 5
    REQUEST_TIMED_OUT = 7
    MESSAGE_TOO_LARGE = 10
    OFFSET_METADATA_TOO_LARGE = 12
    COORDINATOR_LOAD_IN_PROGRESS = 14
    COORDINATOR_NOT_AVAILABLE = 15
    INVALID_TOPIC_EXCEPTION = 17
    INVALID_REQUIRED_ACKS = 21
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    TOPIC_AUTHORIZATION_FAILED = 29
    GROUP_AUTHORIZATION_FAILED = 30
    CLUSTER_AUTHORIZATION_FAILED = 31
    INVALID_TIMESTAMP = 32
    UNSUPPORTED_SASL_MECHANISM = 33
    ILLEGAL_SASL_STATE = 34
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_REPLICA_ASSIGNMENT = 39
    INVALID_CONFIG = 40
    INVALID_REQUEST = 42
    POLICY_VIOLATION = 44
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    INVALID_PRODUCER_EPOCH = 47
    INVALID_TXN_STATE = 48
    INVALID_PRODUCER_ID_MAPPING = 49
    INVALID_TRANSACTION_TIMEOUT = 50
    CONCURRENT_TRANSACTIONS = 51
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
    SECURITY_DISABLED = 54
    OPERATION_NOT_ATTEMPTED = 55
    KAFKA_STORAGE_ERROR = 56
    SASL_AUTHENTICATION_FAILED = 58
    UNKNOWN_PRODUCER_ID = 59
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    FETCH_SESSION_ID_NOT_FOUND = 70
    INVALID_FETCH_SESSION_EPOCH = 71
    FENCED_LEADER_EPOCH = 74
    UNKNOWN_LEADER_EPOCH = 75
    MEMBER_ID_REQUIRED = 79
    FENCED_INSTANCE_ID = 82
    GROUP_SUBSCRIBED_TO_TOPIC = 86
    INVALID_RECORD = 87
    UNSTABLE_OFFSET_COMMIT = 88
    PRODUCER_FENCED = 90
    RESOURCE_NOT_FOUND = 91
    DUPLICATE_RESOURCE = 92
    UNACCEPTABLE_CREDENTIAL = 93
    UNKNOWN_TOPIC_ID = 100
    TRANSACTIONAL_ID_NOT_FOUND = 105
    TRANSACTION_ABORTABLE = 120
    INVALID_REGULAR_EXPRESSION = 128


_CODES: dict[type[HeadwaterError], Code] = {
    CorruptBatchError: Code.CORRUPT_MESSAGE,
    TopicExistsError: Code.TOPIC_ALREADY_EXISTS,
    UnknownTopicError: Code.UNKNOWN_TOPIC_OR_PARTITION,
    log.InvalidPartitionsError: Code.INVALID_PARTITIONS,
    log.InvalidProducerEpochError: Code.INVALID_PRODUCER_EPOCH,
    log.InvalidRecordError: Code.INVALID_RECORD,
    log.InvalidTimestampError: Code.INVALID_TIMESTAMP,
    log.InvalidTopicConfigError: Code.INVALID_CONFIG,
    log.InvalidTopicError: Code.INVALID_TOPIC_EXCEPTION,
    log.InvalidTransactionStateError: Code.INVALID_TXN_STATE,
    log.OffsetOutOfRangeError: Code.OFFSET_OUT_OF_RANGE,
    log.OutOfOrderSequenceError: Code.OUT_OF_ORDER_SEQUENCE_NUMBER,
    log.RecordTooLargeError: Code.MESSAGE_TOO_LARGE,
    log.StorageError: Code.KAFKA_STORAGE_ERROR,
}


def code_of(error: HeadwaterError) -> Code:
    """The code that tells a client about `error`."""
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return Code.UNKNOWN_SERVER_ERROR
