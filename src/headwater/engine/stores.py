"""State of a task: what its operators remember between records, held in memory and written to the changelog topic.

A store keeps Python values, so that generated code works on them directly; only what a batch touched is encoded
(msgpack), once per commit, for the changelog. Restoring is replaying the changelog. Keys and values are typed by
annotations, because msgpack alone does not tell a tuple from a list or a decimal from text.
"""

from __future__ import annotations

import bisect
import decimal
import heapq
import itertools
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, get_args

import msgspec

from headwater.core import types
from headwater.core.types import SqlType
from headwater.engine.packing import pack

ChangelogRecord = tuple[bytes, bytes | None]

_decode_time = msgspec.msgpack.Decoder(tuple[int, int]).decode


def annotation(sql_type: SqlType) -> Any:
    """The msgspec annotation for values of a SQL type; NULL is always possible."""
    match sql_type:
        case types.Decimal():
            base: Any = decimal.Decimal
        case types.Array(element):
            base = list[annotation(element)]  # type: ignore[misc]
        case types.Map(key, value):
            base = dict[annotation(key), annotation(value)]  # type: ignore[misc]
        case types.Struct(fields):
            base = tuple[tuple(annotation(field.type) for field in fields)]  # type: ignore[misc]
        case _:
            base = _SCALARS[sql_type]
    return base | None


_SCALARS: dict[SqlType, Any] = {
    types.BOOLEAN: bool, types.INTEGER: int, types.BIGINT: int, types.DOUBLE: float, types.STRING: str,
    types.BYTES: bytes, types.DATE: int, types.TIME: int, types.TIMESTAMP: int,
}  # fmt: skip


def tuple_of(annotations: list[Any]) -> Any:
    """The annotation of a tuple with these items."""
    made: Any = tuple
    return made[tuple(annotations)] if annotations else made[()]


def _list_of(item: Any) -> Any:
    return list[item]


def key_annotation(key_types: list[SqlType]) -> Any:
    """State keys are the bare value for one column and a tuple for several."""
    items = [_hashable(t) for t in key_types]
    return items[0] if len(items) == 1 else tuple_of(items)


def _hashable(sql_type: SqlType) -> Any:
    """As `annotation`, with arrays as tuples."""
    match sql_type:
        case types.Array(element):
            return tuple[_hashable(element), ...] | None  # type: ignore[misc]
        case types.Struct(fields):
            return tuple[tuple(_hashable(field.type) for field in fields)] | None  # type: ignore[misc]
        case _:
            return annotation(sql_type)


@dataclass
class StreamTime:
    """The largest record time an operator has seen, ms; -1 before the first record. Never goes back.

    What ended by `closed` has been put out as final: a restarted task must not put it out again.
    """

    now: int = -1
    closed: int = -1

    def save(self) -> bytes:
        """For the changelog."""
        return pack((self.now, self.closed))

    def restore(self, saved: bytes) -> None:
        """As it was when it was saved."""
        self.now, self.closed = _decode_time(saved)


