"""`ClusterSuite`: what every `Cluster` must do, as tests to inherit.

    class TestLocalCluster(ClusterSuite):
        @pytest.fixture
        async def cluster(self): ...   # a started cluster, closed afterwards

Written for what an embedded log and an Apache Kafka can both do: topics have names of their own per test, offsets are
compared with what `commit` returned and never counted on to be gapless, and whatever a remote cluster may take a
moment for is waited for.
"""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest

from headwater.cluster.api import EARLIEST, LATEST, Append, Cluster, Commit, Fetched, TopicPartition, TopicSpec
from headwater.core.errors import ClusterError, HeadwaterError, LogError, TopicExistsError
from headwater.wire.records import build_batch, read_records

PATIENCE = 30.0
"""Seconds to wait for a remote cluster before a test fails; an embedded one never needs it."""


def batch(*values: str, at: int | None = None, key: bytes | None = None) -> bytes:
    """A batch with one record per value, one ms apart from `at` (ms) on, or from now on."""
    start = int(time.time() * 1000) if at is None else at
    return build_batch([(key, value.encode(), start + i, ()) for i, value in enumerate(values)])


async def read_all(
    cluster: Cluster, where: TopicPartition, start: int, count: int, max_bytes: int = 4 << 20
) -> list[tuple[int, bytes | None]]:
    """(offset, value) of `count` records from `start` on, waiting for them."""
    out: list[tuple[int, bytes | None]] = []
    position = start
    deadline = time.monotonic() + PATIENCE
    while len(out) < count:
        assert time.monotonic() < deadline, f"{len(out)} of {count} records of {where} after {PATIENCE} s"
        if not await cluster.wait({where: position}, 1.0):
            continue
        for fetched in await cluster.fetch({where: position}, max_bytes):
            out += [(record.offset, record.value) for record in read_records(fetched.data, position)]
            assert fetched.next_offset >= position
            position = fetched.next_offset
    return out


def values_of(fetched: list[Fetched]) -> dict[TopicPartition, list[bytes | None]]:
    """The values of what one fetch brought, by partition."""
    return {f.partition: [record.value for record in read_records(f.data)] for f in fetched}


