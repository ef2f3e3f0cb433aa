"""Forcing appended bytes to the disk as `FsyncPolicy` says, one sync at a time, off the event loop.

Threads do nothing here but wait for the disk: everything else runs in the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from headwater.core.clock import Clock
from headwater.log.errors import StorageError
from headwater.log.settings import FsyncPolicy
from headwater.log.storage import Storage

if TYPE_CHECKING:
    from headwater.log.partition import Partition, Stable

logger = logging.getLogger(__name__)

_THREADS = 5
"""One leads a sync, the others wait for a file each: file systems write several files' syncs together, so that four at
a time take a quarter of the time (measured on ext4)."""

_Targets = dict["Partition", "Stable"]


class Syncer:
    """Collects what was written and syncs it, one round at a time.

    Without a running event loop (tools, tests, the start of the node) an adaptive sync happens at once and blocks.
    After a failed sync nobody knows what is on disk, so nothing is appended any more until the log is opened again.
    """

    def __init__(self, storage: Storage, clock: Clock, policy: FsyncPolicy, interval_ms: int) -> None:
        self.policy = policy if storage.durable else FsyncPolicy.NONE
        self.gated = self.policy is FsyncPolicy.ADAPTIVE
        """Whether records are hidden from readers until they are on disk."""
        self.failure: StorageError | None = None
        self.before: str | None = None
        """A file to sync before all others whenever anything is synced: the journal."""
        self.on_synced: Callable[[int], None] | None = None
        """Called after a sync with the `journal_size` of its begin."""
        self.journal_size = 0
        self._storage = storage
        self._clock = clock
        self._interval = interval_ms / 1000
        self._last = clock.monotonic()
        self._dirty: dict[str, Partition] = {}
        self._appends = 0
        self._synced = 0
        self._scheduled: asyncio.AbstractEventLoop | None = None
        self._in_flight: asyncio.Future[None] | None = None
        self._syncing: dict[str, Partition] = {}
        self._closed = False
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._threads: ThreadPoolExecutor | None = None

    def add(self, path: str, partition: Partition) -> None:
        """The file of the partition was appended to."""
        self._dirty[path] = partition
        self._appends += 1
        scheduled = self._scheduled
        if self.policy is not FsyncPolicy.NONE and (scheduled is None or scheduled.is_closed()):
            self._schedule()

    def check(self) -> None:
        """Raises the error of a failed sync."""
        if self.failure is not None:
            raise StorageError(f"{self.failure} Appends are refused until the log is opened again.") from self.failure

    async def durable(self) -> None:
        """Return when all appended so far is on disk; at once unless the policy promises it."""
        self.check()
        if not self.gated or self._synced >= self._appends:
            return
        loop = asyncio.get_running_loop()
        if self._scheduled is not loop:
            self._schedule()
        future: asyncio.Future[None] = loop.create_future()
        self._waiters.append((self._appends, future))
        await future

    def flush(self) -> None:
        """Sync everything now, blocking. Raises `StorageError`."""
        self.check()
        dirty, targets, appends, journal = self._take()
        try:
            self._sync(list(dirty))
        except StorageError as error:
            self.fail(error)
            raise
        self._done(targets, appends, journal)

    def close(self) -> None:
        """Sync what is left, unless a sync has failed, and end the thread. Raises `StorageError`."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=True)
            self._threads = None
        if self.failure is None:
            self._dirty = {**self._syncing, **self._dirty}
            self.flush()

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if self.gated or self._clock.monotonic() - self._last >= self._interval:
                self.flush()
            return
        if self._scheduled is not loop:  # the first time, or the loop of before has ended with a sync under way
            self._dirty = {**self._syncing, **self._dirty}
            self._syncing, self._in_flight = {}, None
        self._scheduled = loop
        if self.gated:
            loop.call_soon(self._begin, loop)
        else:
            loop.call_later(self._interval, self._begin, loop)

    def _take(self) -> tuple[dict[str, Partition], _Targets, int, int]:
        dirty, self._dirty = self._dirty, {}
        return dirty, {partition: partition.written() for partition in dirty.values()}, self._appends, self.journal_size

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._in_flight is not None:
            return
        if not self._dirty or self.failure is not None or self._closed:
            self._scheduled = None
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, "log-sync")
        dirty, targets, appends, journal = self._take()
        self._syncing = dirty
        future = loop.run_in_executor(self._threads, self._sync, list(dirty))
        self._in_flight = future

        def finished(future: asyncio.Future[None]) -> None:
            if self._closed or self._in_flight is not future:
                return
            self._syncing, self._in_flight, self._scheduled = {}, None, None
            error = None if future.cancelled() else future.exception()
            if future.cancelled() or (error is not None and not isinstance(error, StorageError)):
                error = StorageError(f"Syncing was interrupted: {error or 'the event loop stopped'}.")
            if isinstance(error, StorageError):
                self.fail(error)
                return
            self._done(targets, appends, journal)
            if self._dirty and self._scheduled is None:
                self._scheduled = loop
                if self.gated:
                    self._begin(loop)
                else:
                    loop.call_later(self._interval, self._begin, loop)

        future.add_done_callback(finished)

    def _sync(self, paths: list[str]) -> None:
        try:
            if self.before is not None and paths:
                self._storage.sync(self.before)
            if len(paths) > 1 and self._threads is not None:
                list(self._threads.map(self._storage.sync, paths))  # which raises the first error
            else:
                for path in paths:
                    self._storage.sync(path)
        except StorageError as error:
            self.failure = error  # at once, so that `close` knows it too
            raise

    def _done(self, targets: _Targets, appends: int, journal: int) -> None:
        self._last = self._clock.monotonic()
        self._synced = max(self._synced, appends)
        if self.on_synced is not None:
            self.on_synced(journal)
        for partition, target in targets.items():
            partition.synced(target)
        ready = [future for ticket, future in self._waiters if ticket <= self._synced]
        self._waiters = [waiter for waiter in self._waiters if waiter[0] > self._synced]
        for future in ready:
            if not future.done() and not future.get_loop().is_closed():
                future.set_result(None)

    def fail(self, error: StorageError) -> None:
        """From now on refuse appends: what is on disk is not what it should be."""
        if self.failure is None:
            logger.error("The log takes no more writes until it is opened again: %s", error)
        self.failure = error
        waiters, self._waiters = self._waiters, []
        for _, future in waiters:
            if not future.done():
                future.set_exception(error)
