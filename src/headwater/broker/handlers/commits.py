"""Offsets of consumer groups: OffsetCommit, OffsetFetch, OffsetDelete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.groups.classic_group import CONSUMER
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.offsets import Key, Offset, OffsetAndMetadata
from headwater.wire.definitions import ZERO_UUID
from headwater.wire.messages import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

CommitTopic = OffsetCommitResponse.OffsetCommitResponseTopic
CommitPartition = OffsetCommitResponse.OffsetCommitResponsePartition
_FIRST_WITH_GROUPS = 8
_FIRST_WITH_IDS = 10
_NO_OFFSET = OffsetAndMetadata(-1)


def offset_commit(
    broker: Broker, context: Context, request: OffsetCommitRequest
) -> OffsetCommitResponse | Awaitable[OffsetCommitResponse]:
    """Store the group's positions; the answer comes when they are durable."""
    error = broker.groups.check_commit(
        request.group_id,
        request.generation_id_or_member_epoch,
        request.member_id,
        request.group_instance_id,
        context.version,
    )
    if not broker.allows(context, Operation.READ, Resource.GROUP, request.group_id):
        error = Code.GROUP_AUTHORIZATION_FAILED
    by_id = context.version >= _FIRST_WITH_IDS
    offsets: dict[Key, Offset] = {}
    topics = []
    for wanted in request.topics:
        topic = broker.log.topic_by_id(wanted.topic_id) if by_id else broker.log.topic(wanted.name)
        name = wanted.name if topic is None else topic.name
        partitions = []
        for place in wanted.partitions:
            code = error or (Code.UNKNOWN_TOPIC_ID if topic is None and by_id else Code.NONE)
            code = code or _check_offset(broker, context, name, place)
            if not code:
                key = name, place.partition_index
                offsets[key] = place.committed_offset, place.committed_leader_epoch, place.committed_metadata or ""
            partitions.append(CommitPartition(partition_index=place.partition_index, error_code=code))
        topics.append(CommitTopic(name=wanted.name, topic_id=wanted.topic_id, partitions=partitions))
    response = OffsetCommitResponse(topics=topics)
    if not offsets:
        return response
    broker.observation.committed(context.client_id, request.group_id, {topic for topic, _ in offsets})
    return _store(broker, request.group_id, offsets, response)


def _check_offset(
    broker: Broker, context: Context, topic: str, place: OffsetCommitRequest.OffsetCommitRequestPartition
) -> Code:
    if not broker.allows(context, Operation.READ, Resource.TOPIC, topic):
        return Code.TOPIC_AUTHORIZATION_FAILED
    if broker.partition(topic, place.partition_index) is None:
        return Code.UNKNOWN_TOPIC_OR_PARTITION
    if len(place.committed_metadata or "") > broker.settings.max_offset_metadata_bytes:
        return Code.OFFSET_METADATA_TOO_LARGE
    return Code.NONE


async def _store(
    broker: Broker, group: str, offsets: dict[Key, Offset], response: OffsetCommitResponse
) -> OffsetCommitResponse:
    try:
        await broker.commit_offsets(group, offsets)
    except HeadwaterError as error:
        for topic in response.topics:
            for place in topic.partitions:
                if not place.error_code:
                    place.error_code = code_of(error)
    return response


def offset_fetch(broker: Broker, context: Context, request: OffsetFetchRequest) -> OffsetFetchResponse:
    """Committed positions of one group or, from version 8 on, of several; -1 where there is none."""
    if context.version >= _FIRST_WITH_GROUPS:
        return OffsetFetchResponse(
            groups=[_fetch_group(broker, context, wanted, request.require_stable) for wanted in request.groups]
        )
    if not broker.allows(context, Operation.DESCRIBE, Resource.GROUP, request.group_id):
        return OffsetFetchResponse(error_code=Code.GROUP_AUTHORIZATION_FAILED)
    committed = broker.offsets.fetch(request.group_id)
    unstable = _unstable(broker, request.group_id, request.require_stable)
    topics = []
    for name, indexes in _wanted(request.topics, committed):
        partitions = []
        for index in indexes:
            code, found = _position(committed, unstable, name, index)
            partitions.append(
                OffsetFetchResponse.OffsetFetchResponsePartition(
                    partition_index=index,
                    error_code=code,
                    committed_offset=found.offset,
                    committed_leader_epoch=found.leader_epoch,
                    metadata=found.metadata,
                )
            )
        topics.append(OffsetFetchResponse.OffsetFetchResponseTopic(name=name, partitions=partitions))
    return OffsetFetchResponse(topics=topics)


def _position(
    committed: Mapping[Key, OffsetAndMetadata], unstable: Callable[[str, int], bool], topic: str, index: int
) -> tuple[Code, OffsetAndMetadata]:
    """What to say of one partition."""
    if unstable(topic, index):
        return Code.UNSTABLE_OFFSET_COMMIT, _NO_OFFSET
    return Code.NONE, committed.get((topic, index), _NO_OFFSET)


