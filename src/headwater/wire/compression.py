"""The codecs of record batches, and giving a batch another one: bytes to bytes, its records are not looked at.

What clients send is decompressed with a limit, so that a small batch cannot fill the memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from struct import Struct
from typing import Any

import cramjam
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from crc32c import crc32c

from headwater.wire.records import (
    GZIP,
    HEADER_SIZE,
    LENGTH_END,
    LZ4,
    NO_COMPRESSION,
    SNAPPY,
    ZSTD,
    BatchHeader,
    Buffer,
    CorruptBatchError,
)

MAX_INFLATED = 64 << 20
"""Bytes that the records of one batch may take when decompressed."""
_FIRST_GUESS, _GROWTH = 8, 8
_SMALLEST = 64 << 10
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_BLOCK = Struct(">i")
_LENGTH = Struct(">i")
_LENGTH_AT = 8
_CRC = Struct(">I")
_CRC_AT, _ATTRIBUTES_AT = 17, 21
_CODEC_MASK = 0x07

_ENCODERS: dict[int, Callable[[Buffer], bytes]] = {
    NO_COMPRESSION: bytes,
    GZIP: lambda data: gzip_encode(data, 6),
    SNAPPY: snappy_encode,
    LZ4: lambda data: lz4_encode(data, 1),
    ZSTD: zstd_encode,
}


def recompressed(batch: Buffer, header: BatchHeader, codec: int) -> bytearray:
    """The one batch of `header` with its records compressed by `codec`, all else unchanged.

    Raises `CorruptBatchError` if they cannot be decompressed, or not within `MAX_INFLATED`.
    """
    view = memoryview(batch)[header.start : header.start + header.size]
    plain = bytes(decompress(view[HEADER_SIZE:], header.compression))
    out = bytearray(view[:HEADER_SIZE])
    out += _ENCODERS[codec](plain)
    _LENGTH.pack_into(out, _LENGTH_AT, len(out) - LENGTH_END)
    out[_ATTRIBUTES_AT + 1] = out[_ATTRIBUTES_AT + 1] & ~_CODEC_MASK | codec
    _CRC.pack_into(out, _CRC_AT, crc32c(memoryview(out)[_ATTRIBUTES_AT:]))
    return out


def decompress(data: Buffer, codec: int, limit: int = MAX_INFLATED) -> Buffer:
    """The bytes that `codec` made `data` of. Raises `CorruptBatchError` if that fails or they are more than `limit`."""
    try:
        if codec == NO_COMPRESSION:
            return data
        if codec == GZIP:
            return _gunzip(data, limit)
        if codec == SNAPPY:
            return _unsnap(bytes(data), limit)
        return _grow(cramjam.lz4 if codec == LZ4 else cramjam.zstd, data, limit)
    except (cramjam.DecompressionError, zlib.error, ValueError, IndexError) as error:
        raise CorruptBatchError(
            f"{len(data)} bytes of records (codec {codec}) cannot be decompressed to at most {limit} bytes: {error}"
        ) from None


def _gunzip(data: Buffer, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    plain = inflater.decompress(data, limit + 1)
    if len(plain) > limit or not inflater.eof:
        raise ValueError("there is more, or it is cut off")
    return plain


def _unsnap(data: bytes, limit: int) -> bytes:
    """Raw, or in the blocks of the library that Java programs use."""
    if not data.startswith(_XERIAL):
        return _unsnap_block(data, limit)
    out, at = bytearray(), _XERIAL_HEADER
    while at < len(data):
        size = _BLOCK.unpack_from(data, at)[0] if at + _BLOCK.size <= len(data) else -1
        at += _BLOCK.size
        if size < 0 or at + size > len(data):
            raise ValueError("a block is cut off")
        out += _unsnap_block(data[at : at + size], limit - len(out))
        at += size
    return bytes(out)


def _unsnap_block(block: bytes, limit: int) -> bytes:
    size, shift = 0, 0
    for byte in block[:5]:  # the length stands in front
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > limit:
        raise ValueError(f"{size} bytes are too many")
    return bytes(cramjam.snappy.decompress_raw(block))


def _grow(codec: Any, data: Buffer, limit: int) -> bytes:
    """Into a buffer that is made larger until it is large enough: these codecs do not say how large it has to be."""
    room = max(_SMALLEST, len(data) * _FIRST_GUESS)
    while True:
        room = min(room, limit)
        out = bytearray(room)
        try:
            return bytes(memoryview(out)[: codec.decompress_into(bytes(data), out)])
        except cramjam.DecompressionError:
            if room == limit:
                raise
        room *= _GROWTH
