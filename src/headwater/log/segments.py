"""The segments of one partition: batches by offset, over any number of files.

Knows offsets, positions and files, but nothing of producers, visibility or topics: that is the partition's.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

from headwater.log.compaction import CLEANED_SUFFIX, SWAP_SUFFIX, finish_swaps
from headwater.log.errors import CorruptBatchError, StorageError
from headwater.log.segment import LOG_SUFFIX, Segment, header_at, walk
from headwater.log.storage import Data, Storage
from headwater.wire.records import HEADER_SIZE, BatchHeader, batch_headers

_KEPT_HINTS = 16
"""Readers whose place is remembered: a sequential reader then finds its next batch without the index."""
_MAX_RELATIVE = (1 << 31) - 1
_COUNT_AT = HEADER_SIZE - 4
_NONE = bytes(4)
"""The count of records in the header of a batch that compaction has emptied."""


class Place(NamedTuple):
    """The end of the log at some moment, to come back to."""

    segments: int
    size: int
    end: int


def _base(segment: Segment) -> int:
    return segment.base


def _from_first_record(data: bytes) -> bytes:
    """The batches from the first one on that has records."""
    return next((data[header.start :] for header in batch_headers(data) if header.record_count), b"")


class Segments:
    """Ordered, non-overlapping segments; the last one is active. `end` is the offset after the last batch.

    Nothing is created on disk before the first append.
    """

    __slots__ = ("_hints", "_storage", "_visible", "all", "end", "folder", "interval")

    def __init__(self, storage: Storage, folder: str, interval: int) -> None:
        self._storage = storage
        self.folder = folder
        self.interval = interval
        self.all: list[Segment] = []
        self.end = 0
        self._hints: dict[int, tuple[int, int]] | None = None
        self._visible = (-1, 0, 0)

    @property
    def size(self) -> int:
        """Bytes of all batches."""
        return sum(segment.size for segment in self.all)

    def discover(self) -> None:
        """Take the segment files of the folder as they are; `end` is still to be found out."""
        names = self._storage.names(self.folder)
        if any(name.endswith((CLEANED_SUFFIX, SWAP_SUFFIX)) for name in names):
            finish_swaps(self._storage, self.folder)
            names = self._storage.names(self.folder)
        bases = sorted(
            int(name[: -len(LOG_SUFFIX)])
            for name in names
            if name.endswith(LOG_SUFFIX) and name[: -len(LOG_SUFFIX)].isdigit()
        )
        self.all = [Segment(self.folder, base) for base in bases]
        for segment in self.all:
            segment.size = self._storage.size(segment.path) or 0

    # Appending

    def append(self, data: Data, end: int) -> int:
        """Write batches with their offsets assigned up to `end`; returns their position in the active segment."""
        if not self.all:
            self.all.append(Segment(self.folder, self.end))
        active = self.all[-1]
        if active.index is None:
            active.load_index(self._storage, self.interval)
        position = active.append(self._storage, data)
        self.end = end
        return position

    def roll(self) -> None:
        """Close the active segment and go on in a new one."""
        self.all[-1].save_index(self._storage)
        following = Segment(self.folder, self.end)
        # The file's name keeps the offset when all segments before it are deleted.
        self._storage.write(following.path, 0, b"")
        self.all.append(following)

    def must_roll(self, incoming: int, end: int, max_bytes: int, max_index_bytes: int) -> bool:
        """Whether `incoming` bytes up to offset `end` need a new segment for the limits of one file."""
        if not self.all:
            return False
        active = self.all[-1]
        if not active.size:
            return False
        if active.size + incoming > max_bytes or end - active.base > _MAX_RELATIVE:
            return True
        return active.index is not None and 16 * len(active.index) >= max_index_bytes

    def place(self) -> Place:
        """Where the log ends now."""
        return Place(len(self.all), self.all[-1].size if self.all else 0, self.end)

    def back_to(self, place: Place) -> None:
        """Take back what was appended since `place`. In memory this always succeeds; raises if the disk refuses."""
        surplus, self.all = self.all[place.segments :], self.all[: place.segments]
        self.end = place.end
        self.forget_places()
        failure: StorageError | None = None
        for segment in surplus:
            try:
                segment.remove(self._storage)
            except StorageError as error:
                failure = error
        if self.all and self.all[-1].size > place.size:
            active = self.all[-1]
            active.size = place.size
            try:
                active.truncate(self._storage, place.size)
            except StorageError as error:
                failure = error
        if failure is not None:
            raise failure

    def truncate(self, offset: int) -> None:
        """Drop every batch that holds `offset` or a later one."""
        while self.all and self.all[-1].base >= offset and len(self.all) > 1:
            self.all.pop().remove(self._storage)
        self.forget_places()
        self.end = min(self.end, offset)
        if not self.all:
            return
        active = self.all[-1]
        position = active.locate(self._storage, self.interval, offset)
        if position < active.size:
            header = header_at(self._storage, active.path, position, active.size)
            active.truncate(self._storage, position)
            self.end = header.base_offset if header is not None else self.end

    # Reading

    def read(self, offset: int, limit: int, max_bytes: int) -> tuple[bytes, int]:
        """Whole batches from the one holding `offset` on, all before `limit`, and the offset to go on with.

        At least one batch if there is one, else at most `max_bytes`; never from more than one segment. It begins with a
        batch that has records: clients take bytes without any for the begin of a batch that is too large for them.
        """
        number, position = self._find(offset)
        while number < len(self.all):
            segment = self.all[number]
            segment_end = self.all[number + 1].base if number + 1 < len(self.all) else self.end
            if position < segment.size and offset < segment_end:
                break
            number, position = number + 1, 0
        else:
            return b"", max(offset, limit)
        stop, following = segment.size, segment_end
        if limit < segment_end:
            stop, following = self._limit(number, limit), limit
        if stop <= position:
            return b"", max(offset, limit)
        if stop - position > max_bytes:
            data, following = self._read_part(segment, position, max_bytes, stop, following)
        else:
            data = self._read_exactly(segment, position, stop)
        self._hint(following, segment.base, position + len(data))
        return (_from_first_record(data) if data[_COUNT_AT:HEADER_SIZE] == _NONE else data), following

    def _read_exactly(self, segment: Segment, position: int, stop: int) -> bytes:
        data = self._storage.read(segment.path, position, stop - position)
        if len(data) != stop - position:
            raise StorageError(
                f"{segment.path} is shorter than it was: {stop} bytes expected, {position + len(data)} found."
            )
        return data

    def _read_part(
        self, segment: Segment, position: int, max_bytes: int, stop: int, following: int
    ) -> tuple[bytes, int]:
        """The batches that fit into `max_bytes`, or the first one: all but the last few are known from the index."""
        index = segment.load_index(self._storage, self.interval)
        entry = index.before_position(position + max_bytes)
        known = max(index.positions[entry] if entry >= 0 else 0, position)
        data = self._storage.read(segment.path, position, max_bytes)
        end = known - position
        last = segment.base + index.offsets[entry] if end else -1
        for header in batch_headers(data, end):
            end, last = header.start + header.size, header.last_offset + 1
        if end:
            return data[:end], last
        first = header_at(self._storage, segment.path, position, stop)
        if first is None:
            raise CorruptBatchError(f"{segment.path} has no batch at byte {position}: the file was changed or damaged.")
        return self._read_exactly(segment, position, position + first.size), min(first.last_offset + 1, following)

    def _find(self, offset: int) -> tuple[int, int]:
        """Segment number and position of the batch that holds the offset or comes first after it."""
        number = bisect_right(self.all, offset, key=_base) - 1 if len(self.all) > 1 else 0
        if not self.all or number < 0:
            return max(number, 0), 0
        segment = self.all[number]
        hint = self._hints.get(offset) if self._hints else None
        if hint is not None and hint[0] == segment.base:
            return number, hint[1]
        if offset <= segment.base:
            return number, 0
        return number, segment.locate(self._storage, self.interval, offset)

    def _limit(self, number: int, limit: int) -> int:
        """Position in the segment where the batches before offset `limit` end."""
        segment = self.all[number]
        offset, base, position = self._visible
        if offset == limit and base == segment.base:
            return position
        return segment.locate(self._storage, self.interval, limit)

    def _hint(self, offset: int, base: int, position: int) -> None:
        hints = self._hints
        if hints is None:
            hints = self._hints = {}
        elif len(hints) >= _KEPT_HINTS and offset not in hints:
            del hints[next(iter(hints))]
        hints[offset] = (base, position)

    def remember(self, offset: int, base: int, position: int) -> None:
        """Note where the visible part ends: the place that most readers are limited by."""
        self._visible = (offset, base, position)

    def forget_places(self) -> None:
        """Positions have changed."""
        self._hints = None
        self._visible = (-1, 0, 0)

    def walk(self, offset: int, limit: int) -> Iterator[tuple[bytes, BatchHeader]]:
        """The batches from the one holding `offset` on, to before `limit`: (buffer, header in it)."""
        number, position = self._find(offset)
        for segment in self.all[number:]:
            for _, chunk, header in walk(self._storage, segment.path, position, segment.size):
                if header.base_offset >= limit:
                    return
                if header.last_offset >= offset:
                    yield chunk, header
            position = 0

    def first_since(self, timestamp: int, offset: int, limit: int) -> Iterator[tuple[bytes, BatchHeader]]:
        """The batches in `offset` to `limit` whose newest record is at or after `timestamp`, first ones first."""
        for number, segment in enumerate(self.all):
            if number + 1 < len(self.all) and self.all[number + 1].base <= offset:
                continue
            index = segment.load_index(self._storage, self.interval)
            if segment.max_timestamp < timestamp or not len(index):
                continue
            start = index.positions[max(index.before_time(timestamp), 0)]
            for _, chunk, header in walk(self._storage, segment.path, start, segment.size):
                if header.base_offset >= limit:
                    return
                if header.max_timestamp >= timestamp and header.last_offset >= offset:
                    yield chunk, header

    def newest(self) -> int:
        """The largest timestamp of all batches; -1 if there are none."""
        return max((self.max_timestamp(segment) for segment in self.all), default=-1)

    def max_timestamp(self, segment: Segment) -> int:
        """The largest timestamp in the segment."""
        segment.load_index(self._storage, self.interval)
        return segment.max_timestamp

    # Dropping and recovering

    def end_of(self, number: int) -> int:
        """The offset after the last one that segment `number` may hold."""
        return self.all[number + 1].base if number + 1 < len(self.all) else self.end

    def drop_first(self) -> None:
        """Delete the oldest segment."""
        self.forget_places()
        self.all[0].remove(self._storage)
        del self.all[0]

    def holds(self, group: list[Segment]) -> bool:
        """Whether these adjacent segments are all still there."""
        return group[0] in self.all and group[-1] in self.all

    def replace(self, group: list[Segment], segment: Segment) -> None:
        """`segment` holds from now on what these adjacent segments held."""
        first = self.all.index(group[0])
        self.all[first : first + len(group)] = [segment]
        self.forget_places()

    def scan_from(self, base: int, position: int, offset: int) -> tuple[int, int, int]:
        """Where a scan has to begin: (segment number, position in it, offset there).

        That is `position` of segment `base`, at `offset`, if those bytes are there, else the start of the log.
        """
        number = next((n for n, segment in enumerate(self.all) if segment.base == base), -1)
        if number >= 0 and self.all[number].size >= position:
            segment = self.all[number]
            header = header_at(self._storage, segment.path, position, segment.size) if position < segment.size else None
            if header is None or header.base_offset == offset:
                return number, position, offset
        return 0, 0, self.all[0].base if self.all else 0

    def recover(self, start: tuple[int, int, int], note: Callable[[bytes, BatchHeader], None]) -> bool:
        """Find the end after an unclean stop, scanning from a place of `scan_from` on; `note` as for `Segment.scan`.

        Cuts at the first bad batch or missing offset between segments; everything after it goes, so that what is left
        is what the log once was. Returns whether anything was there to scan.
        """
        self.forget_places()
        number, position, self.end = start
        scanned = False
        for at in range(number, len(self.all)):
            segment = self.all[at]
            if segment.base > self.end:
                self._drop_from(at)
                break
            size = segment.size
            following = segment.scan(self._storage, self.interval, position, note)
            scanned = scanned or segment.size > position
            self.end = max(self.end, following)
            if segment.size < size:
                self._drop_from(at + 1)
                break
            if at + 1 < len(self.all):
                with contextlib.suppress(StorageError):  # a full disk; the index is made again when needed
                    segment.save_index(self._storage)
                segment.drop_index()
            position = 0
        return scanned

    def _drop_from(self, number: int) -> None:
        for surplus in self.all[number:]:
            surplus.remove(self._storage)
        del self.all[number:]