class ClusterSuite:
    """Inherit and provide the fixture `cluster`."""

    @pytest.fixture
    def name(self) -> str:
        """A topic name that nobody else uses."""
        return f"suite-{uuid4().hex[:12]}"

    @pytest.fixture
    def group(self) -> str:
        """A group name that nobody else uses."""
        return f"group-{uuid4().hex[:12]}"

    async def topic(self, cluster: Cluster, name: str, partitions: int = 1) -> list[TopicPartition]:
        """Create a topic and wait until the cluster knows it."""
        await cluster.create_topics([TopicSpec(name, partitions)])
        await cluster.refresh()
        return [TopicPartition(name, number) for number in range(partitions)]

    # Topics

    async def test_the_cluster_has_an_id(self, cluster: Cluster) -> None:
        assert cluster.cluster_id

    async def test_a_created_topic_is_listed_with_what_was_asked_for(self, cluster: Cluster, name: str) -> None:
        await cluster.create_topics([TopicSpec(name, 3, configs={"retention.ms": "123456"})])
        await cluster.refresh()
        info = cluster.topic(name)
        assert info is not None
        assert (info.name, info.partitions, info.internal) == (name, 3, False)
        assert info.configs["retention.ms"] == "123456"
        assert len(info.topic_id) == 16
        assert cluster.topics()[name] == info

    async def test_a_topic_cannot_be_created_twice(self, cluster: Cluster, name: str) -> None:
        await self.topic(cluster, name)
        with pytest.raises(TopicExistsError):
            await cluster.create_topics([TopicSpec(name)])

    async def test_of_several_topics_the_earlier_stay_when_one_exists(self, cluster: Cluster, name: str) -> None:
        await self.topic(cluster, name)
        with pytest.raises(TopicExistsError):
            await cluster.create_topics([TopicSpec(name + "-new"), TopicSpec(name)])
        await cluster.refresh()
        assert cluster.topic(name + "-new") is not None

    @pytest.mark.parametrize(
        "spec",
        [
            TopicSpec("not a topic name"),
            TopicSpec("suite-no-partitions", 0),
            TopicSpec("suite-wrong-config", configs={"retention.ms": "soon"}),
            TopicSpec("suite-unknown-config", configs={"no.such.config": "1"}),
        ],
        ids=lambda spec: spec.name,
    )
    async def test_an_impossible_topic_is_refused(self, cluster: Cluster, spec: TopicSpec) -> None:
        with pytest.raises((ClusterError, LogError)):
            await cluster.create_topics([spec])
        await cluster.refresh()
        assert cluster.topic(spec.name) is None

    async def test_a_deleted_topic_is_gone(self, cluster: Cluster, name: str) -> None:
        await self.topic(cluster, name)
        await cluster.delete_topics([name])
        await cluster.refresh()
        assert cluster.topic(name) is None

    async def test_deleting_a_topic_that_does_not_exist_says_so(self, cluster: Cluster, name: str) -> None:
        with pytest.raises(ClusterError, match=name):
            await cluster.delete_topics([name])

    async def test_a_topic_that_does_not_exist_is_none(self, cluster: Cluster, name: str) -> None:
        assert cluster.topic(name) is None

    # Appending and reading

    async def test_what_is_committed_is_read_back_in_order(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        (base,) = await cluster.commit(Commit([Append(where, batch("a", "b", "c"))]))
        assert await read_all(cluster, where, base, 3) == [(base, b"a"), (base + 1, b"b"), (base + 2, b"c")]

    async def test_each_append_gets_its_base_offset(self, cluster: Cluster, name: str) -> None:
        first, second = await self.topic(cluster, name, 2)
        await cluster.commit(Commit([Append(second, batch("x", "y"))]))
        bases = await cluster.commit(
            Commit([Append(first, batch("a")), Append(second, batch("b", "c")), Append(first, batch("d"))])
        )
        assert len(bases) == 3
        assert bases[1] >= 2
        assert bases[2] > bases[0]
        assert await read_all(cluster, first, bases[0], 2) == [(bases[0], b"a"), (bases[2], b"d")]
        assert await read_all(cluster, second, bases[1], 2) == [(bases[1], b"b"), (bases[1] + 1, b"c")]

    async def test_keys_nulls_headers_and_times_survive(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        now = int(time.time() * 1000)
        data = build_batch([(b"k", None, now, [("h", b"1"), ("h", None)]), (None, b"", now - 5, ())])
        (base,) = await cluster.commit(Commit([Append(where, data)]))
        await read_all(cluster, where, base, 2)
        (fetched,) = await cluster.fetch({where: base})
        first, second = read_records(fetched.data, base)
        assert (first.key, first.value, first.timestamp, list(first.headers)) == (
            b"k",
            None,
            now,
            [("h", b"1"), ("h", None)],
        )
        assert (second.key, second.value, second.timestamp, list(second.headers)) == (None, b"", now - 5, [])

    async def test_nothing_there_is_an_empty_fetch(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        assert not any(f.data for f in await cluster.fetch({where: 0}))

    async def test_reading_goes_on_where_next_offset_says(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        for number in range(20):
            await cluster.commit(Commit([Append(where, batch(f"{number}-a", f"{number}-b"))]))
        found = await read_all(cluster, where, 0, 40, max_bytes=200)
        assert [value for _, value in found] == [f"{n}-{x}".encode() for n in range(20) for x in "ab"]
        assert [offset for offset, _ in found] == sorted({offset for offset, _ in found})

    async def test_a_position_inside_a_batch_gives_the_whole_batch(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        (base,) = await cluster.commit(Commit([Append(where, batch("a", "b", "c"))]))
        assert await read_all(cluster, where, base + 2, 1) == [(base + 2, b"c")]

    async def test_a_batch_larger_than_max_bytes_is_fetched_whole(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        (base,) = await cluster.commit(Commit([Append(where, batch("x" * 10_000))]))
        assert await read_all(cluster, where, base, 1, max_bytes=100) == [(base, b"x" * 10_000)]

    async def test_one_fetch_reads_many_partitions(self, cluster: Cluster, name: str) -> None:
        parts = await self.topic(cluster, name, 4)
        bases = await cluster.commit(Commit([Append(where, batch(f"p{where.partition}")) for where in parts]))
        for where, base in zip(parts, bases, strict=True):
            await read_all(cluster, where, base, 1)
        fetched = await cluster.fetch(dict(zip(parts, bases, strict=True)))
        assert values_of(fetched) == {where: [f"p{where.partition}".encode()] for where in parts}

    async def test_a_busy_partition_does_not_starve_the_others(self, cluster: Cluster, name: str) -> None:
        busy, quiet = await self.topic(cluster, name, 2)
        for _ in range(10):
            await cluster.commit(Commit([Append(busy, batch("x" * 5_000))]))
        (base,) = await cluster.commit(Commit([Append(quiet, batch("me too"))]))
        position, seen = {busy: 0, quiet: base}, False
        for _ in range(10):
            for fetched in await cluster.fetch(position, 6_000):
                position[fetched.partition] = fetched.next_offset
                seen = seen or fetched.partition == quiet
        assert seen

    async def test_an_offset_above_the_end_is_an_error(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        await cluster.commit(Commit([Append(where, batch("a"))]))
        with pytest.raises((LogError, ClusterError)):
            await cluster.fetch({where: 1_000})

    async def test_reading_an_unknown_topic_is_an_error(self, cluster: Cluster, name: str) -> None:
        with pytest.raises(HeadwaterError, match=name):
            await cluster.fetch({TopicPartition(name, 0): 0})

    async def test_appending_to_an_unknown_topic_does_nothing_anywhere(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        appends = [Append(where, batch("a")), Append(TopicPartition(name + "-not", 0), batch("b"))]
        with pytest.raises(HeadwaterError, match=f"{name}-not"):
            await cluster.commit(Commit(appends, transactional_id=f"tx-{name}"))
        (base,) = await cluster.commit(Commit([Append(where, batch("c"))]))
        assert [value for _, value in await read_all(cluster, where, 0, 1)] == [b"c"]
        assert base >= 0

    # Waiting

    async def test_waiting_ends_at_once_if_there_is_something(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        (base,) = await cluster.commit(Commit([Append(where, batch("a"))]))
        assert await cluster.wait({where: base}, PATIENCE)

    async def test_waiting_ends_when_something_arrives(self, cluster: Cluster, name: str) -> None:
        parts = await self.topic(cluster, name, 3)
        waiting = asyncio.ensure_future(cluster.wait(dict.fromkeys(parts, 0), PATIENCE))
        await asyncio.sleep(0)
        assert not waiting.done()
        await cluster.commit(Commit([Append(parts[2], batch("a"))]))
        assert await waiting

    async def test_waiting_for_nothing_times_out(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        assert not await cluster.wait({where: 0}, 0.01)

    # Offsets by time

    async def test_earliest_and_latest(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        assert await cluster.list_offset(where, EARLIEST) == await cluster.list_offset(where, LATEST) == 0
        (base,) = await cluster.commit(Commit([Append(where, batch("a", "b"))]))
        await read_all(cluster, where, base, 2)
        assert await cluster.list_offset(where, EARLIEST) == 0
        assert await cluster.list_offset(where, LATEST) >= base + 2

    async def test_the_first_offset_at_or_after_a_time(self, cluster: Cluster, name: str) -> None:
        (where,) = await self.topic(cluster, name)
        start = int(time.time() * 1000) - 100_000
        first, second = await cluster.commit(
            Commit([Append(where, batch("a", "b", "c", at=start)), Append(where, batch("d", at=start + 5_000))])
        )
        await read_all(cluster, where, first, 4)
        end = await cluster.list_offset(where, LATEST)
        cases = {
            start - 1: first,
            start: first,
            start + 1: first + 1,
            start + 3: second,
            start + 5_000: second,
            start + 5_001: end,
        }
        assert {at: await cluster.list_offset(where, at) for at in cases} == cases

    # Consumer offsets

    async def test_offsets_are_committed_with_the_records(self, cluster: Cluster, name: str, group: str) -> None:
        source, sink = await self.topic(cluster, name, 2)
        await cluster.commit(Commit([Append(source, batch("in"))]))
        (base,) = await cluster.commit(Commit([Append(sink, batch("out"))], group, {source: 1}, f"tx-{group}"))
        assert await cluster.committed(group, [source, sink]) == {source: 1}
        assert await read_all(cluster, sink, base, 1) == [(base, b"out")]

    async def test_offsets_can_be_committed_alone_and_again(self, cluster: Cluster, name: str, group: str) -> None:
        first, second = await self.topic(cluster, name, 2)
        assert await cluster.commit(Commit(group=group, offsets={first: 5, second: 6})) == []
        await cluster.commit(Commit(group=group, offsets={first: 3}))
        assert await cluster.committed(group, [first, second]) == {first: 3, second: 6}

    async def test_groups_have_offsets_of_their_own(self, cluster: Cluster, name: str, group: str) -> None:
        (where,) = await self.topic(cluster, name)
        await cluster.commit(Commit(group=group, offsets={where: 7}))
        assert await cluster.committed(group + "-other", [where]) == {}

    async def test_a_failed_commit_leaves_neither_records_nor_offsets(
        self, cluster: Cluster, name: str, group: str
    ) -> None:
        (where,) = await self.topic(cluster, name)
        bad = Append(where, b"not a batch")
        with pytest.raises(HeadwaterError):
            await cluster.commit(Commit([Append(where, batch("a")), bad], group, {where: 1}, f"tx-{group}"))
        assert await cluster.committed(group, [where]) == {}
        await cluster.commit(Commit([Append(where, batch("b"))], transactional_id=f"tx-{group}"))
        assert [value for _, value in await read_all(cluster, where, 0, 1)] == [b"b"]

    async def test_a_deleted_group_has_no_offsets(self, cluster: Cluster, name: str, group: str) -> None:
        (where,) = await self.topic(cluster, name)
        await cluster.commit(Commit(group=group, offsets={where: 7}))
        await cluster.delete_group(group)
        assert await cluster.committed(group, [where]) == {}

    async def test_deleting_a_group_without_offsets_is_no_error(self, cluster: Cluster, group: str) -> None:
        await cluster.delete_group(group)

    async def test_many_transactions_read_back_without_their_markers(
        self, cluster: Cluster, name: str, group: str
    ) -> None:
        (where,) = await self.topic(cluster, name)
        for number in range(5):
            work = Commit([Append(where, batch(f"v{number}"))], group, {where: number}, f"tx-{group}")
            await cluster.commit(work)
        found = await read_all(cluster, where, 0, 5)
        assert [value for _, value in found] == [f"v{n}".encode() for n in range(5)]
        assert await cluster.committed(group, [where]) == {where: 4}
