"""Places in partitions: ListOffsets, OffsetForLeaderEpoch, DeleteRecords."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from headwater.broker.acls import Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.handlers.fetch import READ_COMMITTED
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.partition import Partition
from headwater.log.topic import INTERNAL_TOPICS
from headwater.wire.messages import (
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_NOT_TIERED = range(-1, -7, -1)
"""Timestamps with a meaning of their own (KIP-79, KIP-734, KIP-405, KIP-1005, KIP-1023)."""
_FIRST_VERSIONS = {
    LATEST: 0,
    EARLIEST: 0,
    MAX_TIMESTAMP: 7,
    EARLIEST_LOCAL: 8,
    LATEST_TIERED: 9,
    EARLIEST_NOT_TIERED: 11,
}
"""The ListOffsets versions that know them."""
_NEVER = 1 << 15
HIGH_WATERMARK = -1
"""As the offset of DeleteRecords: everything."""

EpochEnd = OffsetForLeaderEpochResponse.EpochEndOffset
T = TypeVar("T")


def _once_visible(broker: Broker, places: Iterable[tuple[str, int]], answer: Callable[[], T]) -> T | Awaitable[T]:
    """The answer, when all that the partitions hold by now can be seen: with acks=1 a producer may know of records that
    are not on disk yet, and whoever it tells expects to find them."""
    partitions = (broker.partition(topic, index) for topic, index in places)
    if all(partition is None or partition.high_watermark == partition.log_end for partition in partitions):
        return answer()

    async def later() -> T:
        with contextlib.suppress(HeadwaterError):  # if the disk refuses, what can be seen is what there is
            await broker.log.durable()
        return answer()

    return later()


def list_offsets(
    broker: Broker, context: Context, request: ListOffsetsRequest
) -> ListOffsetsResponse | Awaitable[ListOffsetsResponse]:
    """The offset for a time or one of the special timestamps, per partition; -1 if there is none."""
    places = ((topic.name, place.partition_index) for topic in request.topics for place in topic.partitions)
    return _once_visible(broker, places, lambda: _list(broker, context, request))


def _list(broker: Broker, context: Context, request: ListOffsetsRequest) -> ListOffsetsResponse:
    committed = request.isolation_level == READ_COMMITTED
    topics = []
    for wanted in request.topics:
        results = []
        for place in wanted.partitions:
            index = place.partition_index
            result = ListOffsetsResponse.ListOffsetsPartitionResponse(partition_index=index)
            partition = broker.partition(wanted.name, index)
            if not broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, wanted.name):
                result.error_code = Code.TOPIC_AUTHORIZATION_FAILED
            elif partition is None:
                result.error_code = Code.UNKNOWN_TOPIC_OR_PARTITION
            elif place.current_leader_epoch > 0:
                result.error_code = Code.UNKNOWN_LEADER_EPOCH
            elif place.timestamp < 0 and context.version < _FIRST_VERSIONS.get(place.timestamp, _NEVER):
                result.error_code = Code.UNSUPPORTED_VERSION
            else:
                try:
                    result.offset, result.timestamp = _locate(partition, place.timestamp, committed)
                    result.leader_epoch = 0 if result.offset >= 0 else -1
                except HeadwaterError as error:
                    result.error_code = code_of(error)
            results.append(result)
        topics.append(ListOffsetsResponse.ListOffsetsTopicResponse(name=wanted.name, partitions=results))
    return ListOffsetsResponse(topics=topics)


def _locate(partition: Partition, timestamp: int, committed: bool) -> tuple[int, int]:
    end = partition.last_stable_offset if committed else partition.high_watermark
    if timestamp == LATEST:
        return end, -1
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return partition.log_start, -1
    if timestamp == MAX_TIMESTAMP:
        return partition.max_timestamp()
    if timestamp in (LATEST_TIERED, EARLIEST_NOT_TIERED):  # nothing is anywhere but here
        return -1, -1
    found = partition.offset_for_time(timestamp)
    return (-1, -1) if found is None or found[0] >= end else found


def offset_for_leader_epoch(
    broker: Broker, context: Context, request: OffsetForLeaderEpochRequest
) -> OffsetForLeaderEpochResponse:
    """Where a leader epoch ends (KIP-320). There has only ever been epoch 0, and it ends at the end of the log."""
    topics = []
    for wanted in request.topics:
        results = []
        for place in wanted.partitions:
            partition = broker.partition(wanted.topic, place.partition)
            result = EpochEnd(partition=place.partition)
            if not broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, wanted.topic):
                result.error_code = Code.TOPIC_AUTHORIZATION_FAILED
            elif partition is None:
                result.error_code = Code.UNKNOWN_TOPIC_OR_PARTITION
            elif place.current_leader_epoch > 0:
                result.error_code = Code.UNKNOWN_LEADER_EPOCH
            elif place.leader_epoch == 0:
                result.leader_epoch, result.end_offset = 0, partition.log_end
            results.append(result)
        topics.append(OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult(topic=wanted.topic, partitions=results))
    return OffsetForLeaderEpochResponse(topics=topics)


def delete_records(
    broker: Broker, context: Context, request: DeleteRecordsRequest
) -> DeleteRecordsResponse | Awaitable[DeleteRecordsResponse]:
    """Drop everything before an offset (KIP-107)."""
    places = ((topic.name, place.partition_index) for topic in request.topics for place in topic.partitions)
    return _once_visible(broker, places, lambda: _delete(broker, context, request))


def _delete(broker: Broker, context: Context, request: DeleteRecordsRequest) -> DeleteRecordsResponse:
    topics = []
    for wanted in request.topics:
        results = []
        for place in wanted.partitions:
            partition = broker.partition(wanted.name, place.partition_index)
            result = DeleteRecordsResponse.DeleteRecordsPartitionResult(
                partition_index=place.partition_index, low_watermark=-1
            )
            if not broker.allows(context, Operation.DELETE, Resource.TOPIC, wanted.name):
                result.error_code = Code.TOPIC_AUTHORIZATION_FAILED
            elif partition is None:
                result.error_code = Code.UNKNOWN_TOPIC_OR_PARTITION
            elif wanted.name in INTERNAL_TOPICS:
                result.error_code = Code.INVALID_TOPIC_EXCEPTION
            elif wanted.name in broker.reserved_topics:
                result.error_code = Code.TOPIC_AUTHORIZATION_FAILED
            else:
                before = partition.high_watermark if place.offset == HIGH_WATERMARK else place.offset
                try:
                    result.low_watermark = partition.delete_records(before)
                except HeadwaterError as error:
                    result.error_code = code_of(error)
            results.append(result)
        topics.append(DeleteRecordsResponse.DeleteRecordsTopicResult(name=wanted.name, partitions=results))
    return DeleteRecordsResponse(topics=topics)
