"""A record batch with some or all of its records taken out, as compaction leaves it: offsets and producer unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from aiokafka.record._crecords import DefaultRecordBatchBuilder
from crc32c import crc32c

from headwater.wire.records import HEADER_SIZE, LENGTH_END, BatchHeader, Buffer, Record

_BASE_OFFSET = Struct(">q")
_LEADER_EPOCH = Struct(">i")
_LENGTH = Struct(">i")
_ATTRIBUTES = Struct(">h")
_ATTRIBUTES_AND_LAST = Struct(">hi")
_TIMESTAMP = Struct(">q")
_COUNT = Struct(">i")
_CRC = Struct(">I")
_LENGTH_AT, _CRC_AT, _ATTRIBUTES_AT, _BASE_TIMESTAMP_AT, _MAX_TIMESTAMP_AT, _COUNT_AT = 8, 17, 21, 27, 35, 57
_CODEC = 0x07
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
        _TIMESTAMP.pack_into(batch, _MAX_TIMESTAMP_AT, header.max_timestamp)
    return _checked(batch)


def emptied_batch(header: BatchHeader, batch: Buffer) -> bytes:
    """The batch without any record: only that there were these offsets, and whose, remains, as in Kafka's log."""
    empty = bytearray(batch[:HEADER_SIZE])
    _LENGTH.pack_into(empty, _LENGTH_AT, HEADER_SIZE - LENGTH_END)
    _ATTRIBUTES.pack_into(empty, _ATTRIBUTES_AT, header.attributes & ~_CODEC)
    _TIMESTAMP.pack_into(empty, _BASE_TIMESTAMP_AT, header.max_timestamp)
    _COUNT.pack_into(empty, _COUNT_AT, 0)
    return _checked(empty)


def _checked(batch: bytearray) -> bytes:
    _CRC.pack_into(batch, _CRC_AT, crc32c(memoryview(batch)[_ATTRIBUTES_AT:]))
    return bytes(batch)


def _attributes(header: BatchHeader, batch: bytearray) -> int:
    """The original's flags, but the compression the builder used: it leaves small batches uncompressed."""
    built: int = _ATTRIBUTES.unpack_from(batch, _ATTRIBUTES_AT)[0]
    return (header.attributes & ~_CODEC) | (built & _CODEC)
