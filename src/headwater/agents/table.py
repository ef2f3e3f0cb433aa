"""Tables: dictionaries of an app that survive it, a part per partition, and tables of windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from headwater.agents.context import CURRENT, Context
from headwater.agents.errors import AgentError
from headwater.agents.store import Store

if TYPE_CHECKING:
    from headwater.agents.app import App

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Windows:
    """Windows of `size` ms that begin every `step` ms since the epoch, forgotten `expires` ms after their end."""

    size: int
    step: int
    expires: int

    def of(self, timestamp: int) -> list[int]:
        """The starts of the windows that a time is in, newest first."""
        newest = timestamp - timestamp % self.step
        return list(range(newest, max(timestamp - self.size, -1), -self.step))


class TableBase(Generic[K, V]):
    """What plain tables and those of windows share: the name, the types and where the entries are."""

    def __init__(self, app: App, name: str, key: Any, value: Any, default: Callable[[], V] | None) -> None:
        self.app = app
        self.name = name
        self.key_type = key
        self.value_type = value
        self.default = default

    @property
    def changelog(self) -> str:
        """The compacted topic that the table is restored from."""
        return f"{self.app.name}-{self.name}-changelog"

    def new_store(self) -> Store:
        """An empty part for a partition."""
        return Store(msgspec.json.Decoder(self.stored_key).decode, msgspec.json.Decoder(self.value_type).decode)

    @property
    def stored_key(self) -> Any:
        return self.key_type

    def expire(self, store: Store) -> None:
        """Forget what is too old."""

    def restored(self, store: Store) -> None:
        """The part has been read from the changelog."""

    def _context(self) -> Context:
        context = CURRENT.get()
        if context is None or context.app != self.app.name:
            raise AgentError(f"table {self.name} of app {self.app.name} is for its agents and timers while they work")
        return context

    def _store(self) -> Store:
        return self._context().stores[self.name]


class Table(TableBase[K, V], MutableMapping[K, V]):
    """A dictionary. In an agent it has the keys of the partition that the agent is at.

    A value that is changed in place (`table[key].append(1)`) has to be set again (`table[key] = value`) to be kept.
    """

    def __getitem__(self, key: K) -> V:
        values = self._store().values
        try:
            found: V = values[key]
        except KeyError:
            if self.default is None:
                raise
            return self.default()
        return found

    def __setitem__(self, key: K, value: V) -> None:
        self._store().set(key, value)

    def __delitem__(self, key: K) -> None:
        self._store().delete(key)

    def __iter__(self) -> Iterator[K]:
        return iter(list(self._store().values))

    def __len__(self) -> int:
        return len(self._store().values)

    def __contains__(self, key: object) -> bool:
        return key in self._store().values

    def tumbling(self, seconds: float, *, expires: float | None = None) -> WindowedTable[K, V]:
        """A table of windows one after the other in place of this one; `expires`: seconds after a window's end (a
        day)."""
        return self.hopping(seconds, seconds, expires=expires)

    def hopping(self, seconds: float, step: float, *, expires: float | None = None) -> WindowedTable[K, V]:
        """A table of windows that begin every `step` seconds in place of this one."""
        size, every = round(seconds * 1000), round(step * 1000)
        if not 0 < every <= size:
            raise AgentError(f"table {self.name}: windows of {seconds} s that begin every {step} s are not possible")
        windows = Windows(size, every, 86_400_000 if expires is None else round(expires * 1000))
        made: WindowedTable[K, V] = WindowedTable(
            self.app, self.name, self.key_type, self.value_type, self.default, windows
        )
        self.app.tables[self.name] = made
        return made


class WindowedTable(TableBase[K, V]):
    """A value per key and window. `[]` is about the newest window that the record's time is in; `update` about all."""

    def __init__(
        self, app: App, name: str, key: Any, value: Any, default: Callable[[], V] | None, windows: Windows
    ) -> None:
        super().__init__(app, name, key, value, default)
        self.windows = windows

    @property
    def stored_key(self) -> Any:
        return tuple.__class_getitem__((self.key_type, int))

    def __getitem__(self, key: K) -> V:
        return self.at(key, self._context().timestamp)

    def __setitem__(self, key: K, value: V) -> None:
        context = self._context()
        self._set(context.stores[self.name], key, self.windows.of(context.timestamp)[0], value, context.timestamp)

    def at(self, key: K, timestamp: int) -> V:
        """The value in the newest window that `timestamp` (ms) is in. Raises `KeyError` if there is neither that nor
        a default."""
        values = self._store().values
        found: V
        try:
            found = values[key, self.windows.of(timestamp)[0]]
        except KeyError:
            if self.default is None:
                raise
            return self.default()
        return found

    def update(self, key: K, change: Callable[[V], V]) -> V:
        """Change the key's value in all windows that the record's time is in; returns that of the newest.

        Raises `KeyError` if there is none and no default.
        """
        context = self._context()
        store, time = context.stores[self.name], context.timestamp
        results: list[V] = []
        for start in self.windows.of(time):
            try:
                before = store.values[key, start]
            except KeyError:
                if self.default is None:
                    raise
                before = self.default()
            results.append(change(before))
            self._set(store, key, start, results[-1], time)
        return results[0]

    def items(self) -> list[tuple[K, int, V]]:
        """(key, start of the window in ms, value) of everything in the partition, in no order."""
        return [(key, start, value) for (key, start), value in self._store().values.items()]

    def _set(self, store: Store, key: K, start: int, value: V, time: int) -> None:
        store.stream_time = max(store.stream_time, time)
        if start + self.windows.size + self.windows.expires > store.stream_time:
            store.set((key, start), value)

    def restored(self, store: Store) -> None:
        """Time is where the newest window begins: it is not kept by itself."""
        store.stream_time = max((start for _, start in store.values), default=0)

    def expire(self, store: Store) -> None:
        """Forget windows whose end is longer ago than they are kept, by the time of the records."""
        oldest = store.stream_time - self.windows.expires - self.windows.size
        for stored in [found for found in store.values if found[1] <= oldest]:
            store.delete(stored)
        store.settle()
