"""The embedded log of one node: topics, atomic commits over many partitions, recovery, retention.

Synchronous and single-threaded: everything is called from the one event loop (or from a tool without one). Only syncing
to disk happens beside it, see `headwater.log.sync`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence

from headwater.core.clock import Clock
from headwater.core.errors import LogError, StartupError
from headwater.log.checkpoint import decode_checkpoint, encode_checkpoint
from headwater.log.commits import Commits
from headwater.log.errors import StorageError
from headwater.log.partition import Partition, PartitionHost
from headwater.log.recovery import checkpoint, recover
from headwater.log.retention import apply_retention
from headwater.log.settings import FsyncPolicy, LogSettings
from headwater.log.slices import run
from headwater.log.storage import Storage
from headwater.log.sync import Syncer, Then
from headwater.log.topic import Topic
from headwater.log.topic_table import TOPICS, TopicTable
from headwater.log.write_health import WriteHealth

logger = logging.getLogger(__name__)

_CHECKPOINT = "checkpoint"
_CLEAN = "clean"
_PRODUCER_IDS = "producer-ids"
_PRODUCER_ID_BLOCK = 1_000
"""Ids taken from the file at a time; what a crash leaves unused is lost, of 2**63."""


class Log(TopicTable):
    """All topics of one node. Call `open` before and `close` after everything else."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        settings: LogSettings | None = None,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        settings = settings or LogSettings()
        self.clock = clock
        self._syncer = Syncer(storage, clock, settings.fsync, settings.fsync_interval_ms)
        self._health = WriteHealth(clock)
        host = PartitionHost(storage, clock, self._syncer, self._health, self._want_checkpoint)
        super().__init__(host, settings, random_bytes)
        self._commits = Commits(host)
        self._checkpoint_wanted = False
        self._checkpoint_at = clock.monotonic()
        self._cleaned_at = -math.inf
        self._producer_id = self._producer_id_end = 0

    # Life

    def open(self) -> None:
        """Lock the folder and recover. Raises `StartupError` if it is in use, not writable or unreadable."""
        self._storage.lock()
        try:
            self._recover()
        except LogError as error:
            self._storage.close()
            raise StartupError(f"Cannot open the log: {error}") from error
        except BaseException:
            self._storage.close()
            raise

    def close(self) -> None:
        """Sync, note that the stop was clean, give up the lock. Raises `StorageError` if that cannot be written."""
        try:
            self._syncer.close()
            if self._syncer.failure is None:
                self._write_checkpoint(sync=True)
                self._commits.close()
                self._storage.replace(_CLEAN, b"", sync=True)
        finally:
            self._storage.close()

    async def durable(self) -> None:
        """Return when everything appended so far is as safe as the fsync policy promises. Raises `StorageError`."""
        await self._syncer.durable()

    def when_durable(self, then: Then) -> None:
        """Call `then` when `durable` would return, with None, or with the error that it would raise."""
        self._syncer.when_durable(then)

    @property
    def write_failure(self) -> StorageError | None:
        """Why nothing could be written when it was last tried; None while writes succeed."""
        return self._syncer.failure or self._health.failure

    def commit(self, appends: Sequence[tuple[Partition, bytes]]) -> list[int]:
        """Append to many partitions, all or nothing, also across `kill -9`; returns the base offsets in order.

        Batches are trusted: no checksums, no sequence checks. Raises as `Partition.append`; then nothing has changed.
        """
        return self._commits.commit(appends)

    # Metadata of those above

    def read_metadata(self, name: str) -> bytes | None:
        """What `write_metadata` last stored under the file name; None if nothing. Raises `StorageError`."""
        return self._storage.read(name) if self._storage.size(name) is not None else None

    def write_metadata(self, name: str, data: bytes) -> None:
        """Store it beside the log's own metadata, all or nothing, on disk on return. Raises `StorageError`."""
        self._storage.replace(name, data, sync=True)

    # Producer ids

    def next_producer_id(self) -> int:
        """A producer id that was never given out before, also before a restart. Raises `StorageError`."""
        if self._producer_id >= self._producer_id_end:
            end = self._producer_id + _PRODUCER_ID_BLOCK
            self._storage.replace(_PRODUCER_IDS, b"%d\n" % end, sync=True)
            self._producer_id_end = end
        self._producer_id += 1
        return self._producer_id - 1

    # Recovery

    def _recover(self) -> None:
        was_clean = self._storage.size(_CLEAN) is not None
        meta = self._read_meta()
        self._deleting = dict.fromkeys(meta.deleting)
        self._storage.remove(_CLEAN)
        run(self._finish_deletions())
        if self._storage.size(_PRODUCER_IDS):
            self._producer_id = self._producer_id_end = int(self._storage.read(_PRODUCER_IDS))
        has_checkpoint = self._storage.size(_CHECKPOINT)
        notes = decode_checkpoint(self._storage.read(_CHECKPOINT)) if has_checkpoint else {}
        present = set(self._storage.names(TOPICS))
        scanned: list[Partition] = []
        for stored in meta.topics:
            topic = Topic(stored.name, stored.topic_id, stored.replication, stored.configs, self.topic_defaults)
            for index in range(stored.partitions):
                partition = Partition(self._host, topic.name, topic.topic_id, index, topic.limits)
                topic.partitions.append(partition)
                note = notes.get((topic.topic_id, index))
                if note is None and f"{topic.name}-{index}" not in present:
                    continue
                if recover(partition, note, clean=was_clean):
                    scanned.append(partition)
            self._register(topic)
        if not was_clean:
            self._commits.undo_incomplete(self._by_id, notes)
            if self._syncer.policy is not FsyncPolicy.NONE:
                for partition in scanned:  # what is visible has to be on disk
                    self._storage.sync(partition.segments.all[-1].path)
            try:
                self._write_checkpoint(sync=self._syncer.policy is not FsyncPolicy.NONE)
            except StorageError as error:  # a full disk: reading and deleting must still be possible
                logger.warning("No checkpoint could be written, so the next start has to scan as much: %s", error)
        self._commits.begin()

    # Upkeep

    def maintenance(self) -> None:
        """Retention by time and size, compaction, checkpoint when due. Call it every few seconds.

        What cannot be done, as the disk is full or broken, is logged and tried again.
        """
        for _ in self.maintenance_steps():
            pass

    def maintenance_steps(self) -> Iterator[None]:
        """`maintenance` in steps of a few ms: run one, let others work, run the next. Appends may come in between."""
        now, monotonic = self.clock.now_ms(), self.clock.monotonic()
        to_compact: list[Partition] = []
        cleans = monotonic - self._cleaned_at >= self.settings.retention_check_interval_ms / 1000
        if cleans:
            self._cleaned_at = monotonic
        for partition in self._written_partitions():
            with _reported("clean", partition):
                if cleans:
                    apply_retention(partition, now, self.settings.producer_id_expiration_ms)
                if partition.must_compact(now):
                    to_compact.append(partition)
            yield
        is_due = monotonic - self._checkpoint_at >= self.settings.checkpoint_interval_ms / 1000
        if to_compact or is_due or self._checkpoint_wanted or self._health.failure:  # that, to find that it is over
            try:
                # The old one speaks of positions that compaction changes.
                self._write_checkpoint(sync=bool(to_compact))
            except StorageError as error:
                self._health.refused(error)
                return
        for partition in to_compact:
            with _reported("compact", partition):
                if not partition.is_deleted:
                    yield from partition.compact(now)

    def _written_partitions(self) -> list[Partition]:
        return [p for topic in self._topics.values() for p in topic.partitions if p.segments.all]

    def _want_checkpoint(self) -> None:
        self._checkpoint_wanted = True

    def _write_checkpoint(self, *, sync: bool) -> None:
        self._checkpoint_wanted = False
        self._checkpoint_at = self.clock.monotonic()
        entries = []
        for topic in self._topics.values():
            for partition in topic.partitions:
                entry = checkpoint(partition)
                if entry is not None:
                    entries.append(entry)
        self._storage.replace(_CHECKPOINT, encode_checkpoint(entries), sync=sync)
        self._health.accepted()
        for topic in self._topics.values():
            for partition in topic.partitions:
                if partition.producer_log is not None:
                    partition.producer_log.drop_old()


@contextlib.contextmanager
def _reported(verb: str, partition: Partition) -> Iterator[None]:
    """One partition's failure must not keep the others from being looked after."""
    try:
        yield
    except LogError as error:
        logger.error("Cannot %s %s-%d, will try again: %s", verb, partition.topic, partition.index, error)
