"""Transaction markers: the control batches that end a producer's transaction in a partition (KIP-98)."""

from __future__ import annotations

from struct import Struct

from crc32c import crc32c

from headwater.wire.records import HEADER_SIZE, BatchHeader, Buffer, build_batch

ABORT, COMMIT = 0, 1
"""The type in a marker's key; other control batches (leader changes, snapshots) have higher ones."""

_KEY = Struct(">hh")
_VALUE = Struct(">hi")
_CRC_AT, _ATTRIBUTES_AT = 17, 21
_CONTROL = 0x20


def build_marker(
    producer_id: int, producer_epoch: int, *, commit: bool, timestamp: int, coordinator_epoch: int = 0
) -> bytes:
    """The control batch that commits or aborts the producer's transaction; `timestamp` in ms."""
    key = _KEY.pack(0, COMMIT if commit else ABORT)
    batch = bytearray(
        build_batch(
            [(key, _VALUE.pack(0, coordinator_epoch), timestamp, ())],
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            transactional=True,
        )
    )
    batch[_ATTRIBUTES_AT + 1] |= _CONTROL
    batch[_CRC_AT:_ATTRIBUTES_AT] = crc32c(bytes(batch[_ATTRIBUTES_AT:])).to_bytes(4, "big")
    return bytes(batch)


def marker_type(data: Buffer, header: BatchHeader) -> int:
    """ABORT, COMMIT or another control type of the control batch at `header` in `data`; -1 if it cannot be read."""
    position = header.start + HEADER_SIZE
    end = header.start + header.size
    position = _skip_varint(data, position, end) + 1  # record length, attributes
    for _ in range(3):  # timestamp delta, offset delta, key length
        position = _skip_varint(data, position, end)
    return int(_KEY.unpack_from(data, position)[1]) if position + _KEY.size <= end else -1


def _skip_varint(data: Buffer, position: int, end: int) -> int:
    while position < end and data[position] & 0x80:
        position += 1
    return position + 1
