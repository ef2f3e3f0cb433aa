"""Suites for the state stores, to inherit: whatever keeps the entries, a store is what its changelog says.

    class TestGroupsOnDisk(GroupSuite):
        def disk(self) -> DiskState | None: ...   # where entries are kept; None is memory

Random lives (Hypothesis) are led by a store that commits now and then. What it has written, with or without a round of
compaction, must make an equal store of an empty one; and as long as it lives it must agree with a plain dictionary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.core import types
from headwater.engine.changelog import Changelog
from headwater.engine.disk_state import DiskState
from headwater.engine.operators.foreign_key import ForeignKeyStore
from headwater.engine.program import OutputRecord
from headwater.engine.stores import (
    JoinBuffer,
    KeyValueStore,
    PendingOuter,
    SessionStore,
    Store,
    WindowStore,
    annotation,
    key_annotation,
    tuple_of,
)
from headwater.log.slices import run

KEY = key_annotation([types.STRING])
ROW = tuple_of([annotation(types.BIGINT), annotation(types.Decimal(10, 2)), annotation(types.Array(types.DOUBLE)), int])
KEYS = st.sampled_from([None, "", "a", "b", "key", "日本"])
TIMES = st.integers(0, 400)
BIGINTS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.tuples(
    st.none() | BIGINTS,
    st.none() | st.decimals(-1000, 1000, places=2),
    st.none() | st.lists(st.none() | st.floats(allow_nan=False), max_size=3),
    TIMES,
)
COMMIT = st.just(None)
"""A step of a life: write what has changed."""
GIVEN_UP = st.just(...)
"""A step of a life: begin to write what has changed, and do not come to the end."""
RETENTION = 100


@dataclass(frozen=True)
class Written:
    """A record of a changelog."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[()] = ()


def compacted(records: Sequence[Written]) -> list[Written]:
    """Without records that a later one of the same key replaces, and without tombstones."""
    last = {record.key: record.offset for record in records}
    return [r for r in records if last[r.key] == r.offset and r.value is not None]


class StoreSuite(ABC):
    """What every store must do; children say how to make one, what can happen to it, and what shows of it."""

    lives = 40
    """How many random lives are led."""

    def disk(self) -> DiskState | None:
        """Where the entries of the next store are kept; None is memory."""
        return None

    @abstractmethod
    def make(self) -> Any:
        """An empty store."""

    @abstractmethod
    def steps(self) -> st.SearchStrategy[Any]:
        """What can happen to a store."""

    @abstractmethod
    def step(self, store: Any, step: Any) -> None:
        """Let it happen."""

    @abstractmethod
    def shows(self, store: Any) -> Any:
        """Everything that can be seen of a store."""

    def test_a_store_is_what_its_changelog_says(self) -> None:
        @settings(max_examples=self.lives, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(self.steps() | COMMIT | GIVEN_UP, max_size=40))
        def check(life: list[Any]) -> None:
            self._lead(life)

        check()

    def _lead(self, life: list[Any]) -> None:
        store, changelog = self._task()
        records: list[Written] = []
        for step in [*life, None]:
            if step is ...:
                next(changelog.collect(len(records)), None)
            elif step is not None:
                self.step(store, step)
            else:
                records += [
                    Written(len(records) + i, at, key, value)
                    for i, (key, value, at, _) in enumerate(_written(changelog, len(records)))
                ]
        for replayed in (records, compacted(records)):
            again, restored = self._task()
            half = len(replayed) // 2
            restored.restore(replayed[:half])
            restored.restore(replayed[half:])
            assert self.shows(again) == self.shows(store)
            assert again.time == store.time
            assert [r for r in _written(restored, 0) if r[1] is not None] == []

    def _task(self) -> tuple[Any, Changelog]:
        store: Store = self.make()
        return store, Changelog(["store"], [store], self.disk())


def _written(changelog: Changelog, now_ms: int) -> Sequence[OutputRecord]:
    run(changelog.collect(now_ms))
    return changelog.take()


class TableSuite(StoreSuite):
    """Rows by key, replaced or deleted."""

    def make(self) -> KeyValueStore:
        return KeyValueStore(KEY, ROW)

    def steps(self) -> st.SearchStrategy[Any]:
        return st.tuples(KEYS, st.none() | ROWS)

    def step(self, store: Any, step: Any) -> None:
        key, row = step
        store.put(key, row)
        assert store.get(key) == row

    def shows(self, store: Any) -> Any:
        return dict(store.data.items())


