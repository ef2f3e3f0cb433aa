"""The changelog of a task: its stores' changes as records of a compacted topic, and back.

A record's key begins with the number of a slot; a record of the slot itself says which store that is and, where the
store keeps rows, their columns. So state outlives CREATE OR REPLACE: a new plan finds the rows of the stores it has in
common with the old one, whatever their order, with NULL in columns that are new. What a restored slot does not fit any
more is written again under a new one, and its old records are deleted, with the first commit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from headwater.engine.disk_state import DiskState
from headwater.engine.program import InputRecord, OutputRecord
from headwater.engine.stores import ChangelogRecord, KeyValueStore, Store

_TIME = 0xFF
_SLOT = 0xFE
_STEP = 500
"""Changes encoded in one go: about half a ms."""
_encode = msgspec.msgpack.Encoder().encode


class _Identity(msgspec.Struct, array_like=True, frozen=True):
    """What a slot holds: a store's role, its number among the unit's stores of that role, and its rows' columns."""

    role: str
    number: int
    columns: tuple[str, ...]


_decode_identity = msgspec.msgpack.Decoder(_Identity).decode


@dataclass
class _Slot:
    """A slot found on the changelog. `store` is None for a store that the plan has no more."""

    store: int | None
    convert: Callable[[bytes], Any] | None = None
    """For rows with other columns than the store keeps now."""

    @property
    def outdated(self) -> bool:
        return self.store is None or self.convert is not None


class Changelog:
    """Between the stores of a task, given with their roles, and the records of its changelog topic."""

    def __init__(self, roles: Sequence[str], stores: Sequence[Store], disk: DiskState | None = None) -> None:
        """With `disk` the stores keep there what they can."""
        self._stores = stores
        self._disk = disk
        if disk is not None:
            for number, store in enumerate(stores):
                disk.adopt(number, store)
        self._identities = [
            _Identity(role, roles[:i].count(role), store.columns if isinstance(store, KeyValueStore) else ())
            for i, (role, store) in enumerate(zip(roles, stores, strict=True))
        ]
        self._slots: dict[int, _Slot] = {}
        self._prefixes: list[bytes | None] = [None] * len(stores)
        self._times = [store.time.save() for store in stores]
        self._outdated: dict[bytes, None] = {}
        self.collected: list[OutputRecord] = []
        """What `take` would give."""

    def collect(self, now_ms: int) -> Generator[None, None, None]:
        """Add to `collected` what has changed since the last call, in steps. Nothing is lost if they are given up."""
        records = self.collected
        records += [(key, None, now_ms, ()) for key in self._outdated]
        self._outdated.clear()
        for number, store in enumerate(self._stores):
            prefix = self._prefixes[number]
            if prefix is None:
                prefix = self._prefixes[number] = self._new_slot(number)
                records.append((bytes([_SLOT]) + prefix, _encode(self._identities[number]), now_ms, ()))
            changes = store.changes()
            while part := list(islice(changes, _STEP)):
                records += [(prefix + key, value, now_ms, ()) for key, value in part]
                if self._disk is not None:
                    self._disk.write(number, part)
                yield
            saved = store.time.save()
            if saved != self._times[number]:
                self._times[number] = saved
                records.append((bytes([_TIME]) + prefix, saved, now_ms, ()))
        if self._disk is not None:
            self._disk.trim()

    def take(self) -> list[OutputRecord]:
        """What has been collected, to be written with the next commit; forgets it."""
        taken, self.collected = self.collected, []
        return taken

    def _new_slot(self, store: int) -> bytes:
        slot = max(self._slots, default=-1) + 1
        self._slots[slot] = _Slot(store)
        return bytes([slot])

    def restore(self, records: Sequence[InputRecord]) -> None:
        """Apply records to the stores, in the topic's order."""
        for record in records:
            key, value = record.key, record.value
            if not key:
                continue
            if key[0] == _SLOT:
                if value is not None:
                    self._found(key[1], _decode_identity(value))
            elif key[0] == _TIME:
                self._restore_time(self._slots[key[1]].store, value)
            else:
                self._restore_entry(key, value)
        if self._disk is not None:
            self._restore_disk(self._disk, records)

    def _restore_disk(self, disk: DiskState, records: Sequence[InputRecord]) -> None:
        """Put on disk what the stores have just been given. Rows with other columns follow with the first commit."""
        changes: dict[int, list[ChangelogRecord]] = {}
        for record in records:
            slot = self._slots.get(record.key[0]) if record.key else None
            if record.key and slot is not None and slot.store is not None and slot.convert is None:
                changes.setdefault(slot.store, []).append((record.key[1:], record.value))
        for number, written in changes.items():
            disk.write(number, written)
        if all(slot.convert is None for slot in self._slots.values()):
            disk.trim()

    def _found(self, number: int, identity: _Identity) -> None:
        for i, wanted in enumerate(self._identities):
            if (wanted.role, wanted.number) == (identity.role, identity.number):
                store = self._stores[i]
                if wanted == identity:
                    self._slots[number] = _Slot(i)
                    self._prefixes[i] = bytes([number])
                else:
                    assert isinstance(store, KeyValueStore)
                    self._slots[number] = _Slot(i, store.converter(identity.columns))
                return
        self._slots[number] = _Slot(None)

    def _restore_time(self, store: int | None, value: bytes | None) -> None:
        if store is not None and value is not None:
            self._times[store] = value
            self._stores[store].time.restore(value)

    def _restore_entry(self, key: bytes, value: bytes | None) -> None:
        slot = self._slots[key[0]]
        if value is None:
            self._outdated.pop(key, None)
        elif slot.outdated:
            self._outdated[key] = None
        if slot.store is None:
            return
        store = self._stores[slot.store]
        if slot.convert is None or value is None:
            store.restore(key[1:], value)
        else:
            assert isinstance(store, KeyValueStore)
            store.put(store.decode_key(key[1:]), slot.convert(value))
