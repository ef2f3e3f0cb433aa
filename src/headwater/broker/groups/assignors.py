"""Who reads which partitions: the assignment strategies that the broker itself has (KIP-848). Pure functions.

Both are deterministic: the same members and topics give the same assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

TopicPartition = tuple[bytes, int]
"""Topic id and partition."""
Partitions = frozenset[TopicPartition]
Assignment = dict[str, Partitions]
"""Member id to its partitions; every member is in it."""

_MAX_PASSES = 10
"""Balancing converges in two or three; this bounds it."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A member as an assignor sees it."""

    member_id: str
    instance_id: str | None
    topics: frozenset[bytes]
    """Ids of the topics it wants, all of which exist."""
    previous: Partitions = frozenset()
    """What it was to have until now."""


Assignor = Callable[[Sequence[Subscriber], Mapping[bytes, int]], Assignment]
"""Members and the partition counts of all topics they want, to an assignment."""


def assign_uniform(members: Sequence[Subscriber], counts: Mapping[bytes, int]) -> Assignment:
    """As even as can be over all topics together, moving as little as possible."""
    if len({member.topics for member in members}) <= 1:
        return _assign_alike(members, counts)
    return _assign_mixed(members, counts)


def assign_ranges(members: Sequence[Subscriber], counts: Mapping[bytes, int]) -> Assignment:
    """Of each topic a run of consecutive partitions, so that equal partitions of equally wide topics go together.

    Members are in the order of their instance ids, then member ids, so that a restart moves little.
    """
    ordered = sorted(members, key=lambda m: (m.instance_id is None, m.instance_id or m.member_id))
    found: dict[str, set[TopicPartition]] = {member.member_id: set() for member in members}
    for topic, count in counts.items():
        subscribed = [member for member in ordered if topic in member.topics]
        if not subscribed:
            continue
        size, longer = divmod(count, len(subscribed))
        start = 0
        for number, member in enumerate(subscribed):
            end = start + size + (number < longer)
            found[member.member_id].update((topic, index) for index in range(start, end))
            start = end
    return {name: frozenset(partitions) for name, partitions in found.items()}


DEFAULT_ASSIGNOR = "uniform"
ASSIGNORS: Mapping[str, Assignor] = {DEFAULT_ASSIGNOR: assign_uniform, "range": assign_ranges}
"""By the names that clients give in `group.remote.assignor`."""


def _assign_alike(members: Sequence[Subscriber], counts: Mapping[bytes, int]) -> Assignment:
    """All want the same topics: everybody keeps what it had up to its share, the rest is dealt out."""
    if not members:
        return {}
    everything = {(t, i) for t, count in counts.items() if t in members[0].topics for i in range(count)}
    share, extras = divmod(len(everything), len(members))
    kept: dict[str, list[TopicPartition]] = {}
    rooms: list[tuple[str, int]] = []
    for member in sorted(members, key=lambda m: (-len(m.previous), m.member_id)):
        mine = sorted(member.previous & everything)
        room = share + (extras > 0 and len(mine) > share)
        extras -= room > share
        kept[member.member_id] = mine[:room]
        everything.difference_update(kept[member.member_id])
    for member in sorted(members, key=lambda m: m.member_id):
        had = kept[member.member_id]
        room = share
        if extras > 0 and len(had) <= share:
            room, extras = share + 1, extras - 1
        rooms.append((member.member_id, max(0, room - len(had))))
    for (name, _), partition in zip(_dealt(rooms), sorted(everything), strict=True):
        kept[name].append(partition)
    return {name: frozenset(partitions) for name, partitions in kept.items()}


def _dealt(rooms: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The names in turn, each as often as it has room."""
    level = 0
    while True:
        left = [room for room in rooms if room[1] > level]
        if not left:
            return
        yield from left
        level += 1


def _assign_mixed(members: Sequence[Subscriber], counts: Mapping[bytes, int]) -> Assignment:
    """Members want different topics: keep what they had, give the rest to whoever has least, then even out."""
    by_topic = {t: [m.member_id for m in members if t in m.topics] for t in counts}
    load: dict[str, set[TopicPartition]] = {
        m.member_id: {(t, i) for t, i in m.previous if t in m.topics and i < counts.get(t, 0)} for m in members
    }
    taken = {partition for partitions in load.values() for partition in partitions}
    for topic in sorted(by_topic, key=lambda t: (len(by_topic[t]), t)):  # the least wanted first: fewest choices
        wanting = by_topic[topic]
        for index in range(counts[topic]) if wanting else ():
            if (topic, index) not in taken:
                load[min(wanting, key=lambda name: (len(load[name]), name))].add((topic, index))
    for _ in range(_MAX_PASSES):
        moved = [_even_out(topic, wanting, load) for topic, wanting in by_topic.items() if wanting]
        if not any(moved):
            break
    return {name: frozenset(partitions) for name, partitions in load.items()}


def _even_out(topic: bytes, wanting: Sequence[str], load: dict[str, set[TopicPartition]]) -> bool:
    """Move partitions of one topic from who has most to who has least; whether any was moved."""
    moved = False
    giving = {name: sorted(p for p in load[name] if p[0] == topic) for name in wanting}
    while True:
        givers = [name for name in wanting if giving[name]]
        if not givers:
            return moved
        most = max(givers, key=lambda name: (len(load[name]), name))
        least = min(wanting, key=lambda name: (len(load[name]), name))
        if len(load[most]) - len(load[least]) <= 1:
            return moved
        partition = giving[most].pop()
        load[most].remove(partition)
        load[least].add(partition)
        giving[least].append(partition)
        moved = True
