"""Appending, reading, rolling, looking up times, deleting: what one partition does while nothing goes wrong."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import TopicExistsError, UnknownTopicError
from headwater.log import (
    CorruptBatchError,
    DiskStorage,
    FsyncPolicy,
    InvalidPartitionsError,
    InvalidRecordError,
    InvalidTimestampError,
    InvalidTopicConfigError,
    InvalidTopicError,
    MemoryStorage,
    OffsetOutOfRangeError,
    Partition,
    RecordTooLargeError,
)
from headwater.log.index import SparseIndex
from headwater.log.markers import build_marker
from headwater.testing import ManualClock
from headwater.testing.clock import START_MS
from headwater.testing.storage import FaultyStorage
from headwater.wire.records import CODECS, batch_headers, build_batch, check_crc, read_records
from tests.log.support import batch, open_log, records, values

DAY = 86_400_000


def new_partition(storage: MemoryStorage | FaultyStorage | None = None, /, **configs: str) -> Partition:
    log = open_log(storage or MemoryStorage())
    return log.create_topic("t", configs={name.replace("_", "."): value for name, value in configs.items()}).partitions[
        0
    ]


def test_offsets_count_records_and_the_leader_epoch_is_set() -> None:
    partition = new_partition()
    assert partition.append(batch(b"a", b"b"))[:2] == (0, 1)
    assert partition.append(batch(b"c"), leader_epoch=7)[:2] == (2, 2)
    assert (partition.log_start, partition.log_end, partition.high_watermark, partition.last_stable_offset) == (
        0,
        3,
        3,
        3,
    )
    assert [h.leader_epoch for h in batch_headers(partition.read(0, 1 << 20))] == [0, 7]


def test_several_batches_at_once_are_numbered_on() -> None:
    partition = new_partition()
    result = partition.append(batch(b"a") + batch(b"b", b"c"))
    assert (result.base_offset, result.last_offset) == (0, 2)
    assert records(partition) == [(0, b"a"), (1, b"b"), (2, b"c")]


def test_a_writable_buffer_is_patched_in_place_and_bytes_are_not() -> None:
    partition = new_partition()
    partition.append(batch(b"a"))
    mine, theirs = batch(b"b"), bytearray(batch(b"b"))
    partition.append(mine)
    partition.append(memoryview(theirs))
    assert [next(batch_headers(data)).base_offset for data in (mine, theirs)] == [0, 2]


def test_log_append_time_replaces_the_producers_time() -> None:
    partition = new_partition(message_timestamp_type="LogAppendTime")
    result = partition.append(batch(b"a", at=5), from_client=True)
    assert result.append_time == START_MS
    (record,) = read_records(partition.read(0, 1000))
    assert record.timestamp == START_MS
    assert partition.offset_for_time(START_MS) == (0, START_MS)


def damaged(data: bytes, position: int) -> bytes:
    out = bytearray(data)
    out[position] ^= 0xFF
    return bytes(out)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", CorruptBatchError),
        (b"nonsense", CorruptBatchError),
        (b"\0" * 100, CorruptBatchError),
        (batch(b"a")[:-1], CorruptBatchError),
        (batch(b"a") + b"tail", CorruptBatchError),
        (damaged(batch(b"a"), 65), CorruptBatchError),
        (damaged(batch(b"a"), 16), CorruptBatchError),
        (batch(b"a" * 2_000), RecordTooLargeError),
        (build_marker(1, 0, commit=True, timestamp=START_MS), InvalidRecordError),
        (batch(b"a", at=START_MS + DAY), InvalidTimestampError),
        (batch(b"a", at=START_MS - 2 * DAY), InvalidTimestampError),
    ],
    ids=["empty", "nonsense", "zeros", "cut", "tail", "checksum", "magic", "large", "marker", "future", "past"],
)
def test_a_bad_batch_is_refused_and_changes_nothing(data: bytes, error: type[Exception]) -> None:
    partition = new_partition(max_message_bytes="1000", message_timestamp_before_max_ms=str(DAY))
    partition.append(batch(b"good"))
    with pytest.raises(error):
        partition.append(data, from_client=True)
    assert values(partition) == [b"good"]


@pytest.mark.parametrize("codec", [0, CODECS["gzip"]])
def test_records_too_far_from_now_are_refused_by_their_places(codec: int) -> None:
    partition = new_partition(message_timestamp_before_max_ms=str(DAY))
    times = [START_MS - 2 * DAY, START_MS, START_MS + DAY, START_MS - DAY]
    data = build_batch([(None, b"v", time, ()) for time in times], compression=codec)
    with pytest.raises(InvalidTimestampError) as refused:
        partition.append(data, from_client=True)
    assert [place for place, _ in refused.value.problems] == [0, 2]


def test_old_records_can_be_read_until_the_next_round_of_retention() -> None:
    clock = ManualClock()
    log = open_log(MemoryStorage(), clock, retention_check_interval_ms=300_000)
    log.maintenance()
    partition = log.create_topic("t", configs={"retention.ms": str(DAY)}).partitions[0]
    partition.append(batch(b"old", at=START_MS - 2 * DAY))
    for ms in (290_000, 10_000):
        assert values(partition) == [b"old"]
        clock.advance(ms)
        log.maintenance()
    assert values(partition) == []


def test_reading_gives_whole_batches_within_the_limit_and_at_least_one() -> None:
    partition = new_partition(index_interval_bytes="0")
    for number in range(10):
        partition.append(batch(b"%d" % number, b"x"))
    size = partition.size_bytes // 10
    for offset in range(20):
        for max_bytes in (0, 1, size - 1, size, 2 * size, 3 * size + 1, 1 << 20):
            data, following = partition.read_on(offset, max_bytes)
            headers = list(batch_headers(data))
            assert headers[0].base_offset == offset // 2 * 2
            assert len(headers) == min(max(max_bytes // size, 1), 10 - offset // 2)
            assert following == headers[-1].last_offset + 1


def test_reading_stops_before_max_offset() -> None:
    partition = new_partition()
    for number in range(5):
        partition.append(batch(b"%d" % number, b"x"))
    assert [h.base_offset for h in batch_headers(partition.read(0, 1 << 20, max_offset=6))] == [0, 2, 4]
    assert [h.base_offset for h in batch_headers(partition.read(0, 1 << 20, max_offset=5))] == [0, 2]
    assert partition.read(6, 1 << 20, max_offset=6) == b""


def test_offsets_out_of_range_are_refused() -> None:
    partition = new_partition()
    partition.append(batch(b"a", b"b"))
    partition.delete_records(1)
    for offset in (-1, 0, 3):
        with pytest.raises(OffsetOutOfRangeError, match="1 to 2"):
            partition.read(offset, 100)
    assert partition.read(2, 100) == b""


def test_a_segment_ends_at_segment_bytes() -> None:
    partition = new_partition(segment_bytes="250")
    for number in range(10):
        partition.append(batch(b"%d" % number))
    assert len(partition.segments.all) == 4
    assert all(segment.size <= 250 for segment in partition.segments.all)
    assert records(partition) == [(n, b"%d" % n) for n in range(10)]


def test_a_segment_ends_after_segment_ms() -> None:
    clock = ManualClock()
    partition = open_log(MemoryStorage(), clock).create_topic("t", configs={"segment.ms": "1000"}).partitions[0]
    partition.append(batch(b"a"))
    clock.advance(1000)
    partition.append(batch(b"b"))
    clock.advance(1)
    partition.append(batch(b"c"))
    assert [segment.base for segment in partition.segments.all] == [0, 2]


runs = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 50), st.integers(0, 60)),  # records, time, value size
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(runs, st.sampled_from(["0", "100", "4096"]), st.sampled_from(["300", "1000", "1000000"]), st.booleans())
def test_lookups_by_offset_and_time_agree_with_a_full_scan(
    appended: list[tuple[int, int, int]], interval: str, segment: str, reopened: bool
) -> None:
    storage = MemoryStorage()
    log = open_log(storage)
    partition = log.create_topic("t", configs={"index.interval.bytes": interval, "segment.bytes": segment}).partitions[
        0
    ]
    everything: list[tuple[int, int]] = []
    for count, time, size in appended:
        everything.extend((partition.log_end + i, time + i) for i in range(count))
        partition.append(batch(*[b"v" * size] * count, at=time))
    if reopened:
        log.close()
        partition = open_log(storage).partition("t", 0)
    assert partition.log_end == len(everything)
    for offset in range(len(everything)):
        for max_bytes in (1, 200, 1000):
            found = read_records(partition.read(offset, max_bytes), offset)
            assert [r.offset for r in found] == list(range(offset, offset + len(found)))
            assert found
    for time in range(-1, 56):
        expected = next(((o, t) for o, t in everything if t >= time), None)
        assert partition.offset_for_time(time) == expected
    newest = max((t for _, t in everything), default=-1)
    expected_newest = next(((o, t) for o, t in everything if t == newest), (-1, -1))
    assert partition.max_timestamp() == expected_newest


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 1000), st.integers(-1, 1 << 60)), max_size=50),
    st.integers(0, 60_000),
)
def test_an_index_file_reads_back(steps: list[tuple[int, int, int]], size: int) -> None:
    index = SparseIndex(0)
    offset, position, newest = 0, 0, -1
    for offset_step, position_step, time in steps:
        index.add(offset, position, newest)
        offset, position, newest = offset + offset_step, position + position_step, max(newest, time)
    again = SparseIndex(0)
    again.decode(index.encode(), size)
    kept = sum(p < size for p in index.positions)
    assert list(again.offsets) == list(index.offsets[:kept])
    assert list(again.positions) == list(index.positions[:kept])
    assert list(again.timestamps) == list(index.timestamps[:kept])
    half = len(index) // 2
    assert index.encode(0)[half * 16 :] == index.encode(half)


@given(st.binary(max_size=200), st.integers(0, 1 << 33))
def test_any_bytes_as_an_index_file_do_no_harm(data: bytes, size: int) -> None:
    index = SparseIndex(0)
    index.decode(data, size)
    assert list(index.positions) == sorted(set(index.positions))
    assert all(position < size for position in index.positions)


def test_delete_records_moves_the_log_start_and_survives_a_restart() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t", configs={"segment.bytes": "250"}).partitions[0]
    for number in range(10):
        partition.append(batch(b"%d" % number))
    assert partition.delete_records(5) == 5
    assert records(partition)[0] == (5, b"5")
    assert partition.segments.all[0].base <= 5
    log.maintenance()
    storage.kill()
    storage.restart()
    assert open_log(storage).partition("t", 0).log_start == 5


def test_delete_records_up_to_the_high_watermark_keeps_the_offsets() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t").partitions[0]
    partition.append(batch(b"a", b"b"))
    assert partition.delete_records(-1) == 2
    assert values(partition) == []
    log.close()
    assert open_log(storage).partition("t", 0).append(batch(b"c")).base_offset == 2


def test_records_that_do_not_exist_cannot_be_deleted() -> None:
    partition = new_partition()
    partition.append(batch(b"a"))
    with pytest.raises(OffsetOutOfRangeError, match="high watermark is 1"):
        partition.delete_records(2)
    assert partition.delete_records(0) == 0


def test_retention_by_time_drops_old_segments_and_keeps_the_offsets() -> None:
    storage, clock = FaultyStorage(), ManualClock()
    log = open_log(storage, clock)
    partition = log.create_topic("t", configs={"segment.bytes": "80", "retention.ms": "1000"}).partitions[0]
    for number in range(5):
        partition.append(batch(b"%d" % number, at=clock.now_ms()))
        clock.advance(400)
    log.maintenance()
    assert values(partition) == [b"3", b"4"]
    clock.advance(10_000)
    log.maintenance()
    assert (values(partition), partition.log_start, partition.log_end) == ([], 5, 5)
    storage.kill()
    storage.restart()
    again = open_log(storage, clock).partition("t", 0)
    assert (again.log_start, again.log_end) == (5, 5)
    assert again.append(batch(b"5")).base_offset == 5


def test_retention_by_size_keeps_at_least_that_much() -> None:
    log = open_log(MemoryStorage())
    partition = log.create_topic("t", configs={"segment.bytes": "100", "retention.bytes": "300"}).partitions[0]
    for number in range(10):
        partition.append(batch(b"%d" % number))
    size = partition.size_bytes // 10
    log.maintenance()
    assert partition.size_bytes >= 300 > partition.size_bytes - size
    assert values(partition)[-1] == b"9"


def test_without_retention_nothing_is_dropped() -> None:
    clock = ManualClock()
    log = open_log(MemoryStorage(), clock)
    partition = log.create_topic("t", configs={"segment.bytes": "80", "retention.ms": "-1"}).partitions[0]
    partition.append(batch(b"a"))
    partition.append(batch(b"b"))
    clock.advance(1000 * DAY)
    log.maintenance()
    assert values(partition) == [b"a", b"b"]


def test_subscribers_hear_of_appends_until_they_leave() -> None:
    partition = new_partition()
    heard: list[int] = []

    def callback() -> None:
        heard.append(partition.high_watermark)

    partition.subscribe(callback)
    partition.append(batch(b"a"))
    partition.append(batch(b"b", b"c"))
    partition.unsubscribe(callback)
    partition.unsubscribe(callback)
    partition.append(batch(b"d"))
    assert heard == [1, 3]


async def test_with_the_adaptive_policy_records_are_visible_once_synced() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t").partitions[0]
    partition.append(batch(b"a"))
    partition.append(batch(b"b"))
    assert (partition.log_end, partition.high_watermark) == (2, 0)
    assert partition.offset_for_time(0) is None
    await log.durable()
    assert values(partition) == [b"a", b"b"]


async def test_a_failed_sync_reaches_those_who_wait_for_it() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t").partitions[0]
    storage.broken_syncs = True
    partition.append(batch(b"a"))
    with pytest.raises(Exception, match="Input/output error"):
        await log.durable()
    assert partition.high_watermark == 0


async def test_appends_during_a_sync_share_the_next_one() -> None:
    class Counting(FaultyStorage):
        syncs = 0

        def sync(self, path: str) -> None:
            self.syncs += path.endswith(".log")
            super().sync(path)

    storage = Counting()
    log = open_log(storage)
    partition = log.create_topic("t").partitions[0]

    async def produce(number: int) -> None:
        partition.append(batch(b"%d" % number))
        await log.durable()
        assert partition.high_watermark > number

    await asyncio.gather(*(produce(number) for number in range(100)))
    assert storage.syncs <= 2


async def test_with_an_interval_records_are_visible_at_once() -> None:
    log = open_log(FaultyStorage(), fsync=FsyncPolicy.INTERVAL)
    partition = log.create_topic("t").partitions[0]
    partition.append(batch(b"a"))
    assert values(partition) == [b"a"]
    await log.durable()
    log.close()


def test_topics_are_created_changed_and_deleted() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    topic = log.create_topic("t", 2, configs={"retention.ms": "5"})
    log.add_partitions("t", 3)
    log.alter_configs("t", {"retention.ms": None, "cleanup.policy": "compact,delete"})
    assert len(topic.partitions) == 3
    assert topic.configs == {"cleanup.policy": "compact,delete"}
    assert topic.config("retention.ms") == 7 * DAY
    assert topic.config("cleanup.policy") == ("compact", "delete")
    topic.partitions[2].append(batch(b"a"))
    first_id = topic.topic_id
    log.delete_topic("t")
    assert log.topic("t") is None
    assert log.topic_by_id(first_id) is None
    with pytest.raises(UnknownTopicError):
        topic.partitions[2].append(batch(b"b"))
    assert log.create_topic("t").topic_id != first_id
    storage.kill()
    storage.restart()
    assert [len(t.partitions) for t in open_log(storage).topics().values()] == [1]


def test_the_nodes_topic_defaults_stand_between_the_topics_and_kafkas() -> None:
    log = open_log(MemoryStorage(), topic_defaults={"retention.ms": "9"})
    assert log.create_topic("a").config("retention.ms") == 9
    assert log.create_topic("b", configs={"retention.ms": "8"}).config("retention.ms") == 8


@pytest.mark.parametrize(
    ("name", "partitions", "configs", "error"),
    [
        ("", 1, {}, InvalidTopicError),
        ("..", 1, {}, InvalidTopicError),
        ("a b", 1, {}, InvalidTopicError),
        ("a/../b", 1, {}, InvalidTopicError),
        ("ä", 1, {}, InvalidTopicError),
        ("x" * 250, 1, {}, InvalidTopicError),
        ("t", 0, {}, InvalidPartitionsError),
        ("t", 1, {"nope": "1"}, InvalidTopicConfigError),
        ("t", 1, {"retention.ms": "x"}, InvalidTopicConfigError),
        ("t", 1, {"retention.ms": "-2"}, InvalidTopicConfigError),
        ("t", 1, {"segment.bytes": "13"}, InvalidTopicConfigError),
        ("t", 1, {"cleanup.policy": "delete,burn"}, InvalidTopicConfigError),
        ("t", 1, {"preallocate": "perhaps"}, InvalidTopicConfigError),
        ("there", 1, {}, TopicExistsError),
    ],
)
def test_what_cannot_be_a_topic_is_refused(
    name: str, partitions: int, configs: dict[str, str], error: type[Exception]
) -> None:
    log = open_log(MemoryStorage())
    log.create_topic("there")
    with pytest.raises(error):
        log.create_topic(name, partitions, configs=configs)
    assert list(log.topics()) == ["there"]


def test_partitions_only_grow() -> None:
    log = open_log(MemoryStorage())
    log.create_topic("t", 2)
    for total in (1, 2):
        with pytest.raises(InvalidPartitionsError):
            log.add_partitions("t", total)
    with pytest.raises(UnknownTopicError):
        log.add_partitions("nope", 5)


def test_wrong_configs_leave_the_old_ones() -> None:
    log = open_log(MemoryStorage())
    topic = log.create_topic("t", configs={"retention.ms": "5"})
    with pytest.raises(InvalidTopicConfigError, match=r"segment\.bytes"):
        log.alter_configs("t", {"retention.ms": "6", "segment.bytes": "none"})
    assert topic.configs == {"retention.ms": "5"}


def test_idle_partitions_have_no_files_and_open_ones_no_descriptors(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("log")
    storage = DiskStorage(folder, max_open=4)
    log = open_log(storage, fsync=FsyncPolicy.NONE)
    topic = log.create_topic("t", 50)
    assert not (folder / "topics").exists()
    for partition in topic.partitions:
        partition.append(batch(b"%d" % partition.index))
    for partition in topic.partitions:
        assert values(partition) == [b"%d" % partition.index]
    assert len(storage._fds) <= 4
    log.close()


@pytest.mark.parametrize("codec", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
def test_batches_of_clients_are_compressed_as_the_topic_says(codec: str) -> None:
    partition = new_partition(compression_type=codec)
    rows = [(b"k%d" % n, b"value " * 100, 1_000 + n, ()) for n in range(20)]
    sent = [
        build_batch(rows, compression=number, producer_id=5, producer_epoch=0, base_sequence=20 * number)
        for number in range(5)
    ]
    for number, one in enumerate(sent):
        assert partition.append(one, from_client=True).base_offset == 20 * number
    assert partition.append(sent[-1], from_client=True).duplicate
    stored = partition.read(0, 1 << 20)
    assert {header.compression for header in batch_headers(stored)} == {0 if codec == "uncompressed" else CODECS[codec]}
    assert all(check_crc(stored, header.start, header.size) for header in batch_headers(stored))
    assert [(record.offset, record.key) for record in read_records(stored)] == [
        (20 * number + n, b"k%d" % n) for number in range(5) for n in range(20)
    ]


def test_a_batch_too_large_without_its_compression_is_refused() -> None:
    partition = new_partition(compression_type="uncompressed", max_message_bytes="5000")
    batch = build_batch([(None, bytes(100_000), 1_000, ())], compression=CODECS["zstd"])
    with pytest.raises(RecordTooLargeError):
        partition.append(batch, from_client=True)
    assert partition.log_end == 0
