"""Forcing appended bytes to the disk as `FsyncPolicy` says, one round of syncs at a time, off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headwater.core.clock import Clock
from headwater.log.errors import StorageError
from headwater.log.journal import JOURNAL
from headwater.log.settings import FsyncPolicy
from headwater.log.storage import Storage
from headwater.log.sync_threads import SyncThreads

if TYPE_CHECKING:
    from headwater.log.partition import Partition, Stable

logger = logging.getLogger(__name__)

Then = Callable[[StorageError | None], None]
"""Called when something is on disk, or cannot be brought there."""


@dataclass(slots=True)
class _Round:
    """What one round brings to the disk."""

    dirty: dict[str, Partition]
    """Files, with their partitions."""
    targets: dict[Partition, Stable]
    """Up to where."""
    appends: int
    """How many appends there had been."""
    journal: int
    """The size of the journal."""
    journal_writes: int
    """How often the journal had been written to."""
    error: StorageError | None = None
    """What went wrong, once that is known."""


class Syncer:
    """Collects what was written and syncs it.

    Without a running event loop (tools, tests, the start of the node) an adaptive sync happens at once and blocks.
    After a failed sync nobody knows what is on disk, so nothing is appended any more until the log is opened again.
    """

    def __init__(self, storage: Storage, clock: Clock, policy: FsyncPolicy, interval_ms: int) -> None:
        self.policy = policy if storage.durable else FsyncPolicy.NONE
        self.gated = self.policy is FsyncPolicy.ADAPTIVE
        """Whether records are hidden from readers until they are on disk."""
        self.failure: StorageError | None = None
        self.on_synced: Callable[[int], None] | None = None
        """Called after a sync with the journal's size at its begin."""
        self._storage = storage
        self._clock = clock
        self._interval = interval_ms / 1000
        self._last = clock.monotonic()
        self._dirty: dict[str, Partition] = {}
        self._appends = self._synced = 0
        self._journal_size = self._journal_writes = self._journal_synced = 0
        self._scheduled: asyncio.AbstractEventLoop | None = None
        self._under_way: _Round | None = None
        self._closed = False
        self._waiters: list[tuple[int, Then]] = []
        self._threads = SyncThreads(storage)

    def add(self, path: str, partition: Partition) -> None:
        """The file of the partition was appended to."""
        self._dirty[path] = partition
        self._appends += 1
        scheduled = self._scheduled
        if self.policy is not FsyncPolicy.NONE and (scheduled is None or scheduled.is_closed()):
            self._schedule()

    def journal_written(self, size: int) -> None:
        """The journal was changed and has this size now: it is synced before any file that is written from now on."""
        self._journal_size = size
        self._journal_writes += 1

    def check(self) -> None:
        """Raises the error of a failed sync."""
        if self.failure is not None:
            raise self._refusal() from self.failure

    def _refusal(self) -> StorageError:
        return StorageError(f"{self.failure} Appends are refused until the log is opened again.")

    async def durable(self) -> None:
        """Return when all appended so far is on disk; at once where the policy does not promise it. Raises
        `StorageError`."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def then(error: StorageError | None) -> None:
            if done.done() or loop.is_closed():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.when_durable(then)
        await done

    def when_durable(self, then: Then) -> None:
        """Call `then` when all appended so far is on disk, with None, or with the error if it cannot be brought there;
        at once where the policy does not promise it."""
        if self.failure is not None:
            then(self._refusal())
        elif not self.gated or self._synced >= self._appends:
            then(None)
        else:
            if self._scheduled is not asyncio.get_running_loop():
                self._schedule()
            self._waiters.append((self._appends, then))

    def flush(self) -> None:
        """Sync everything now, blocking. Raises `StorageError`."""
        self.check()
        taken = self._take()
        try:
            before = self._before(taken)
            for path in [*([] if before is None else [before]), *taken.dirty]:
                self._storage.sync(path)
        except StorageError as error:
            self.fail(error)
            raise
        self._done(taken)

    def close(self) -> None:
        """Sync what is left, unless a sync has failed, and end the threads. Raises `StorageError`."""
        self._closed = True
        self._threads.close()
        if self._under_way is not None and self._under_way.error is not None:
            self.fail(self._under_way.error)
        if self.failure is None:
            self._take_back()
            self.flush()

    def fail(self, error: StorageError) -> None:
        """From now on refuse appends: what is on disk is not what it should be."""
        if self.failure is None:
            logger.error("The log takes no more writes until it is opened again: %s", error)
        self.failure = error
        waiters, self._waiters = self._waiters, []
        for _, then in waiters:
            then(error)

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if self.gated or self._clock.monotonic() - self._last >= self._interval:
                self.flush()
            return
        if self._scheduled is not loop:  # the first time, or the loop of before has ended with a round under way
            self._take_back()
        self._scheduled = loop
        if self.gated:
            loop.call_soon(self._begin, loop)
        else:
            loop.call_later(self._interval, self._begin, loop)

    def _take(self) -> _Round:
        dirty, self._dirty = self._dirty, {}
        targets = {partition: partition.written() for partition in dirty.values()}
        return _Round(dirty, targets, self._appends, self._journal_size, self._journal_writes)

    def _take_back(self) -> None:
        """Forget that a round is under way: nobody will tell of its end."""
        if self._under_way is not None:
            self._dirty = {**self._under_way.dirty, **self._dirty}
            self._under_way = None

    def _before(self, taken: _Round) -> str | None:
        """The file to sync before all others: the journal, if it has changed."""
        return JOURNAL if taken.dirty and taken.journal_writes > self._journal_synced else None

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._under_way is not None:
            return
        if not self._dirty or self.failure is not None or self._closed:
            self._scheduled = None
            return
        taken = self._under_way = self._take()

        def told(error: StorageError | None) -> None:
            taken.error = error
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._finished, loop, taken)

        self._threads.sync(self._before(taken), list(taken.dirty), told)

    def _finished(self, loop: asyncio.AbstractEventLoop, taken: _Round) -> None:
        if self._closed or self._under_way is not taken:
            return
        self._under_way = self._scheduled = None
        if taken.error is not None:
            self.fail(taken.error)
            return
        self._done(taken)
        if self._dirty and self._scheduled is None:
            self._scheduled = loop
            if self.gated:
                self._begin(loop)
            else:
                loop.call_later(self._interval, self._begin, loop)

    def _done(self, taken: _Round) -> None:
        self._last = self._clock.monotonic()
        self._synced = max(self._synced, taken.appends)
        if taken.dirty:
            self._journal_synced = taken.journal_writes
        if self.on_synced is not None:
            self.on_synced(taken.journal)
        for partition, target in taken.targets.items():
            partition.synced(target)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter[0] <= self._synced:
                waiter[1](None)
            else:
                self._waiters.append(waiter)
