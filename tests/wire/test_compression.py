"""Batches get another codec without a look at their records, and nothing small becomes something huge."""

from __future__ import annotations

import pytest

from headwater.wire.compression import decompress, recompressed
from headwater.wire.records import CODECS, CorruptBatchError, batch_headers, build_batch, check_crc, read_records

ROWS = [(b"k%d" % n, b"value " * 100, 1_000 + n, [("h", b"x")]) for n in range(50)]
IDS = list(CODECS)


@pytest.mark.parametrize("target", IDS)
@pytest.mark.parametrize("source", IDS)
def test_the_same_records_under_another_codec(source: str, target: str) -> None:
    data = b"before" + build_batch(
        ROWS, compression=CODECS[source], producer_id=7, producer_epoch=2, base_sequence=5, transactional=True
    )
    (before,) = batch_headers(data, 6)
    batch = recompressed(data, before, CODECS[target])
    (after,) = batch_headers(batch)
    assert after.compression == CODECS[target]
    assert check_crc(batch, 0, len(batch))
    assert [(r.key, r.value, r.timestamp, list(r.headers)) for r in read_records(batch)] == ROWS
    same = ("base_offset", "last_offset", "max_timestamp", "producer_id", "producer_epoch", "base_sequence")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert after.is_transactional
    assert len(batch) < len(build_batch(ROWS)) or target == "none"


@pytest.mark.parametrize("codec", IDS[1:])
def test_what_would_grow_beyond_the_limit_or_is_damaged_is_refused(codec: str) -> None:
    big = build_batch([(None, bytes(1 << 20), 0, ())], compression=CODECS[codec])
    with pytest.raises(CorruptBatchError, match="at most 100000 bytes"):
        decompress(big[61:], CODECS[codec], limit=100_000)
    assert len(decompress(big[61:], CODECS[codec])) > 1 << 20
    for damaged in (b"\xff" * 40, big[61:80], b""):
        with pytest.raises(CorruptBatchError):
            decompress(damaged, CODECS[codec])
