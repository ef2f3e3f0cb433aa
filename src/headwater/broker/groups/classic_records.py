"""A classic group as a record in `__consumer_offsets`: Kafka's GroupMetadataValue, two bytes of version in front."""

from __future__ import annotations

from headwater.broker.groups.classic_group import ClassicGroup, ClassicMember, State
from headwater.wire.codec import decode, encode
from headwater.wire.messages import GroupMetadataValue

VERSION = 3
"""What Apache Kafka writes since 2.3; later versions only change the encoding."""


def group_to_value(group: ClassicGroup, now_ms: int) -> bytes:
    """The group's generation, strategy and members with their assignments."""
    protocol = group.protocol or ""
    value = GroupMetadataValue(
        protocol_type=group.protocol_type,
        generation=group.generation,
        protocol=group.protocol,
        leader=group.leader,
        current_state_timestamp=now_ms,
        members=[
            GroupMetadataValue.MemberMetadata(
                member_id=member.id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                rebalance_timeout=member.rebalance_timeout_ms,
                session_timeout=member.session_timeout_ms,
                subscription=member.subscription(protocol),
                assignment=member.assignment,
            )
            for member in group.members.values()
        ],
    )
    return VERSION.to_bytes(2, "big") + b"".join(encode(value, VERSION))


def group_from_value(name: str, data: bytes) -> ClassicGroup:
    """The group as it was stored; stable if it had members. Raises `WireError`."""
    value = decode(GroupMetadataValue, int.from_bytes(data[:2], "big"), data, 2)
    members = {
        m.member_id: ClassicMember(
            m.member_id,
            m.group_instance_id,
            m.client_id,
            m.client_host,
            m.session_timeout,
            m.rebalance_timeout,
            ((value.protocol or "", m.subscription),),
            m.assignment,
            synced=True,
        )
        for m in value.members
    }
    return ClassicGroup(
        name,
        value.current_state_timestamp,
        State.STABLE if members else State.EMPTY,
        value.generation,
        value.protocol_type,
        value.protocol,
        value.leader,
        members,
        {m.instance_id: m.id for m in members.values() if m.instance_id is not None},
    )
