"""The rollback journal of multi-partition commits: makes them all-or-nothing across `kill -9`.

Before a commit writes anything, it appends one entry: which partitions, from which offset to which. The logs themselves
tell later whether it happened: if after recovery some partition ends before the entry's end, the commit is incomplete
and every partition of it is cut back to the entry's begin; entries after it that lost records this way are then
incomplete in turn. So there is nothing to clear after a commit; the journal is shortened once its commits are safe.

A power cut can in addition lose whole writes in any order. The journal is synced before the data it speaks of, so the
same rule then holds for every commit whose data the system had not written out on its own before its first sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from headwater.log.storage import Storage

JOURNAL = "journal"
_HEAD = Struct("<II")
_SPAN = Struct("<16sIqq")
_SHORTEN_AT = 64 << 10


class Span(NamedTuple):
    """The part of a commit in one partition: offsets from `start` to before `end`."""

    topic_id: bytes
    number: int
    start: int
    end: int


class Journal:
    """The file `journal`. All methods raise `StorageError`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.size = 0

    def begin(self, spans: Sequence[Span]) -> int:
        """Note a commit that is about to be written; returns the position for `void`."""
        body = b"".join([_SPAN.pack(*span) for span in spans])
        position = self.size
        self._storage.write(JOURNAL, position, _HEAD.pack(crc32(body), len(spans)) + body)
        self.size = position + _HEAD.size + len(body)
        return position

    def void(self, position: int) -> None:
        """The commit noted at `position`, the last one, was taken back."""
        self._storage.truncate(JOURNAL, position)
        self.size = position

    def shorten(self, position: int) -> None:
        """Forget the entries before `position`, as their commits are safe, once it is worth it."""
        if position <= _SHORTEN_AT:
            return
        rest = self._storage.read(JOURNAL, position, self.size - position)
        self._storage.replace(JOURNAL, rest, sync=False)
        self.size = len(rest)

    def is_long(self) -> bool:
        """Whether it is time to shorten."""
        return self.size > _SHORTEN_AT

    def clear(self) -> None:
        """Forget all entries."""
        if self._storage.size(JOURNAL):
            self._storage.truncate(JOURNAL, 0)
        self.size = 0

    def load(self) -> list[list[Span]]:
        """The commits noted, in order; a half-written last entry is no commit, as its data was not begun."""
        data = self._storage.read(JOURNAL) if self._storage.size(JOURNAL) else b""
        out: list[list[Span]] = []
        position = 0
        while position + _HEAD.size <= len(data):
            crc, count = _HEAD.unpack_from(data, position)
            body = data[position + _HEAD.size : position + _HEAD.size + count * _SPAN.size]
            if count == 0 or len(body) != count * _SPAN.size or crc32(body) != crc:
                break
            out.append([Span(*span) for span in _SPAN.iter_unpack(body)])
            position += _HEAD.size + len(body)
        self.size = position
        return out
