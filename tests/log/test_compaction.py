"""Compaction keeps the newest record of every key, whatever interrupts it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.log import FsyncPolicy, InvalidRecordError, Log, MemoryStorage, Partition, Storage
from headwater.log.markers import build_marker
from headwater.log.offsets import OffsetStore
from headwater.testing import ManualClock
from headwater.testing.clock import START_MS
from headwater.testing.storage import FaultyStorage, ProcessKilled
from headwater.wire.records import batch_headers, build_batch, check_crc, read_records
from tests.log.support import open_log

HOUR = 3_600_000
Kept = dict[bytes, tuple[int, bytes | None]]


def compacted_topic(log: Log, **configs: str) -> Partition:
    defaults = {"cleanup.policy": "compact", "segment.bytes": "300", "min.cleanable.dirty.ratio": "0"}
    changes = {name.replace("_", "."): value for name, value in configs.items()}
    return log.create_topic("t", configs={**defaults, **changes}).partitions[0]


def put(partition: Partition, *records: tuple[bytes, bytes | None], at: int = START_MS, **options: Any) -> None:
    partition.append(build_batch([(key, value, at, ()) for key, value in records], **options))


def contents(partition: Partition) -> list[tuple[int, bytes | None, bytes | None]]:
    """Every record there is, in order of offset."""
    out: list[tuple[int, bytes | None, bytes | None]] = []
    position = partition.log_start
    while position < partition.high_watermark:
        data, following = partition.read_on(position, 500)
        out += [(r.offset, r.key, r.value) for r in read_records(data, position)]
        assert following > position
        position = following
    offsets = [offset for offset, _, _ in out]
    assert offsets == sorted(set(offsets))
    return out


def table(partition: Partition) -> dict[bytes | None, bytes | None]:
    """What a reader of the whole topic knows at the end; deleted keys are not there."""
    out: dict[bytes | None, bytes | None] = {}
    out.update((key, value) for _, key, value in contents(partition))
    return {key: value for key, value in out.items() if value is not None}


def closed_part(partition: Partition) -> list[tuple[int, bytes | None, bytes | None]]:
    active = partition.segments.all[-1].base
    return [record for record in contents(partition) if record[0] < active]


def test_only_the_newest_value_of_a_key_is_kept_in_closed_segments() -> None:
    log = open_log(MemoryStorage())
    partition = compacted_topic(log, segment_bytes="3000")
    for number in range(50):
        put(partition, (b"a", b"%d" % number * 100), (b"b%d" % number, b"once"))
    before, size = table(partition), partition.size_bytes
    log.maintenance()
    assert table(partition) == before
    assert partition.size_bytes < 0.6 * size
    assert sum(key == b"a" for _, key, _ in closed_part(partition)) == 1
    assert partition.log_end == 100


@pytest.mark.parametrize("compression", range(5))
def test_a_batch_that_ends_its_file_stays_without_its_records(compression: int) -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = compacted_topic(log, segment_bytes="100")
    for number in range(5):
        put(partition, (b"k", b"%d" % number), (b"k", b"again" * 10), compression=compression)
    log.maintenance()
    chunk, header = next(partition.segments.walk(2, 4))
    assert (header.base_offset, header.last_offset, header.record_count) == (2, 3, 0)
    assert check_crc(chunk, header.start, header.size)
    assert [h.base_offset for h in batch_headers(partition.read(0, 1))] == [6], "readers get batches with records"
    assert [offset for offset, _, _ in closed_part(partition)] == [7]
    before = contents(partition)
    storage.kill()
    storage.restart()
    again = open_log(storage).partition("t", 0)
    assert (contents(again), again.log_end) == (before, 10)
    assert again.offset_for_time(START_MS) == (7, START_MS)


def test_what_is_kept_keeps_offset_time_headers_and_checksum() -> None:
    log = open_log(MemoryStorage())
    partition = compacted_topic(log)
    data = build_batch(
        [(b"a", b"1", START_MS, ()), (b"b", b"2", START_MS + 5, [("h", b"x")]), (b"a", b"3", START_MS + 9, ())]
    )
    partition.append(data, leader_epoch=3)
    for number in range(10):
        put(partition, (b"c", b"%d" % number), (b"a", b"%d" % number))
    log.maintenance()
    batch = partition.read(0, 1)
    (record,) = read_records(batch)
    assert (record.offset, record.key, record.value, record.timestamp) == (1, b"b", b"2", START_MS + 5)
    assert list(record.headers) == [("h", b"x")]
    assert check_crc(batch, 0, len(batch))


@pytest.mark.parametrize("compression", range(5))
def test_compressed_batches_are_compacted(compression: int) -> None:
    log = open_log(MemoryStorage())
    partition = compacted_topic(log)
    for number in range(20):
        put(partition, (b"k", b"%d" % number * 50), (b"k%d" % number, b"v" * 50), compression=compression)
    before = table(partition)
    log.maintenance()
    assert table(partition) == before
    assert len(contents(partition)) < 40


def test_small_segments_are_merged() -> None:
    log = open_log(MemoryStorage())
    partition = compacted_topic(log, segment_bytes="1000")
    for number in range(200):
        put(partition, (b"k", b"%d" % number))
        if number % 50 == 49:
            log.maintenance()
    log.maintenance()
    assert len(partition.segments.all) <= 8
    assert table(partition) == {b"k": b"199"}


def test_tombstones_stay_for_a_while_and_then_go() -> None:
    clock = ManualClock()
    log = open_log(MemoryStorage(), clock)
    partition = compacted_topic(log, delete_retention_ms=str(HOUR))

    def fill() -> None:
        for number in range(10):
            put(partition, (b"fill", b"%d" % number))

    put(partition, (b"gone", b"1"))
    put(partition, (b"gone", None))
    fill()
    log.maintenance()
    assert [(o, v) for o, k, v in contents(partition) if k == b"gone"] == [(1, None)]
    clock.advance(HOUR // 2)
    fill()
    log.maintenance()
    assert (1, b"gone", None) in contents(partition)
    clock.advance(HOUR // 2)
    fill()
    log.maintenance()
    assert not any(key == b"gone" for _, key, _ in contents(partition))


def test_young_records_are_left_alone() -> None:
    clock = ManualClock()
    log = open_log(MemoryStorage(), clock)
    partition = compacted_topic(log, min_compaction_lag_ms=str(HOUR))
    for number in range(20):
        put(partition, (b"k", b"%d" % number), at=clock.now_ms())
    log.maintenance()
    assert len(contents(partition)) == 20
    clock.advance(HOUR)
    log.maintenance()
    assert len(contents(partition)) < 10


def test_little_news_is_not_worth_a_pass() -> None:
    log = open_log(MemoryStorage())
    partition = compacted_topic(log, min_cleanable_dirty_ratio="0.5")
    for number in range(40):
        put(partition, (b"k%d" % number, b"v"))
    log.maintenance()
    for _ in range(10):
        put(partition, (b"k1", b"w"))
    before = contents(partition)
    log.maintenance()
    assert contents(partition) == before


def test_records_without_a_key_are_refused_by_their_places() -> None:
    partition = compacted_topic(open_log(MemoryStorage()))
    data = build_batch([(key, b"v", START_MS, ()) for key in (None, b"k", None)])
    with pytest.raises(InvalidRecordError, match="key") as refused:
        partition.append(data, from_client=True)
    assert [place for place, _ in refused.value.problems] == [0, 2]


def transaction(partition: Partition, key: bytes, value: bytes, *, commit: bool, producer: int) -> None:
    put(partition, (key, value), producer_id=producer, producer_epoch=0, base_sequence=0, transactional=True)
    partition.append(build_marker(producer, 0, commit=commit, timestamp=START_MS))


def test_aborted_records_do_not_supersede_and_do_not_stay() -> None:
    log = open_log(MemoryStorage())
    partition = compacted_topic(log)
    put(partition, (b"k", b"good"))
    transaction(partition, b"k", b"aborted", commit=False, producer=1)
    transaction(partition, b"t", b"committed", commit=True, producer=2)
    for number in range(10):
        put(partition, (b"fill", b"%d" % number))
    log.maintenance()
    assert table(partition)[b"k"] == b"good"
    assert table(partition)[b"t"] == b"committed"
    assert b"aborted" not in [value for _, _, value in contents(partition)]


def test_an_open_transaction_stops_compaction_before_it() -> None:
    log = open_log(MemoryStorage())
    partition = compacted_topic(log)
    put(partition, (b"k", b"0"), producer_id=1, producer_epoch=0, base_sequence=0, transactional=True)
    for number in range(20):
        put(partition, (b"k", b"%d" % number))
    log.maintenance()
    assert len(contents(partition)) == 21


@pytest.mark.parametrize("seed", range(10))
def test_transactions_stay_decided_after_compaction_and_a_full_scan(seed: int) -> None:
    random = Random(seed)
    storage = FaultyStorage()
    log = open_log(storage, fsync=FsyncPolicy.NONE)
    partition = compacted_topic(log)
    for number in range(60):
        key = b"k%d" % random.randrange(5)
        if random.random() < 0.6:
            transaction(partition, key, b"%d" % number, commit=random.random() < 0.5, producer=number)
        else:
            put(partition, (key, b"%d" % number))
        if random.random() < 0.1:
            log.maintenance()
    log.maintenance()
    storage.kill()
    storage.restart()
    for name in storage.names("topics/t-0"):
        if name.endswith(".snapshot"):
            storage.remove(f"topics/t-0/{name}")
    storage.remove("checkpoint")
    again = open_log(storage).partition("t", 0)
    assert again.last_stable_offset == again.log_end == partition.log_end


def test_a_kill_at_every_operation_of_a_pass_loses_nothing() -> None:
    for operation in range(80):
        storage = FaultyStorage()
        log = open_log(storage, fsync=FsyncPolicy.NONE)
        partition = compacted_topic(log, segment_bytes="400")
        for number in range(30):
            put(partition, (b"k%d" % (number % 3), b"%d" % number), (b"once%d" % number, b"x"))
        before, end = table(partition), partition.log_end
        storage.kill_at(operation, 150)
        finished = False
        try:
            log.maintenance()
            finished = True
        except ProcessKilled:
            storage.restart()
            again = open_log(storage, fsync=FsyncPolicy.NONE)
            partition = again.partition("t", 0)
            assert (table(partition), partition.log_end) == (before, end), f"killed at {operation}"
            for number in range(30):
                put(partition, (b"k0", b"%d" % number))
            again.maintenance()
            assert table(partition) == {**before, b"k0": b"29"}
            storage.kill()
            storage.restart()
            assert table(open_log(storage, fsync=FsyncPolicy.NONE).partition("t", 0)) == {**before, b"k0": b"29"}
        if finished:
            return
    pytest.fail("a pass has more operations than the test kills at")


def test_a_topic_deleted_during_a_pass_is_left_in_peace() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = compacted_topic(log)
    for number in range(50):
        put(partition, (b"k", b"%d" % number))
    steps = log.maintenance_steps()
    for _ in range(8):
        next(steps)
    log.delete_topic("t")
    assert list(steps) is not None
    assert storage.names("topics/t-0") == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.lists(st.tuples(st.sampled_from(b"abcd"), st.booleans()), min_size=1, max_size=4),
            st.just("maintain"),
            st.just("reopen"),
            st.just("kill"),
            st.just("wait"),
        ),
        max_size=60,
    )
)
def test_a_reader_of_everything_always_knows_the_same(steps: list[list[tuple[int, bool]] | str]) -> None:
    storage, clock = FaultyStorage(), ManualClock()
    log = open_log(storage, clock, fsync=FsyncPolicy.NONE)
    partition = compacted_topic(log, delete_retention_ms="1000")
    expected: dict[bytes | None, bytes | None] = {}
    number = 0
    for step in steps:
        if isinstance(step, list):
            records = []
            for key, deleted in step:
                number += 1
                records.append((bytes([key]), None if deleted else b"%d" % number))
            put(partition, *records)
            expected.update(records)
        elif step == "maintain":
            log.maintenance()
        elif step == "wait":
            clock.advance(700)
        else:
            if step == "kill":
                storage.kill()
                storage.restart()
            else:
                log.close()
            log = open_log(storage, clock, fsync=FsyncPolicy.NONE)
            partition = log.partition("t", 0)
        assert table(partition) == {key: value for key, value in expected.items() if value is not None}


def test_the_offsets_topic_stays_small() -> None:
    storage: Storage = FaultyStorage()
    clock = ManualClock()
    log = open_log(storage, clock, fsync=FsyncPolicy.NONE, offsets_segment_bytes=10_000)
    store = OffsetStore(log, clock)
    store.load()
    for number in range(2_000):
        log.commit([store.commit_batch("g", {("t", number % 4): (number, -1, "")})])
        if number % 200 == 0:
            log.maintenance()
    log.maintenance()
    assert store.partition("g").size_bytes < 25_000
    again = OffsetStore(log, clock)
    again.load()
    assert {key: at.offset for key, at in again.fetch("g").items()} == {("t", n): 1996 + n for n in range(4)}
