"""Queries at the same place of a topic share what is fetched and decoded; any other fetches for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from headwater.cluster.api import Append, Commit, Fetched, TopicPartition, TopicSpec
from headwater.cluster.local import LocalCluster
from headwater.engine.reading import SharedReading, Stretch
from headwater.testing import ManualClock
from headwater.wire.records import build_batch
from tests.engine.sql_node import EARLIEST_RESET, SqlNode, sql_node

PLACE = TopicPartition("orders", 0)
_FETCH_BYTES = 1 << 20


class CountingCluster(LocalCluster):
    """Counts fetches, and lets others run before it answers, as a remote cluster does."""

    fetches = 0
    after_fetch: Callable[[], Awaitable[None]] | None = None
    """What happens between the cluster's answer and its arrival."""

    async def fetch(self, positions: Mapping[TopicPartition, int], max_bytes: int = 4 << 20) -> list[Fetched]:
        self.fetches += 1
        await asyncio.sleep(0)
        found = await super().fetch(positions, max_bytes)
        if self.after_fetch is not None:
            await self.after_fetch()
        return found


@dataclass(eq=False)
class At:
    """A reader, and where it will fetch next."""

    fetched_to: int
    place: TopicPartition = PLACE

    def take(self, stretch: Stretch) -> list[bytes | None]:
        """The values that are new to the reader."""
        values = [record.value for record in stretch.records[stretch.index_of(self.fetched_to) :]]
        self.fetched_to = stretch.end
        return values


@pytest.fixture
async def node() -> AsyncIterator[SqlNode]:
    async with sql_node(cluster=CountingCluster) as running:
        await running.create_topic("orders")
        yield running


async def write(node: SqlNode, values: Sequence[bytes]) -> None:
    await node.cluster.commit(Commit([Append(PLACE, build_batch([(None, value, 0, ()) for value in values]))]))


def reading(node: SqlNode, *readers: At) -> tuple[SharedReading, CountingCluster]:
    assert isinstance(node.cluster, CountingCluster)
    node.cluster.fetches = 0
    made = SharedReading(node.cluster, node.clock)
    made.join(readers)
    return made, node.cluster


async def read(shared: SharedReading, reader: At) -> list[bytes | None]:
    (stretch,) = await shared.fetch({PLACE: reader.fetched_to}, _FETCH_BYTES)
    return reader.take(stretch)


@pytest.mark.parametrize(
    ("positions", "fetches"),
    [((0, 0, 0), 1), ((1, 1), 1), ((2, 0), 2), ((0, 2), 1)],
    ids=["together", "together later on", "the one behind comes later", "the one ahead is served from what is kept"],
)
async def test_readers_at_the_same_place_share_a_fetch(node: SqlNode, positions: Sequence[int], fetches: int) -> None:
    await write(node, [b"a", b"b", b"c"])
    readers = [At(position) for position in positions]
    shared, cluster = reading(node, *readers)
    for reader, position in zip(readers, positions, strict=True):
        assert await read(shared, reader) == [b"a", b"b", b"c"][position:]
    assert cluster.fetches == fetches


async def test_readers_that_fetch_at_the_same_time_wait_for_one_of_them(node: SqlNode) -> None:
    await write(node, [b"a"])
    readers = [At(0) for _ in range(5)]
    shared, cluster = reading(node, *readers)
    assert await asyncio.gather(*(read(shared, reader) for reader in readers)) == [[b"a"]] * 5
    assert cluster.fetches == 1


async def test_a_payload_is_decoded_once_for_all_that_read_it_alike(node: SqlNode) -> None:
    await write(node, [b"1", b"2", b"1"])
    readers = [At(0), At(0)]
    shared, _ = reading(node, *readers)
    decoded: list[bytes] = []

    def decode(payload: bytes) -> int:
        decoded.append(payload)
        return int(payload)

    for reader in readers:
        (stretch,) = await shared.fetch({PLACE: reader.fetched_to}, _FETCH_BYTES)
        assert [stretch.decoder("number", decode)(value or b"") for value in reader.take(stretch)] == [1, 2, 1]
    assert decoded == [b"1", b"2"]


async def test_a_payload_that_cannot_be_decoded_fails_for_each(node: SqlNode) -> None:
    await write(node, [b"x"])
    readers = [At(0), At(0)]
    shared, _ = reading(node, *readers)
    for reader in readers:
        (stretch,) = await shared.fetch({PLACE: reader.fetched_to}, _FETCH_BYTES)
        with pytest.raises(ValueError, match="x"):
            stretch.decoder("number", int)(b"x")


async def test_nothing_is_kept_for_a_reader_that_is_alone(node: SqlNode) -> None:
    await write(node, [b"1"])
    alone, gone = At(0), At(0)
    shared, _ = reading(node, alone, gone)
    shared.leave([gone])
    (stretch,) = await shared.fetch({PLACE: 0}, _FETCH_BYTES)
    assert stretch.decoder("number", int) is int


async def test_a_topic_that_is_made_again_is_read_again(node: SqlNode) -> None:
    await write(node, [b"old"])
    first, second = At(0), At(0)
    shared, _ = reading(node, first, second)
    assert await read(shared, first) == [b"old"]
    await node.cluster.delete_topics(["orders"])
    await node.cluster.create_topics([TopicSpec("orders")])
    await write(node, [b"new"])
    assert await read(shared, second) == [b"new"]


async def test_what_was_fetched_from_a_topic_deleted_meanwhile_is_not_kept_for_its_successor(node: SqlNode) -> None:
    await write(node, [b"old"])
    first, second = At(0), At(0)
    shared, cluster = reading(node, first, second)

    async def make_again() -> None:
        cluster.after_fetch = None
        await cluster.delete_topics(["orders"])
        await cluster.create_topics([TopicSpec("orders")])
        await write(node, [b"new"])

    cluster.after_fetch = make_again
    assert await read(shared, first) == [b"old"]
    assert await read(shared, second) == [b"new"]


