"""The checkpoint: per partition, up to where its files are known good, so that an unclean start scans only the rest."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple
from zlib import crc32

_HEAD = Struct("<4sII")
_ENTRY = Struct("<16sIqqqqqq")
_MAGIC = b"HWC1"


class Recovered(NamedTuple):
    """What a checkpoint says of one partition.

    Batches before `offset`, which begins at byte `position` of segment `segment`, need no scan. The producers as of
    offset `producers_at` are in the snapshot file named by `snapshot`; -1: there were none.
    """

    topic_id: bytes
    number: int
    log_start: int
    offset: int
    segment: int
    position: int
    producers_at: int
    snapshot: int


def encode_checkpoint(entries: Iterable[Recovered]) -> bytes:
    """The file's bytes."""
    body = b"".join([_ENTRY.pack(*entry) for entry in entries])
    return _HEAD.pack(_MAGIC, crc32(body), len(body) // _ENTRY.size) + body


def decode_checkpoint(data: bytes) -> dict[tuple[bytes, int], Recovered]:
    """By topic id and partition; empty if the file is missing or damaged, which only makes recovery slower."""
    if len(data) < _HEAD.size:
        return {}
    magic, crc, count = _HEAD.unpack_from(data)
    body = data[_HEAD.size :]
    if magic != _MAGIC or len(body) != count * _ENTRY.size or crc32(body) != crc:
        return {}
    return {(entry[0], entry[1]): Recovered(*entry) for entry in _ENTRY.iter_unpack(body)}
