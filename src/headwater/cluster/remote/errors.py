"""Kafka's error codes as a client meets them: what each is called, and whether it passes by itself."""

from __future__ import annotations

from enum import IntEnum

from headwater.core.errors import ClusterError, TopicExistsError
from headwater.log.errors import OffsetOutOfRangeError


class Code(IntEnum):
    """The codes that this client tells apart, or that deserve their name in a message."""

    UNKNOWN_SERVER_ERROR = -1
    NONE = 0
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    LEADER_NOT_AVAILABLE = 5
    NOT_LEADER_OR_FOLLOWER = 6
    REQUEST_TIMED_OUT = 7
    BROKER_NOT_AVAILABLE = 8
    REPLICA_NOT_AVAILABLE = 9
    MESSAGE_TOO_LARGE = 10
    NETWORK_EXCEPTION = 13
    COORDINATOR_LOAD_IN_PROGRESS = 14
    COORDINATOR_NOT_AVAILABLE = 15
    NOT_COORDINATOR = 16
    INVALID_TOPIC_EXCEPTION = 17
    NOT_ENOUGH_REPLICAS = 19
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
    UNKNOWN_MEMBER_ID = 25
    TOPIC_AUTHORIZATION_FAILED = 29
    GROUP_AUTHORIZATION_FAILED = 30
    CLUSTER_AUTHORIZATION_FAILED = 31
    UNSUPPORTED_SASL_MECHANISM = 33
    ILLEGAL_SASL_STATE = 34
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_CONFIG = 40
    NOT_CONTROLLER = 41
    INVALID_REQUEST = 42
    POLICY_VIOLATION = 44
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    DUPLICATE_SEQUENCE_NUMBER = 46
    INVALID_PRODUCER_EPOCH = 47
    INVALID_TXN_STATE = 48
    INVALID_PRODUCER_ID_MAPPING = 49
    CONCURRENT_TRANSACTIONS = 51
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
    SECURITY_DISABLED = 54
    OPERATION_NOT_ATTEMPTED = 55
    KAFKA_STORAGE_ERROR = 56
    SASL_AUTHENTICATION_FAILED = 58
    UNKNOWN_PRODUCER_ID = 59
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    FENCED_LEADER_EPOCH = 74
    UNKNOWN_LEADER_EPOCH = 75
    INVALID_RECORD = 87
    UNSTABLE_OFFSET_COMMIT = 88
    PRODUCER_FENCED = 90


_PASSING = frozenset(
    {
        Code.UNKNOWN_TOPIC_OR_PARTITION,  # also what a broker says that has not heard of a new topic yet
        Code.LEADER_NOT_AVAILABLE,
        Code.NOT_LEADER_OR_FOLLOWER,
        Code.REQUEST_TIMED_OUT,
        Code.BROKER_NOT_AVAILABLE,
        Code.REPLICA_NOT_AVAILABLE,
        Code.NETWORK_EXCEPTION,
        Code.COORDINATOR_LOAD_IN_PROGRESS,
        Code.COORDINATOR_NOT_AVAILABLE,
        Code.NOT_COORDINATOR,
        Code.NOT_ENOUGH_REPLICAS,
        Code.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        Code.NOT_CONTROLLER,
        Code.KAFKA_STORAGE_ERROR,
        Code.FENCED_LEADER_EPOCH,
        Code.UNKNOWN_LEADER_EPOCH,
        Code.UNSTABLE_OFFSET_COMMIT,
    }
)
_FENCED = frozenset({Code.INVALID_PRODUCER_EPOCH, Code.PRODUCER_FENCED})


class PassingError(ClusterError):
    """A leader moved, a broker is away, a transaction is being ended: worth another try after a refresh of metadata."""


class LeaderlessError(PassingError):
    """The partition is not known, or has no leader now."""


class BusyError(PassingError):
    """The transaction before this one is still being written out: over in some ms, and nothing has moved."""


class FencedError(ClusterError):
    """Another process took over this transactional id, or the cluster gave up its transaction: this one must stop."""


class AuthenticationError(ClusterError):
    """The broker refused user name, password or certificate: trying again does not help."""


def check(code: int, what: str, detail: str | None = None) -> None:
    """Raise the error that a non-zero code stands for; `what` was being done, `detail` is the broker's own message."""
    if code == Code.NONE:
        return
    name = Code(code).name if code in Code.__members__.values() else f"error code {code}"
    message = f"{what}: {name}" + (f", {detail}" if detail else "")
    raise _class_of(code)(message)


def _class_of(code: int) -> type[Exception]:
    if code == Code.UNKNOWN_TOPIC_OR_PARTITION:
        return LeaderlessError
    if code == Code.CONCURRENT_TRANSACTIONS:
        return BusyError
    if code in _PASSING:
        return PassingError
    if code in _FENCED:
        return FencedError
    if code == Code.TOPIC_ALREADY_EXISTS:
        return TopicExistsError
    if code == Code.OFFSET_OUT_OF_RANGE:
        return OffsetOutOfRangeError
    return ClusterError
