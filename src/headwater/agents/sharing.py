"""Sharing an app's partitions out over the members of its consumer group, in the classic protocol's own forms.

What belongs together is a partition's number: the member that has number 2 reads partition 2 of every source, and has
the tables' partition 2. Kafka's tools see an ordinary consumer group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headwater.wire.codec import decode, encode
from headwater.wire.messages import ConsumerProtocolAssignment, ConsumerProtocolSubscription

PROTOCOL_TYPE = "consumer"
PROTOCOL = "headwater-agents"
"""Not one of Kafka's assignors: only members that share in this way can be in the group together."""
_VERSION = 1
_VERSION_BYTES = _VERSION.to_bytes(2, "big")


def subscription(topics: Sequence[str]) -> bytes:
    """A member's metadata: the topics that the app reads."""
    return _VERSION_BYTES + b"".join(encode(ConsumerProtocolSubscription(topics=sorted(topics)), _VERSION))


def assign(members: Sequence[str], tasks: int, sources: Mapping[str, int]) -> dict[str, bytes]:
    """Each member's assignment: the numbers below `tasks` in turn. `sources` are the topics' partition counts."""
    ordered = sorted(members)
    return {member: _assignment(range(turn, tasks, len(ordered)), sources) for turn, member in enumerate(ordered)}


def _assignment(numbers: Sequence[int], sources: Mapping[str, int]) -> bytes:
    Topic = ConsumerProtocolAssignment.TopicPartition  # noqa: N806 - a class
    topics = [
        Topic(topic=name, partitions=[number for number in numbers if number < count])
        for name, count in sorted(sources.items())
    ]
    made = ConsumerProtocolAssignment(assigned_partitions=[topic for topic in topics if topic.partitions])
    return _VERSION_BYTES + b"".join(encode(made, _VERSION))


def assigned(told: bytes) -> list[int]:
    """The numbers in an assignment. Raises `WireError`."""
    if not told:
        return []
    found = decode(ConsumerProtocolAssignment, _VERSION, told, 2)
    return sorted({number for topic in found.assigned_partitions for number in topic.partitions})