def _fetch_group(
    broker: Broker, context: Context, wanted: OffsetFetchRequest.OffsetFetchRequestGroup, stable: bool
) -> OffsetFetchResponse.OffsetFetchResponseGroup:
    error = broker.groups.check_fetch(wanted.group_id, wanted.member_epoch, wanted.member_id)
    if not broker.allows(context, Operation.DESCRIBE, Resource.GROUP, wanted.group_id):
        error = Code.GROUP_AUTHORIZATION_FAILED
    if error:
        return OffsetFetchResponse.OffsetFetchResponseGroup(group_id=wanted.group_id, error_code=error)
    committed = broker.offsets.fetch(wanted.group_id)
    unstable = _unstable(broker, wanted.group_id, stable)
    topics = []
    for name, topic_id, indexes in _wanted_by_id(broker, context, wanted, committed):
        partitions = []
        for index in indexes:
            code, found = _position(committed, unstable, name, index)
            partitions.append(
                OffsetFetchResponse.OffsetFetchResponsePartitions(
                    partition_index=index,
                    error_code=code if name else Code.UNKNOWN_TOPIC_ID,
                    committed_offset=found.offset,
                    committed_leader_epoch=found.leader_epoch,
                    metadata=found.metadata,
                )
            )
        topics.append(
            OffsetFetchResponse.OffsetFetchResponseTopics(name=name, topic_id=topic_id, partitions=partitions)
        )
    return OffsetFetchResponse.OffsetFetchResponseGroup(group_id=wanted.group_id, topics=topics)


def _wanted_by_id(
    broker: Broker,
    context: Context,
    wanted: OffsetFetchRequest.OffsetFetchRequestGroup,
    committed: dict[Key, OffsetAndMetadata],
) -> Iterator[tuple[str, bytes, list[int]]]:
    """Name, id and partitions of the topics asked for; from version 10 on they are named by id, and a topic that does
    not exist has no name."""
    if context.version < _FIRST_WITH_IDS:
        for name, indexes in _wanted(wanted.topics, committed):
            yield name, ZERO_UUID, indexes
    elif wanted.topics is not None:
        for asked in wanted.topics:
            topic = broker.log.topic_by_id(asked.topic_id)
            yield "" if topic is None else topic.name, asked.topic_id, asked.partition_indexes
    else:
        for name, indexes in _wanted(None, committed):
            topic = broker.log.topic(name)
            if topic is not None:
                yield name, topic.topic_id, indexes


def _unstable(broker: Broker, group: str, required: bool) -> Callable[[str, int], bool]:
    """Whether a partition has an offset in an open transaction, so that a client that wants a stable one has to ask
    again later (KIP-447)."""
    if not required or not broker.transactions.any_open:
        return lambda topic, index: False
    return lambda topic, index: broker.offsets.has_pending(group, (topic, index))


def _wanted(
    topics: Sequence[OffsetFetchRequest.OffsetFetchRequestTopic | OffsetFetchRequest.OffsetFetchRequestTopics] | None,
    committed: dict[Key, OffsetAndMetadata],
) -> list[tuple[str, list[int]]]:
    """The partitions asked for by topic; null asks for all that have an offset."""
    if topics is not None:
        return [(topic.name, topic.partition_indexes) for topic in topics]
    found: dict[str, list[int]] = {}
    for name, index in committed:
        found.setdefault(name, []).append(index)
    return list(found.items())


def offset_delete(broker: Broker, context: Context, request: OffsetDeleteRequest) -> OffsetDeleteResponse:
    """Forget positions of a group for topics that none of its members is subscribed to (KIP-496)."""
    if not broker.allows(context, Operation.DELETE, Resource.GROUP, request.group_id):
        return OffsetDeleteResponse(error_code=Code.GROUP_AUTHORIZATION_FAILED)
    group = broker.groups.groups.get(request.group_id)
    committed = broker.offsets.fetch(request.group_id)
    if group is None and not committed:
        return OffsetDeleteResponse(error_code=Code.GROUP_ID_NOT_FOUND)
    subscribed: set[str] = set()
    if group is not None and not group.is_empty:
        if group.protocol_name != CONSUMER:
            return OffsetDeleteResponse(error_code=Code.NON_EMPTY_GROUP)
        subscribed = group.subscribed_topics()
    topics = []
    for topic in request.topics:
        code = Code.GROUP_SUBSCRIBED_TO_TOPIC if topic.name in subscribed else Code.NONE
        if not code:
            broker.offsets.delete(request.group_id, [(topic.name, place.partition_index) for place in topic.partitions])
        partitions = [
            OffsetDeleteResponse.OffsetDeleteResponsePartition(partition_index=p.partition_index, error_code=code)
            for p in topic.partitions
        ]
        topics.append(OffsetDeleteResponse.OffsetDeleteResponseTopic(name=topic.name, partitions=partitions))
    return OffsetDeleteResponse(topics=topics)
