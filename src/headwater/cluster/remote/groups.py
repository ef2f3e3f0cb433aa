"""Consumer offsets of groups without members, and where a group's or a transaction's coordinator is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from headwater.cluster.api import TopicPartition
from headwater.cluster.remote import apis
from headwater.cluster.remote.apis import Api
from headwater.cluster.remote.brokers import Brokers
from headwater.cluster.remote.errors import BusyError, Code, PassingError, check
from headwater.wire import messages as m
from headwater.wire.definitions import Struct

S = TypeVar("S", bound=Struct)

GROUP, TRANSACTION = 0, 1
"""Kinds of coordinator, as FindCoordinator numbers them."""


class Coordinators:
    """Asks the coordinator of a group or transactional id; looks it up once and again when it moved."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._nodes: dict[tuple[int, str], int] = {}

    async def ask(
        self,
        kind: int,
        key: str,
        what: str,
        api: Api[S],
        request: Struct,
        codes: Callable[[S], Iterable[int]],
        partitions: Iterable[TopicPartition] = (),
    ) -> S:
        """The coordinator's answer, when all its error `codes` are 0; tries again what passes by itself.

        Raises `ClusterError` naming `what` was being done, `UnknownTopicError` when one of `partitions` does not exist.
        """

        async def attempt() -> S:
            node = await self.find(kind, key)
            try:
                answer = await self._brokers.call(node, api, request)
                for code in codes(answer):
                    check(code, what)
            except BusyError:
                raise
            except PassingError:
                self._nodes.pop((kind, key), None)
                raise
            return answer

        return await self._brokers.persist(what, attempt, partitions)

    def forget(self, kind: int, key: str) -> None:
        """Look it up again the next time."""
        self._nodes.pop((kind, key), None)

    async def find(self, kind: int, key: str) -> int:
        """The node that coordinates. Raises `ClusterError`."""
        node = self._nodes.get((kind, key))
        if node is None:
            request = m.FindCoordinatorRequest(key=key, key_type=kind)
            answer = await self._brokers.call_any(apis.FIND_COORDINATOR, request)
            check(answer.error_code, f"finding the coordinator of {key}", answer.error_message)
            node = self._nodes[kind, key] = answer.node_id
        return node


class Groups:
    """Offsets that groups committed."""

    def __init__(self, coordinators: Coordinators) -> None:
        self._coordinators = coordinators

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit without being a member, which works while the group has none."""
        Topic = m.OffsetCommitRequest.OffsetCommitRequestTopic  # noqa: N806 - a class
        Partition = m.OffsetCommitRequest.OffsetCommitRequestPartition  # noqa: N806
        topics = [
            Topic(
                name=name,
                partitions=[Partition(partition_index=i, committed_offset=offset) for i, offset in partitions],
            )
            for name, partitions in by_topic(offsets).items()
        ]
        await self._coordinators.ask(
            GROUP,
            group,
            f"committing offsets of group {group}",
            apis.OFFSET_COMMIT,
            m.OffsetCommitRequest(group_id=group, generation_id_or_member_epoch=-1, topics=topics),
            lambda answer: (p.error_code for t in answer.topics for p in t.partitions),
        )

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Offsets of those partitions that have one; waits for transactions that are just being ended (KIP-447)."""
        names: dict[str, list[int]] = {}
        for partition in partitions:
            names.setdefault(partition.topic, []).append(partition.partition)
        Topic = m.OffsetFetchRequest.OffsetFetchRequestTopic  # noqa: N806 - a class
        topics = [Topic(name=name, partition_indexes=indexes) for name, indexes in names.items()]

        def codes(answer: m.OffsetFetchResponse) -> list[int]:
            own = [p.error_code for t in answer.topics for p in t.partitions]
            return [answer.error_code, *(c for c in own if c != Code.UNKNOWN_TOPIC_OR_PARTITION)]

        answer = await self._coordinators.ask(
            GROUP,
            group,
            f"reading the offsets of group {group}",
            apis.OFFSET_FETCH,
            m.OffsetFetchRequest(group_id=group, topics=topics, require_stable=True),
            codes,
        )
        return {
            TopicPartition(topic.name, p.partition_index): p.committed_offset
            for topic in answer.topics
            for p in topic.partitions
            if p.committed_offset >= 0
        }

    async def delete(self, group: str) -> None:
        """Forget the group; raises `ClusterError` while it has members."""
        await self._coordinators.ask(
            GROUP,
            group,
            f"deleting group {group}",
            apis.DELETE_GROUPS,
            m.DeleteGroupsRequest(groups_names=[group]),
            lambda answer: (r.error_code for r in answer.results if r.error_code != Code.GROUP_ID_NOT_FOUND),
        )


def by_topic(offsets: Mapping[TopicPartition, int]) -> dict[str, list[tuple[int, int]]]:
    """Topic name to (partition, offset) pairs: the shape of every request with offsets."""
    grouped: dict[str, list[tuple[int, int]]] = {}
    for partition, offset in offsets.items():
        grouped.setdefault(partition.topic, []).append((partition.partition, offset))
    return grouped
