"""The part of a table that belongs to one partition: values in memory, changes for the changelog, undoing a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from headwater.agents.codec import encode_json
from headwater.cluster.batches import OutputRecord
from headwater.wire.records import Record as RawRecord

MISSING: Any = object()
Decode = Callable[[bytes], Any]


class Store:
    """Keys are what JSON can hold and Python can hash; those of windows are (key, start in ms)."""

    def __init__(self, decode_key: Decode, decode_value: Decode) -> None:
        self.values: dict[Any, Any] = {}
        self.stream_time = 0
        """The newest time seen by a windowed table, ms."""
        self._dirty: dict[Any, None] = {}
        self._undo: list[tuple[Any, Any]] = []
        self._decode_key = decode_key
        self._decode_value = decode_value

    def set(self, key: Any, value: Any) -> None:
        self._undo.append((key, self.values.get(key, MISSING)))
        self.values[key] = value
        self._dirty[key] = None

    def delete(self, key: Any) -> Any:
        """The value that was there. Raises `KeyError`."""
        value = self.values.pop(key)
        self._undo.append((key, value))
        self._dirty[key] = None
        return value

    def settle(self) -> None:
        """The record is done."""
        self._undo.clear()

    def undo(self) -> None:
        """The record failed: what it changed is as before."""
        for key, value in reversed(self._undo):
            if value is MISSING:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        self._undo.clear()

    @property
    def changed(self) -> bool:
        """Whether there is something for the changelog."""
        return bool(self._dirty)

    def changes(self, now_ms: int) -> list[OutputRecord]:
        """The changelog's records since the last call; deleted keys are tombstones."""
        values = self.values
        dirty, self._dirty = self._dirty, {}
        return [(encode_json(key), encode_json(values[key]) if key in values else None, now_ms, ()) for key in dirty]

    def restore(self, records: Iterable[RawRecord]) -> None:
        """Read the changelog, or more of it."""
        for record in records:
            if record.key is None:
                continue
            key = self._decode_key(record.key)
            if record.value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = self._decode_value(record.value)