class Store(Protocol):
    """What a task needs of its stores: to save what changed, and to be rebuilt from what was saved."""

    time: StreamTime

    @property
    def changed(self) -> int:
        """How many records `changes` would give."""
        ...

    def changes(self) -> Iterator[ChangelogRecord]:
        """What changed since the last call, as changelog records; forgets it."""
        ...

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Apply one changelog record."""
        ...


class KeyValueStore:
    """Key to value. Values are replaced or, if mutable, changed in place and marked with `touch`."""

    def __init__(self, key_type: Any, value_type: Any, *, as_list: bool = False, columns: tuple[str, ...] = ()) -> None:
        """With `as_list` values are lists (changed in place) whose items `value_type`, a tuple, describes.

        With `columns` values are rows: tuples of these columns and the row's time.
        """
        self.columns = columns
        self._as_list = as_list
        self._value_type = value_type
        self.data: MutableMapping[Any, Any] = {}
        self.dirty: dict[Any, Any] = {}
        self.time = StreamTime()
        self.get: Callable[[Any], Any] = self.data.get
        self.touch = self.dirty.__setitem__
        self.decode_key = msgspec.msgpack.Decoder(key_type).decode
        self._decode_value = msgspec.msgpack.Decoder(value_type).decode

    def keep_in(self, data: MutableMapping[Any, Any]) -> None:
        """Keep entries in `data` instead; before the first one."""
        self.data = data
        self.get = data.get

    def put(self, key: Any, value: Any) -> None:
        """Set, or delete with None."""
        if value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value
        self.dirty[key] = value

    @property
    def changed(self) -> int:
        return len(self.dirty)

    def changes(self) -> Iterator[ChangelogRecord]:
        for key, value in self.dirty.items():
            yield pack(key), None if value is None else pack(value)
        self.dirty.clear()

    def restore(self, key: bytes, value: bytes | None) -> None:
        name = self.decode_key(key)
        self.dirty.pop(name, None)
        if value is None:
            self.data.pop(name, None)
        else:
            self.data[name] = self.decode_entry(value)

    def decode_entry(self, value: bytes) -> Any:
        """An entry as it is kept in memory."""
        row = self._decode_value(value)
        return list(row) if self._as_list else row

    def converter(self, columns: tuple[str, ...]) -> Callable[[bytes], Any]:
        """A function from an encoded row with other columns to a row of this store; columns it lacks are NULL."""
        own = dict(zip(self.columns, get_args(self._value_type), strict=False))
        decode = msgspec.msgpack.Decoder(tuple_of([*(own.get(name, Any) for name in columns), int])).decode
        places = [columns.index(name) if name in columns else None for name in self.columns]

        def convert(value: bytes) -> tuple[Any, ...]:
            row = decode(value)
            return (*(None if place is None else row[place] for place in places), row[-1])

        return convert


class WindowStore:
    """Per window start, per key: an entry. Windows that fall out of the retention time are dropped whole."""

    def __init__(self, key_type: Any, value_type: Any, retention_ms: int) -> None:
        self.windows: dict[int, MutableMapping[Any, Any]] = {}
        self.new_window: Callable[[int], MutableMapping[Any, Any]] = lambda start: {}
        """Makes the entries of the window that starts at a time; what it gives may already be filled."""
        self.dirty: dict[tuple[int, Any], Any] = {}
        self.time = StreamTime()
        self.retention_ms = retention_ms
        self.newest_start = -1
        self.touch = self.dirty.__setitem__
        self._decode_key = msgspec.msgpack.Decoder(tuple[int, key_type]).decode
        self.decode_name = msgspec.msgpack.Decoder(key_type).decode
        self._decode_value = msgspec.msgpack.Decoder(value_type).decode

    def open(self, start: int) -> MutableMapping[Any, Any]:
        """The entries of the window that starts at `start` ms; expires old windows when this is a newer one."""
        entries = self.windows.get(start)
        if entries is None:
            entries = self.windows[start] = self.new_window(start)
            if start > self.newest_start:
                self.newest_start = start
                horizon = start - self.retention_ms
                for old in [s for s in self.windows if s < horizon]:
                    self._drop(old)
        return entries

    def _drop(self, start: int) -> None:
        for key in self.windows.pop(start):
            self.dirty[(start, key)] = None

    def expired(self, start: int) -> bool:
        """Whether the window that starts at `start` is out of the retention time."""
        return start < self.newest_start - self.retention_ms

    @property
    def changed(self) -> int:
        return len(self.dirty)

    def changes(self) -> Iterator[ChangelogRecord]:
        for key, value in self.dirty.items():
            yield pack(key), None if value is None else pack(value)
        self.dirty.clear()

    def decode_entry(self, value: bytes) -> Any:
        """An entry as it is kept in memory."""
        return list(self._decode_value(value))

    def restore(self, key: bytes, value: bytes | None) -> None:
        start, name = self._decode_key(key)
        if value is not None and not self.expired(start):
            self.open(start)[name] = self.decode_entry(value)
            self.dirty.clear()


class SessionStore(KeyValueStore):
    """Key to its sessions, a list ordered by start; an entry is `[start, end, state…, time]`."""

    def __init__(self, key_type: Any, entry_type: Any, retention_ms: int) -> None:
        super().__init__(key_type, list[entry_type])
        self.retention_ms = retention_ms
        self._swept_at = 0
        self._ends: list[tuple[int, int, Any]] | None = None
        """A heap of (end of a key's first session, order, key); None as long as nobody takes ended sessions."""
        self._queued: dict[Any, int] = {}
        """The end under which a key is in the heap."""
        self._order = itertools.count()

    def put(self, key: Any, value: Any) -> None:
        super().put(key, value)
        if self._ends is not None and value is not None:
            self._queue(self._ends, key, value[0][1])

    def _queue(self, ends: list[tuple[int, int, Any]], key: Any, end: int) -> None:
        known = self._queued.get(key)
        if known is None or end < known:
            self._queued[key] = end
            heapq.heappush(ends, (end, next(self._order), key))

    def decode_entry(self, value: bytes) -> Any:
        return [list(session) for session in self._decode_value(value)]

    def take_ended(self, horizon: int) -> list[tuple[Any, list[Any]]]:
        """Take out (key, session) of the sessions that ended before `horizon`, ms, by end."""
        if self._ends is None:
            self._ends = []
            for key, sessions in self.data.items():
                self._queue(self._ends, key, sessions[0][1])
        keys: list[Any] = []
        while self._ends and self._ends[0][0] < horizon:
            end, _, key = heapq.heappop(self._ends)
            if self._queued.get(key) == end:
                del self._queued[key]
                keys.append(key)
        found: list[tuple[Any, list[Any]]] = []
        for key in keys:
            sessions = self.data.get(key, ())
            found += [(key, s) for s in sessions if s[1] < horizon]
            self.put(key, [s for s in sessions if s[1] >= horizon] or None)
        found.sort(key=lambda item: item[1][1])
        return found

    def sweep(self) -> None:
        """Drop sessions out of the retention time; costs a pass over all keys once per retention period."""
        if self.time.now - self._swept_at <= self.retention_ms:
            return
        self._swept_at = self.time.now
        horizon = self.time.now - self.retention_ms
        for key, sessions in list(self.data.items()):
            kept = [s for s in sessions if s[1] >= horizon]
            if len(kept) < len(sessions):
                self.put(key, kept or None)


class JoinBuffer:
    """One side of a stream-stream join: per key, (time, row) pairs in time order, as long as something may still match.

    `time` is this side's own: a side that is behind keeps rows that the other would drop as too old. A row's record in
    the changelog is named by its stretch of time, which is as long as the retention time, and its number in that
    stretch: so the tombstones of a stretch that nothing can match any more take no memory before they are due.
    """

    def __init__(self, key_type: Any, row_type: Any, retention_ms: int) -> None:
        self.data: dict[Any, list[tuple[int, Any]]] = {}
        self.time = StreamTime()
        self.retention_ms = retention_ms
        self.get = self.data.get
        self._stretch = max(retention_ms, 1)
        self._counts: dict[int, int] = {}
        """Rows on the changelog by stretch."""
        self._added: list[tuple[int, int, Any]] = []
        self._gone: list[tuple[int, int]] = []
        """Stretches to delete from the changelog, with their counts."""
        self._swept_at = 0
        self._decode_name = msgspec.msgpack.Decoder(tuple[int, int]).decode
        self._decode_row = msgspec.msgpack.Decoder(tuple[key_type, int, row_type]).decode

    def add(self, key: Any, time: int, row: Any) -> None:
        """Remember a row of this side."""
        if time < self.time.now - self.retention_ms:
            return
        rows = self.data.get(key)
        if rows is None:
            self.data[key] = [(time, row)]
        elif rows[-1][0] <= time:
            rows.append((time, row))
        else:
            self._insert(key, time, row)
        stretch = time // self._stretch
        number = self._counts.get(stretch, 0)
        self._counts[stretch] = number + 1
        self._added.append((stretch, number, (key, time, row)))
        if self.time.now - self._swept_at > self.retention_ms:
            self._sweep()

    def _insert(self, key: Any, time: int, row: Any) -> None:
        rows = self.data.get(key)
        if rows is None:
            self.data[key] = [(time, row)]
        elif rows[-1][0] <= time:
            rows.append((time, row))
        else:
            rows.insert(bisect.bisect_right(rows, time, key=_time_of), (time, row))

    def _sweep(self) -> None:
        self._swept_at = self.time.now
        horizon = self.time.now - self.retention_ms
        for key, rows in list(self.data.items()):
            if rows[0][0] < horizon:
                kept = rows[bisect.bisect_left(rows, horizon, key=_time_of) :]
                if kept:
                    self.data[key] = kept
                else:
                    del self.data[key]
        for stretch in [s for s in self._counts if (s + 1) * self._stretch <= horizon]:
            self._gone.append((stretch, self._counts.pop(stretch)))

    @property
    def changed(self) -> int:
        return len(self._added) + sum(count for _, count in self._gone)

    def changes(self) -> Iterator[ChangelogRecord]:
        for stretch, number, item in self._added:
            yield pack((stretch, number)), pack(item)
        self._added.clear()
        for stretch, count in self._gone:
            for number in range(count):
                yield pack((stretch, number)), None
        self._gone.clear()

    def restore(self, key: bytes, value: bytes | None) -> None:
        stretch, number = self._decode_name(key)
        if value is None:
            self._counts.pop(stretch, None)
            return
        self._counts[stretch] = max(self._counts.get(stretch, 0), number + 1)
        name, time, row = self._decode_row(value)
        self.time.now = max(self.time.now, time)
        self._insert(name, time, row)


def _time_of(item: tuple[Any, ...]) -> int:
    time: int = item[0]
    return time


class PendingOuter:
    """Rows of an outer stream-stream join without a match so far, to be put out alone when their window closes."""

    def __init__(self, key_type: Any, left_type: Any, right_type: Any) -> None:
        self.time = StreamTime()
        self.waiting: dict[tuple[int, int, Any], list[Any]] = {}
        """By time, side and key."""
        self._queues: tuple[list[tuple[int, int, Any]], ...] = ([], [])
        self._order = 0
        self._dirty: dict[tuple[int, int, Any], list[Any] | None] = {}
        self._decode_key = msgspec.msgpack.Decoder(tuple[int, int, key_type]).decode
        self._decode_rows = [msgspec.msgpack.Decoder(_list_of(row)).decode for row in (left_type, right_type)]

    def add(self, time: int, side: int, key: Any, row: Any) -> None:
        """Wait for a match; `side` 0 is left, 1 right."""
        place = (time, side, key)
        rows = self.waiting.get(place)
        if rows is None:
            rows = self._wait(place, [])
        rows.append(row)
        self._dirty[place] = rows

    def _wait(self, place: tuple[int, int, Any], rows: list[Any]) -> list[Any]:
        time, side, key = place
        self.waiting[place] = rows
        heapq.heappush(self._queues[side], (time, self._order, key))
        self._order += 1
        return rows

    def matched(self, time: int, side: int, key: Any) -> None:
        """The rows of that key and time have found a match."""
        if self.waiting.pop((time, side, key), None) is not None:
            self._dirty[(time, side, key)] = None

    def closed(self, left_horizon: int, right_horizon: int) -> Iterator[tuple[int, int, Any, Any]]:
        """Take out (time, side, key, row) whose time lies before its side's horizon: by time, right before left."""
        found: list[tuple[int, int, Any, Any]] = []
        for side, horizon in ((1, right_horizon), (0, left_horizon)):
            queue = self._queues[side]
            while queue and queue[0][0] < horizon:
                time, _, key = heapq.heappop(queue)
                rows = self.waiting.pop((time, side, key), None)
                if rows is not None:
                    self._dirty[(time, side, key)] = None
                    found += [(time, side, key, row) for row in rows]
        found.sort(key=_time_of)
        return iter(found)

    @property
    def changed(self) -> int:
        return len(self._dirty)

    def changes(self) -> Iterator[ChangelogRecord]:
        for place, rows in self._dirty.items():
            yield pack(place), None if rows is None else pack(rows)
        self._dirty.clear()

    def restore(self, key: bytes, value: bytes | None) -> None:
        time, side, name = self._decode_key(key)
        place = (time, side, name)
        if value is None:
            self.waiting.pop(place, None)
            return
        decoded = self._decode_rows[side](value)
        if place in self.waiting:
            self.waiting[place] = decoded
        else:
            self._wait(place, decoded)
