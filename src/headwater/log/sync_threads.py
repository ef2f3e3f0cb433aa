"""Threads that do nothing but wait for the disk.

Whenever one comes back from the disk it has to wait for the interpreter, which a busy loop gives up only now and then.
So there is one system call per file, and no thread waits for another: the last one tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from headwater.log.errors import StorageError
from headwater.log.storage import Storage

_THREADS = 4
"""File systems write several files' syncs together, so that four at a time take a quarter of the time (measured on
ext4)."""

Told = Callable[[StorageError | None], None]
"""Told, in a thread, that all is done, or what went wrong."""


class SyncThreads:
    """Syncs files of a storage; the threads begin with the first."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pool: ThreadPoolExecutor | None = None

    def sync(self, before: str | None, paths: Sequence[str], told: Told) -> None:
        """Sync `paths`, at least one, several at a time; one file comes `before` them all, if it is given."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, "log-sync")
        work = _Work(self._pool, self._storage, before, paths, told)
        self._pool.submit(work.begin)

    def close(self) -> None:
        """Wait for the threads to end."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None


class _Work:
    """One call of `SyncThreads.sync`."""

    def __init__(
        self, pool: ThreadPoolExecutor, storage: Storage, before: str | None, paths: Sequence[str], told: Told
    ) -> None:
        self._pool = pool
        self._storage = storage
        self._before = before
        self._paths = paths
        self._told = told
        self._left = len(paths)
        self._error: StorageError | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        error = None if self._before is None else self._try(self._before)
        if error is not None:
            self._told(error)
            return
        for path in self._paths[1:]:
            self._pool.submit(self._sync, path)
        self._sync(self._paths[0])

    def _sync(self, path: str) -> None:
        error = self._try(path)
        with self._lock:
            self._error = self._error or error
            self._left -= 1
            is_last = not self._left
        if is_last:
            self._told(self._error)

    def _try(self, path: str) -> StorageError | None:
        try:
            self._storage.sync(path)
        except StorageError as error:
            return error
        except BaseException as error:  # noqa: BLE001 - whatever it was, nobody knows what is on disk
            return StorageError(f"Syncing {path} was interrupted: {error!r}.")
        return None