async def test_a_reader_that_stands_still_makes_nobody_keep_much(node: SqlNode) -> None:
    still, moving = At(0), At(0)
    shared, cluster = reading(node, still, moving)
    for number in range(100):
        await write(node, [b"%d" % number])
        assert await read(shared, moving) == [b"%d" % number]
    cluster.fetches = 0
    counts = []
    while still.fetched_to < 100:
        counts.append(len(await read(shared, still)))
    assert counts == [1] * 9 + [91]
    assert cluster.fetches == 1


@pytest.mark.parametrize(
    ("size", "other", "followed"),
    [
        (1000, 0, True),
        (1000, 1999, True),
        (1000, 2000, False),
        (1000, 3000, False),
        (1, 1999, False),
    ],
    ids=["far behind", "just behind", "next to come", "ahead", "new data"],
)
async def test_who_reads_old_data_knows_of_those_behind(node: SqlNode, size: int, other: int, followed: bool) -> None:
    leader = At(2000)
    shared, _ = reading(node, leader, At(other))
    assert shared.has_followers(old_data(2000, size)) is followed


def old_data(start: int, size: int = 1000) -> Stretch:
    """What a reader has fetched from offset `start` on."""
    data = build_batch([(None, b"x" * 100, 0, ()) for _ in range(size)])
    return Stretch(Fetched(PLACE, data, start + size, start + size), start, [])


async def test_nobody_waits_for_a_reader_that_has_taken_nothing_for_long() -> None:
    clock = ManualClock()
    async with sql_node(clock, cluster=CountingCluster) as node:
        await node.create_topic("orders")
        await write(node, [b"x" * 100] * 1000)
        slow = At(0)
        shared, _ = reading(node, At(2000), slow)
        assert shared.has_followers(old_data(2000))
        clock.advance(11_000)
        assert not shared.has_followers(old_data(2000))
        await read(shared, slow)
        assert shared.has_followers(old_data(2000))


async def test_a_stretch_that_nobody_came_to_for_long_is_forgotten() -> None:
    clock = ManualClock()
    async with sql_node(clock, cluster=CountingCluster) as node:
        await node.create_topic("orders")
        await write(node, [b"a"])
        first, second = At(0), At(0)
        shared, cluster = reading(node, first, second)
        await read(shared, first)
        clock.advance(11_000)
        await read(shared, second)
        assert cluster.fetches == 2


async def test_nobody_waits_for_queries_that_are_paused_or_have_failed(node: SqlNode) -> None:
    await node.run("CREATE STREAM ids (id INT) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');")
    await node.run("CREATE STREAM one AS SELECT id FROM ids;")
    await node.run("CREATE STREAM two AS SELECT id FROM ids;", {"ksql.fail.on.deserialization.error": "true"})
    _, second = node.engine.runtime.queries.values()
    shared, ahead = node.engine.runtime.context.reading, old_data(1000)

    async def expect(followed: bool) -> None:
        while shared.has_followers(ahead) is not followed:  # noqa: ASYNC110 - queries work in their own time
            await asyncio.sleep(0.01)

    await expect(True)
    second.pause()
    await write(node, [b'{"id": 1}'])
    await expect(False)
    second.resume()
    await expect(True)
    await write(node, [b"bad"])
    await expect(False)
    assert second.state == "ERROR"


QUERIES = 4


async def test_queries_over_one_topic_give_what_each_would_give_alone(node: SqlNode) -> None:
    await node.run(
        "CREATE STREAM orders (id INT, tags ARRAY<INT>) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');"
        "CREATE STREAM ids (id INT) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');"
    )
    await write(node, [b'{"id": %d, "tags": [%d, 1]}' % (number, number) for number in range(1000)] + [b"bad"])
    for number in range(QUERIES):
        await node.run(
            f"CREATE STREAM big{number} AS SELECT id FROM ids WHERE id >= {number * 100};"
            f"CREATE STREAM tags{number} AS SELECT ARRAY_SORT(tags) AS sorted FROM orders WHERE id = 5;",
            EARLIEST_RESET,
        )
    await write(node, [b'{"id": 5, "tags": [9, 8]}', b'{"ID": 7}'])
    await node.engine.runtime.settle()
    for number in range(QUERIES):
        expected = [*range(number * 100, 1000)] + [n for n in (5, 7) if n >= number * 100]
        assert [r.value for r in await node.records(f"BIG{number}")] == [b'{"ID":%d}' % n for n in expected]
        assert [r.value for r in await node.records(f"TAGS{number}")] == [b'{"SORTED":[1,5]}', b'{"SORTED":[8,9]}']
    assert {query.failures for query in node.engine.runtime.queries.values()} == {1}


async def test_queries_share_no_rows_where_only_the_text_of_their_columns_is_the_same(node: SqlNode) -> None:
    await node.run(
        "CREATE STREAM one (`A STRING, B` STRING) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');"
        "CREATE STREAM two (a STRING, b STRING) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');"
        "CREATE STREAM one_read AS SELECT `A STRING, B` AS x FROM one;"
        "CREATE STREAM two_read AS SELECT b AS x FROM two;"
    )
    await write(node, [b'{"A STRING, B": "both", "A": "left", "B": "right"}'])
    await node.engine.runtime.settle()
    assert [record.value for record in await node.records("ONE_READ")] == [b'{"X":"both"}']
    assert [record.value for record in await node.records("TWO_READ")] == [b'{"X":"right"}']
