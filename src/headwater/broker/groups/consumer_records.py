"""A consumer group as records in `__consumer_offsets`, laid out as Kafka's: group, members, target, what members have.

A key is two bytes of record type, the group and, for what is about a member, its id; a value two bytes of version, 0,
and the message.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Mapping

from headwater.broker.groups.assignors import Partitions
from headwater.broker.groups.consumer_group import ConsumerGroup, ConsumerMember, Subscription
from headwater.broker.groups.reconciliation import Holding, MemberState
from headwater.log.offsets import packed_text, record_type, unpacked_text
from headwater.wire.codec import WireError, decode, encode
from headwater.wire.messages import (
    ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataValue,
    ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataValue,
    Struct,
)

GROUP, MEMBER, TARGET_EPOCH, TARGET, HOLDING = 3, 5, 6, 7, 8
"""Record types. 4 and 16, of topics and patterns, can be computed and are not written."""
_VERSION = b"\0\0"
_Current = ConsumerGroupCurrentMemberAssignmentValue
_Target = ConsumerGroupTargetAssignmentMemberValue

logger = logging.getLogger(__name__)


def record_key(kind: int, group: str, member: str | None = None) -> bytes:
    """The key of a record."""
    return struct.pack(">h", kind) + packed_text(group) + (b"" if member is None else packed_text(member))


def group_value(epoch: int, topics_hash: int) -> bytes:
    """The group's epoch."""
    return _value(ConsumerGroupMetadataValue(epoch=epoch, metadata_hash=topics_hash))


def target_epoch_value(epoch: int) -> bytes:
    """The epoch of the target."""
    return _value(ConsumerGroupTargetAssignmentMetadataValue(assignment_epoch=epoch))


def member_value(member: ConsumerMember, subscription: Subscription) -> bytes:
    """Who a member is and what it wants."""
    return _value(
        ConsumerGroupMemberMetadataValue(
            instance_id=member.instance_id,
            rack_id=subscription.rack_id,
            client_id=member.client_id,
            client_host=member.client_host,
            subscribed_topic_names=sorted(subscription.topics),
            subscribed_topic_regex=subscription.pattern or None,
            rebalance_timeout_ms=subscription.rebalance_timeout_ms,
            server_assignor=subscription.assignor,
        )
    )


def target_value(partitions: Partitions) -> bytes:
    """What a member is to have."""
    return _value(
        _Target(
            topic_partitions=[
                _Target.TopicPartition(topic_id=topic, partitions=indexes)
                for topic, indexes in by_topic(partitions).items()
            ]
        )
    )


def holding_value(holding: Holding) -> bytes:
    """What a member has."""
    assigned, revoking = (
        [_Current.TopicPartitions(topic_id=t, partitions=indexes) for t, indexes in by_topic(partitions).items()]
        for partitions in (holding.assigned, holding.revoking)
    )
    return _value(
        _Current(
            member_epoch=holding.epoch,
            previous_member_epoch=holding.previous_epoch,
            state=holding.state,
            assigned_partitions=assigned,
            partitions_pending_revocation=revoking,
        )
    )


def group_from_records(name: str, records: Mapping[bytes, bytes]) -> ConsumerGroup | None:
    """The group as it was stored; None if these are not the records of one. An unreadable record is left out."""
    group = ConsumerGroup(name)
    found = False
    held: dict[str, Holding] = {}
    for key in sorted(records, key=record_type):
        try:
            found = _read(group, held, key, records[key]) or found
        except (WireError, ValueError, IndexError, struct.error) as error:
            logger.warning("A record of group %s is not understood and left out: %r", name, error)
    for member in list(group.members.values()):
        member.holding = held.get(member.id, member.holding)
        group.put(member)
    group.target = {member: group.target.get(member, frozenset()) for member in group.members}
    return group if found else None


def _read(group: ConsumerGroup, held: dict[str, Holding], key: bytes, value: bytes) -> bool:
    """Take in one record; whether it is one of a consumer group."""
    kind, (_, at) = record_type(key), unpacked_text(key, 2)
    if kind == GROUP:
        stored = decode(ConsumerGroupMetadataValue, 0, value, 2)
        group.epoch, group.topics_hash = stored.epoch, stored.metadata_hash
    elif kind == TARGET_EPOCH:
        group.target_epoch = decode(ConsumerGroupTargetAssignmentMetadataValue, 0, value, 2).assignment_epoch
    elif kind == MEMBER:
        member = _member(unpacked_text(key, at)[0], decode(ConsumerGroupMemberMetadataValue, 0, value, 2))
        group.members[member.id] = member
    elif kind == TARGET:
        group.target[unpacked_text(key, at)[0]] = _partitions(decode(_Target, 0, value, 2).topic_partitions)
    elif kind == HOLDING:
        current = decode(_Current, 0, value, 2)
        held[unpacked_text(key, at)[0]] = Holding(
            current.member_epoch,
            current.previous_member_epoch,
            MemberState(current.state),
            _partitions(current.assigned_partitions),
            _partitions(current.partitions_pending_revocation),
        )
    return kind in (GROUP, TARGET_EPOCH, MEMBER, TARGET, HOLDING)


def _member(member_id: str, stored: ConsumerGroupMemberMetadataValue) -> ConsumerMember:
    subscription = Subscription(
        frozenset(stored.subscribed_topic_names),
        stored.subscribed_topic_regex or "",
        stored.server_assignor,
        stored.rebalance_timeout_ms,
        stored.rack_id,
    )
    return ConsumerMember(member_id, stored.instance_id, stored.client_id, stored.client_host, subscription)


def by_topic(partitions: Iterable[tuple[bytes, int]]) -> dict[bytes, list[int]]:
    """Topic id to partitions, in order."""
    found: dict[bytes, list[int]] = {}
    for topic, index in sorted(partitions):
        found.setdefault(topic, []).append(index)
    return found


def _partitions(stored: Iterable[_Current.TopicPartitions | _Target.TopicPartition]) -> Partitions:
    return frozenset((topic.topic_id, index) for topic in stored for index in topic.partitions)


def _value(message: Struct) -> bytes:
    return _VERSION + b"".join(encode(message, 0))
