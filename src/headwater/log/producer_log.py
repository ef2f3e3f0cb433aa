"""The producers of one partition on disk: snapshot files that spare recovery from reading the whole log."""

from __future__ import annotations

import logging

from headwater.log.checkpoint import Recovered
from headwater.log.errors import StorageError
from headwater.log.markers import marker_type
from headwater.log.producers import Producers
from headwater.log.storage import Storage
from headwater.wire.records import BatchHeader, Buffer

logger = logging.getLogger(__name__)

_SUFFIX = ".snapshot"


class ProducerLog:
    """`state`, and which snapshot holds it: `<offset>.snapshot` is the state as of that offset.

    A snapshot must not tell of batches that a power cut can still take away, so one of unsynced batches is kept in
    memory until they are synced.
    """

    __slots__ = ("_at", "_changed", "_folder", "_pending", "_snapshot", "_storage", "state")

    def __init__(self, storage: Storage, folder: str, state: Producers | None = None) -> None:
        self.state = state or Producers()
        self._storage = storage
        self._folder = folder
        self._at = 0
        self._snapshot = -1
        self._changed = False
        self._pending: tuple[int, bytes] | None = None

    @classmethod
    def load(
        cls, storage: Storage, folder: str, note: Recovered | None, log_start: int, log_end: int
    ) -> tuple[ProducerLog | None, int]:
        """The producers as the checkpoint's snapshot has them (None if there are none), and the offset from which on
        batches have still to be told to `note`."""
        if note is None or note.producers_at > log_end:
            return None, log_start
        start = max(log_start, note.producers_at)
        if note.snapshot < 0:
            return None, start
        path = _path(folder, note.snapshot)
        try:
            state = Producers.decode(storage.read(path)) if storage.size(path) else None
        except StorageError as error:
            logger.warning("%s cannot be read, reading the log instead: %s", path, error)
            state = None
        if state is None:
            return None, log_start
        found = cls(storage, folder, state)
        found._snapshot, found._at = note.snapshot, note.producers_at
        return found, start

    def note(self, header: BatchHeader, base_offset: int, data: Buffer) -> None:
        """A batch of a producer is in the log at `base_offset`; `data` is what `header` was read from."""
        self._changed = True
        self.state.update(header, base_offset, marker_type(data, header) if header.is_control else -1)

    def save(self, stable: int, end: int) -> tuple[int, int]:
        """Write a snapshot if there is something new; `stable` is up to where batches are synced, of those to `end`.

        Returns the offset as of which a snapshot holds the state, and the snapshot's name. Raises `StorageError`.
        """
        pending = self._pending
        if pending is not None and pending[0] <= stable:
            self._write(*pending)
            self._pending = None
        if self._pending is None:
            if not self._changed:
                self._at = max(self._at, stable)
            elif stable == end:
                self._write(end, self.state.encode())
                self._changed = False
            else:
                self._pending = (end, self.state.encode())
                self._changed = False
        return self._at, self._snapshot

    def drop_old(self) -> None:
        """Remove all snapshots but the newest. Raises `StorageError`."""
        if self._snapshot < 0:
            return
        keep = _path(self._folder, self._snapshot)
        for name in self._storage.names(self._folder):
            path = f"{self._folder}/{name}"
            if name.endswith(_SUFFIX) and path != keep:
                self._storage.remove(path)

    def _write(self, offset: int, data: bytes) -> None:
        self._storage.replace(_path(self._folder, offset), data, sync=False)
        self._snapshot = self._at = offset


def _path(folder: str, offset: int) -> str:
    return f"{folder}/{offset:020d}{_SUFFIX}"