class GroupSuite(StoreSuite):
    """Entries by key, changed in place."""

    def make(self) -> KeyValueStore:
        return KeyValueStore(KEY, tuple_of([int, list[str], int]), as_list=True)

    def steps(self) -> st.SearchStrategy[Any]:
        return st.tuples(KEYS, st.text(max_size=3), TIMES)

    def step(self, store: Any, step: Any) -> None:
        key, text, time = step
        entry = store.get(key)
        if entry is None:
            entry = store.data[key] = [0, [], -1]
        entry[0] += 1
        entry[1].append(text)
        entry[2] = store.time.now = max(store.time.now, time)
        store.touch(key, entry)

    def shows(self, store: Any) -> Any:
        return dict(store.data.items())


class WindowSuite(StoreSuite):
    """Entries by window and key; old windows go."""

    def make(self) -> WindowStore:
        return WindowStore(KEY, tuple_of([int, int]), RETENTION)

    def steps(self) -> st.SearchStrategy[Any]:
        return st.tuples(KEYS, st.integers(0, 40).map(lambda n: n * 10))

    def step(self, store: Any, step: Any) -> None:
        key, start = step
        if store.expired(start):
            return
        entries = store.open(start)
        entry = entries.get(key)
        if entry is None:
            entry = entries[key] = [0, -1]
        entry[0] += 1
        store.touch((start, key), entry)

    def shows(self, store: Any) -> Any:
        shown = {start: dict(entries.items()) for start, entries in store.windows.items()}
        assert all(start >= store.newest_start - RETENTION for start in shown)
        return shown


class SessionSuite(StoreSuite):
    """Lists of sessions by key; ended ones are taken out, old ones swept out."""

    def make(self) -> SessionStore:
        return SessionStore(KEY, tuple_of([int, int, int, int]), RETENTION)

    def steps(self) -> st.SearchStrategy[Any]:
        return st.tuples(KEYS, TIMES, st.booleans())

    def step(self, store: Any, step: Any) -> None:
        key, time, takes = step
        store.time.now = max(store.time.now, time)
        if takes:
            taken = store.take_ended(store.time.now - RETENTION)
            assert [s[1] for _, s in taken] == sorted(s[1] for _, s in taken)
        sessions = [s for s in store.get(key) or () if s[0] != time]
        store.put(key, sorted([*sessions, [time, time + 5, 1, time]]))
        store.sweep()

    def shows(self, store: Any) -> Any:
        return dict(store.data.items())


class ForeignKeySuite(StoreSuite):
    """Left rows of a foreign-key join, found by the key they point at."""

    def make(self) -> ForeignKeyStore:
        return ForeignKeyStore(KEY, annotation(types.STRING), ROW)

    def steps(self) -> st.SearchStrategy[Any]:
        return st.tuples(KEYS, st.none() | st.tuples(st.none() | st.sampled_from(["x", "y"]), ROWS))

    def step(self, store: Any, step: Any) -> None:
        store.put(*step)

    def shows(self, store: Any) -> Any:
        pointing = {foreign: dict(store.pointing_at(foreign)) for foreign in ("x", "y")}
        rows = dict(store.data.items())
        for foreign, found in pointing.items():
            assert found == {key: row for key, (to, row) in rows.items() if to == foreign}
        return rows


class JoinBufferSuite(StoreSuite):
    """One side of a stream-stream join."""

    def make(self) -> JoinBuffer:
        return JoinBuffer(KEY, ROW, RETENTION)

    def steps(self) -> st.SearchStrategy[Any]:
        return st.tuples(KEYS, TIMES, ROWS)

    def step(self, store: Any, step: Any) -> None:
        key, time, row = step
        store.time.now = max(store.time.now, time)
        store.add(key, time, row)

    def shows(self, store: Any) -> Any:
        """What can still find a match."""
        horizon = store.time.now - RETENTION
        live = {key: [pair for pair in rows if pair[0] >= horizon] for key, rows in store.data.items()}
        for rows in live.values():
            assert [time for time, _ in rows] == sorted(time for time, _ in rows)
        return {key: rows for key, rows in live.items() if rows}


class PendingOuterSuite(StoreSuite):
    """Rows of an outer join that wait for a match."""

    def make(self) -> PendingOuter:
        return PendingOuter(KEY, ROW, ROW)

    def steps(self) -> st.SearchStrategy[Any]:
        place = st.tuples(TIMES, st.integers(0, 1), KEYS)
        return st.tuples(place, st.none() | ROWS) | st.tuples(TIMES, TIMES)

    def step(self, store: Any, step: Any) -> None:
        first, second = step
        if isinstance(first, int):
            closed = list(store.closed(first, second))
            assert [time for time, *_ in closed] == sorted(time for time, *_ in closed)
        elif second is None:
            store.matched(*first)
        else:
            store.add(*first, second)

    def shows(self, store: Any) -> Any:
        return {place: list(rows) for place, rows in store.waiting.items()}
