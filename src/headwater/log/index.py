"""The sparse index of one segment: offset and time to position, in memory and as the `.index` file.

One file instead of Kafka's two. An entry is 16 bytes, little-endian: offset relative to the segment's base (u32),
position (u32) and the largest timestamp of all batches *before* that position (i64). An index is a hint that can always
be made again from the log: entries missing at its end are found by reading headers on from the last one.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import le, lt

ENTRY_SIZE = 16
NO_TIMESTAMP = -1
"""Below every timestamp a record can have."""

_U32 = "I" if array("I").itemsize == 4 else "L"


class SparseIndex:
    """Entries in order of position, the first at 0. Relative offsets and positions are below 2**32."""

    __slots__ = ("_interval", "_next", "offsets", "positions", "timestamps")

    def __init__(self, interval: int) -> None:
        self.offsets = array(_U32)
        self.positions = array(_U32)
        self.timestamps = array("q")
        self._interval = interval
        self._next = 0

    def __len__(self) -> int:
        return len(self.positions)

    def add(self, relative: int, position: int, max_before: int) -> None:
        """Tell of a batch; it gets an entry if it is `interval` bytes after the last entry or later."""
        if position >= self._next:
            self.offsets.append(relative)
            self.positions.append(position)
            self.timestamps.append(max_before)
            self._next = position + self._interval

    def before_offset(self, relative: int) -> int:
        """Number of the last entry at or before the relative offset; -1 if there is none."""
        return bisect_right(self.offsets, relative) - 1

    def before_position(self, position: int) -> int:
        """Number of the last entry at or before the position; -1 if there is none."""
        return bisect_right(self.positions, position) - 1

    def before_time(self, timestamp: int) -> int:
        """Number of the last entry with only earlier batches before it: the first batch at or after `timestamp` is
        there or later. -1 if there is no entry."""
        return max(bisect_left(self.timestamps, timestamp) - 1, 0 if self.positions else -1)

    def truncate(self, position: int) -> None:
        """Drop the entries at or after the position."""
        keep = bisect_left(self.positions, position)
        del self.offsets[keep:], self.positions[keep:], self.timestamps[keep:]
        self._next = self.positions[-1] + self._interval if keep else 0

    def encode(self, start: int = 0) -> bytes:
        """The file's bytes for the entries from number `start` on."""
        count = len(self) - start
        times = array(_U32, self.timestamps[start:].tobytes())
        cells = array(_U32, bytes(ENTRY_SIZE * count))
        low, high = (0, 1) if sys.byteorder == "little" else (1, 0)
        cells[0::4] = self.offsets[start:]
        cells[1::4] = self.positions[start:]
        cells[2::4] = times[low::2]
        cells[3::4] = times[high::2]
        if sys.byteorder == "big":
            cells.byteswap()
        return cells.tobytes()

    def decode(self, data: bytes, size: int) -> None:
        """Take the entries of a file as far as they make sense for a segment of `size` bytes; the rest is ignored."""
        cells = array(_U32, data[: len(data) - len(data) % ENTRY_SIZE])
        if sys.byteorder == "big":
            cells.byteswap()
        times = array(_U32, bytes(len(cells) * 2))
        low, high = (0, 1) if sys.byteorder == "little" else (1, 0)
        times[low::2] = cells[2::4]
        times[high::2] = cells[3::4]
        self.offsets = cells[0::4]
        self.positions = cells[1::4]
        self.timestamps = array("q", times.tobytes())
        keep = _valid_entries(self.offsets, self.positions, self.timestamps, size)
        del self.offsets[keep:], self.positions[keep:], self.timestamps[keep:]
        self._next = self.positions[-1] + self._interval if keep else 0


def _valid_entries(offsets: array[int], positions: array[int], timestamps: array[int], size: int) -> int:
    """How many entries from the start on are in order and inside the segment."""
    if not positions or positions[0] != 0:
        return 0
    if _is_ascending(lt, offsets) and _is_ascending(lt, positions) and _is_ascending(le, timestamps):
        return bisect_left(positions, size)
    keep = 1
    while (
        positions[keep - 1] < positions[keep] < size
        and offsets[keep - 1] < offsets[keep]
        and timestamps[keep - 1] <= timestamps[keep]
    ):
        keep += 1
    return keep


def _is_ascending(in_order: Callable[[int, int], bool], column: array[int]) -> bool:
    return all(map(in_order, column, column[1:]))
