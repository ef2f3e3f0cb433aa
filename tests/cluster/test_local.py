"""`LocalCluster` does what every cluster does, on memory and on disk under each fsync policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headwater.cluster.api import LATEST, Append, Cluster, Commit, TopicPartition, TopicSpec
from headwater.cluster.local import LocalCluster
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, FsyncPolicy, Log, LogSettings, MemoryStorage, StorageError
from headwater.log.markers import build_marker
from headwater.log.offsets import OffsetStore
from headwater.testing import ManualClock
from headwater.testing.clock import START_MS
from headwater.testing.cluster_suite import ClusterSuite, batch
from headwater.testing.storage import FaultyStorage, ProcessKilled
from headwater.wire.records import build_batch, read_records


class TestLocalCluster(ClusterSuite):
    @pytest.fixture(params=["memory", *FsyncPolicy], ids=lambda p: getattr(p, "value", p))
    async def cluster(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
        clock = SystemClock()
        if request.param == "memory":
            log = Log(MemoryStorage(), clock)
        else:
            log = Log(DiskStorage(tmp_path), clock, LogSettings(fsync=request.param))
        log.open()
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        yield cluster
        await cluster.close()
        log.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def local(clock: ManualClock) -> tuple[Log, LocalCluster]:
    log = Log(MemoryStorage(), clock)
    log.open()
    cluster = LocalCluster(log, OffsetStore(log, clock), clock)
    await cluster.start()
    await cluster.create_topics([TopicSpec("t", 2)])
    return log, cluster


def transaction(value: bytes, producer: int, sequence: int = 0) -> bytes:
    return build_batch(
        [(None, value, START_MS, ())],
        producer_id=producer,
        producer_epoch=0,
        base_sequence=sequence,
        transactional=True,
    )


async def test_only_committed_transactions_are_fetched(local: tuple[Log, LocalCluster]) -> None:
    log, cluster = local
    where = TopicPartition("t", 0)
    partition = log.partition("t", 0)

    async def fetched(position: int = 0) -> list[bytes | None]:
        found = await cluster.fetch({where: position})
        return [record.value for f in found for record in read_records(f.data, position)]

    partition.append(batch("plain"))
    partition.append(transaction(b"aborted", 1))
    partition.append(transaction(b"committed", 2))
    assert await fetched() == [b"plain"]
    assert await cluster.list_offset(where, LATEST) == 1
    partition.append(build_marker(1, 0, commit=False, timestamp=START_MS))
    assert await fetched() == [b"plain"]
    partition.append(transaction(b"again", 1, 1))
    partition.append(build_marker(2, 0, commit=True, timestamp=START_MS))
    assert await fetched() == [b"plain", b"committed"]
    partition.append(build_marker(1, 0, commit=True, timestamp=START_MS))
    assert await fetched() == [b"plain", b"committed", b"again"]
    assert await fetched(1) == [b"committed", b"again"]
    (last,) = await cluster.fetch({where: 5})
    assert (bytes(last.data), last.next_offset) == (b"", 7)


async def test_waiting_follows_the_clock_it_was_given(local: tuple[Log, LocalCluster], clock: ManualClock) -> None:
    _, cluster = local
    waiting = asyncio.ensure_future(cluster.wait({TopicPartition("t", 0): 0}, 10))
    await clock.until_sleeping()
    clock.advance(9_999)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(1)
    assert not await waiting
    assert clock.sleeping == 0


async def test_waiting_leaves_no_subscription_behind(local: tuple[Log, LocalCluster], clock: ManualClock) -> None:
    log, cluster = local
    positions = {TopicPartition("t", number): 0 for number in range(2)}
    for ending in ("timeout", "cancel", "records"):
        waiting = asyncio.ensure_future(cluster.wait(positions, 10))
        await clock.until_sleeping()
        if ending == "timeout":
            clock.advance(10_000)
        elif ending == "cancel":
            waiting.cancel()
        else:
            await cluster.commit(Commit([Append(TopicPartition("t", 1), batch("a"))]))
        await asyncio.wait([waiting])
        assert not any(partition._subscribers for partition in log.topics()["t"].partitions)


async def test_an_open_transaction_does_not_end_the_wait(local: tuple[Log, LocalCluster], clock: ManualClock) -> None:
    log, cluster = local
    waiting = asyncio.ensure_future(cluster.wait({TopicPartition("t", 0): 0}, 10))
    await clock.until_sleeping()
    log.partition("t", 0).append(transaction(b"a", 1))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    log.partition("t", 0).append(build_marker(1, 0, commit=True, timestamp=START_MS))
    assert await waiting


async def test_deleting_a_topic_ends_the_wait_and_forgets_its_offsets(
    local: tuple[Log, LocalCluster], clock: ManualClock
) -> None:
    _, cluster = local
    where = TopicPartition("t", 0)
    await cluster.commit(Commit(group="g", offsets={where: 3}))
    waiting = asyncio.ensure_future(cluster.wait({where: 0}, 10))
    await clock.until_sleeping()
    await cluster.delete_topics(["t"])
    assert await waiting
    assert await cluster.committed("g", [where]) == {}


async def test_shares_are_fair_and_take_turns(local: tuple[Log, LocalCluster]) -> None:
    _, cluster = local
    first, second = TopicPartition("t", 0), TopicPartition("t", 1)
    for where in (first, second):
        for _ in range(10):
            await cluster.commit(Commit([Append(where, batch("x" * 1000))]))
    order = []
    for _ in range(4):
        fetched = await cluster.fetch({first: 0, second: 0}, 6_000)
        assert len(fetched) == 2
        assert all(2_000 <= len(f.data) <= 4_000 for f in fetched)
        order.append(fetched[0].partition.partition)
    assert order in ([0, 1, 0, 1], [1, 0, 1, 0])


async def test_a_commit_survives_a_kill_as_a_whole() -> None:
    for operation in range(6):
        storage, clock = FaultyStorage(), ManualClock()
        log = Log(storage, clock)
        log.open()
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        await cluster.create_topics([TopicSpec("in"), TopicSpec("out")])
        source, sink = TopicPartition("in", 0), TopicPartition("out", 0)
        storage.kill_at(operation, 25)
        try:
            await cluster.commit(Commit([Append(sink, batch("out"))], "g", {source: 1}))
        except ProcessKilled:
            pass
        storage.kill()
        storage.restart()
        log = Log(storage, clock)
        log.open()
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        committed = await cluster.committed("g", [source])
        written = await cluster.list_offset(sink, LATEST)
        assert (committed, written) in (({}, 0), ({source: 1}, 1)), f"killed at {operation}"


async def test_a_full_disk_is_known_until_a_write_succeeds(clock: ManualClock) -> None:
    storage = FaultyStorage()
    log = Log(storage, clock)
    log.open()
    cluster = LocalCluster(log, OffsetStore(log, clock), clock)
    await cluster.create_topics([TopicSpec("t")])
    work = Commit([Append(TopicPartition("t", 0), batch("a"))])
    storage.capacity = storage.used
    with pytest.raises(StorageError):
        await cluster.commit(work)
    assert "No space left" in (cluster.write_failure or "")
    storage.capacity = None
    clock.advance(30_000)
    await cluster.commit(work)
    assert cluster.write_failure is None
