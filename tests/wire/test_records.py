"""Record batches: what is built can be read, patched and checked."""

from __future__ import annotations

import pytest

from headwater.wire.records import (
    CODECS,
    BatchWriter,
    CorruptBatchError,
    assign_offsets,
    batch_headers,
    build_batch,
    check_crc,
    read_records,
    record_runs,
    stamp_append_time,
)

ROWS = [
    (b"a", b"one", 1_000, ()),
    (None, b"two", 999, [("trace", b"\x00\x01"), ("empty", None)]),
    (b"", None, 1_001, ()),
]


def as_rows(data: bytes | bytearray) -> list[tuple[bytes | None, bytes | None, int, list[tuple[str, bytes | None]]]]:
    return [(r.key, r.value, r.timestamp, list(r.headers)) for r in read_records(data)]


@pytest.mark.parametrize("codec", CODECS)
def test_records_come_back_as_they_went_in_under_every_compression(codec: str) -> None:
    data = build_batch(ROWS, compression=CODECS[codec])
    assert as_rows(data) == [(k, v, t, list(h)) for k, v, t, h in ROWS]


def test_header_tells_offsets_times_and_producer() -> None:
    data = build_batch(ROWS, producer_id=7, producer_epoch=1, base_sequence=40)
    (header,) = batch_headers(data)
    assert header.size == len(data)
    assert (header.base_offset, header.last_offset, header.record_count) == (0, 2, 3)
    assert (header.base_timestamp, header.max_timestamp) == (1_000, 1_001)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (7, 1, 40)
    assert [header.is_control, header.is_transactional, header.is_append_time] == [False] * 3


def test_offsets_are_assigned_in_place_without_touching_the_checksum() -> None:
    run = bytearray(build_batch(ROWS) + build_batch(ROWS))
    assert assign_offsets(run, 100, leader_epoch=3) == 106
    assert [r.offset for r in read_records(run)] == [100, 101, 102, 103, 104, 105]
    assert [h.leader_epoch for h in batch_headers(run)] == [3, 3]
    assert all(check_crc(run, h.start, h.size) for h in batch_headers(run))


def test_reading_can_start_in_the_middle_of_a_batch() -> None:
    run = bytearray(build_batch(ROWS) + build_batch(ROWS))
    assign_offsets(run, 10)
    assert [r.offset for r in read_records(run, first_offset=12)] == [12, 13, 14, 15]
    assert [r.offset for r in read_records(run, first_offset=14)] == [14, 15]


@pytest.mark.parametrize("codec", ["none", "lz4"])
@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_records_can_be_read_a_few_at_a_time(codec: str, most: int) -> None:
    run = bytearray(build_batch(ROWS + ROWS, compression=CODECS[codec]) + build_batch(ROWS, compression=CODECS[codec]))
    assign_offsets(run, 10)
    runs = list(record_runs(run, 11, most))
    assert [record.offset for records in runs for record in records] == [11, 12, 13, 14, 15, 16, 17, 18]
    assert max(len(records) for records in runs) <= most


def test_append_time_replaces_every_record_time_and_keeps_the_checksum_right() -> None:
    run = bytearray(build_batch(ROWS) + build_batch(ROWS))
    stamp_append_time(run, 5_000)
    assert {r.timestamp for r in read_records(run)} == {5_000}
    assert all(check_crc(run, h.start, h.size) and h.is_append_time for h in batch_headers(run))


def test_incomplete_tail_is_left_out() -> None:
    run = build_batch(ROWS) + build_batch(ROWS)
    for cut in (1, 30, 61, len(run) // 2 - 1):
        assert len(list(batch_headers(run[:-cut]))) == 1


def test_checksum_notices_every_flipped_byte_after_it() -> None:
    data = build_batch(ROWS)
    for at in range(17, len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x40
        assert not check_crc(damaged, 0, len(damaged))


def test_bytes_that_are_no_batch_are_refused() -> None:
    with pytest.raises(CorruptBatchError, match="magic 0, length 0"):
        list(batch_headers(bytes(80)))
    damaged = bytearray(build_batch(ROWS, compression=CODECS["gzip"]))
    damaged[61:] = b"\xff" * (len(damaged) - 61)
    with pytest.raises(CorruptBatchError, match="offset 0"):
        read_records(damaged)


def test_writer_counts_and_an_empty_one_gives_nothing() -> None:
    writer = BatchWriter()
    assert writer.close() == b""
    writer.append(b"k", b"v", 1)
    writer.extend(ROWS)
    assert writer.count == 4
    assert writer.size == len(writer.close())
