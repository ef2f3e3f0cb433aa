"""A record batch with some of its records taken out, as compaction leaves it: offsets, times and producer unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from aiokafka.record._crecords import DefaultRecordBatchBuilder
from crc32c import crc32c

from headwater.wire.records import LENGTH_END, BatchHeader, Record

_BASE_OFFSET = Struct(">q")
_LEADER_EPOCH = Struct(">i")
_ATTRIBUTES_AND_LAST = Struct(">hi")
_MAX_TIMESTAMP = Struct(">q")
_CRC = Struct(">I")
_CRC_AT, _ATTRIBUTES_AT, _MAX_TIMESTAMP_AT = 17, 21, 35
_UNBOUNDED = (1 << 31) - 1


def thinned_batch(header: BatchHeader, records: Sequence[Record]) -> bytes:
    """The batch of `header` with only `records` (some of its own, at least one) in it.

    Base offset, last offset, sequence and flags stay, so that readers and producers see the same batch with gaps.
    """
    builder = DefaultRecordBatchBuilder(
        2,
        header.compression,
        int(header.is_transactional),
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        _UNBOUNDED,
    )
    for record in records:
        builder.append(
            record.offset - header.base_offset, record.timestamp, record.key, record.value, list(record.headers)
        )
    batch = bytearray(builder.build())
    _BASE_OFFSET.pack_into(batch, 0, header.base_offset)
    _LEADER_EPOCH.pack_into(batch, LENGTH_END, header.leader_epoch)
    _ATTRIBUTES_AND_LAST.pack_into(
        batch, _ATTRIBUTES_AT, _attributes(header, batch), header.last_offset - header.base_offset
    )
    if header.is_append_time:
        _MAX_TIMESTAMP.pack_into(batch, _MAX_TIMESTAMP_AT, header.max_timestamp)
    _CRC.pack_into(batch, _CRC_AT, crc32c(memoryview(batch)[_ATTRIBUTES_AT:]))
    return bytes(batch)


def _attributes(header: BatchHeader, batch: bytearray) -> int:
    """The original's flags, but the compression the builder used: it leaves small batches uncompressed."""
    built: int = _ATTRIBUTES_AND_LAST.unpack_from(batch, _ATTRIBUTES_AT)[0]
    return (header.attributes & ~0x07) | (built & 0x07)
