"""Commits: appends to many partitions, all or nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from headwater.log.checkpoint import Recovered
from headwater.log.errors import StorageError
from headwater.log.journal import Journal, Span
from headwater.log.partition import Partition, PartitionHost, Prepared
from headwater.log.recovery import rollback
from headwater.log.segments import Place
from headwater.log.settings import FsyncPolicy
from headwater.log.topic import Topic

logger = logging.getLogger(__name__)


class Commits:
    """Makes commits, with the journal that tells after a crash which of them did not happen."""

    def __init__(self, host: PartitionHost) -> None:
        self._syncer = host.syncer
        self._health = host.health
        self._storage = host.storage
        self._journal = Journal(host.storage)

    def commit(self, appends: Sequence[tuple[Partition, bytes]]) -> list[int]:
        """Append to many partitions, all or nothing, also across `kill -9`; returns the base offsets in order.

        Batches are trusted: no checksums, no sequence checks. Raises as `Partition.append`; then nothing has changed.
        """
        self._syncer.check()
        by_partition: dict[Partition, bytes | list[bytes]] = {}
        for partition, data in appends:
            known = by_partition.get(partition)
            if known is None:
                by_partition[partition] = data
            elif isinstance(known, list):
                known.append(data)
            else:
                by_partition[partition] = [known, data]
        prepared: list[tuple[Partition, Prepared]] = []
        for partition, whole in by_partition.items():
            joined = b"".join(whole) if isinstance(whole, list) else whole
            prepared.append((partition, partition.prepare(joined, partition.check(joined))))
        bases = _bases(appends, prepared)
        try:
            written = self._write_all(prepared)
        except StorageError as error:
            self._health.refused(error)
            raise
        if self._health.failure is not None:
            self._health.accepted()
        for (partition, batches), position in zip(prepared, written, strict=True):
            partition.finish(batches, position)
        return bases

    def _write_all(self, prepared: Sequence[tuple[Partition, Prepared]]) -> list[int]:
        if len(prepared) == 1 and len(prepared[0][1].headers) == 1:
            partition, batches = prepared[0]  # one batch is whole or cut at recovery: no journal needed
            return [partition.write(batches)]
        if not prepared:
            return []
        mark = -1
        if self._storage.durable:
            if self._syncer.policy is FsyncPolicy.NONE and self._journal.is_long():
                self._journal.clear()
            spans = [Span(p.topic_id, p.index, p.log_end, batches.end) for p, batches in prepared]
            mark = self._journal.begin(spans)
            self._syncer.journal_written(self._journal.size)
        places = [partition.place() for partition, _ in prepared]
        written: list[int] = []
        try:
            for partition, batches in prepared:
                written.append(partition.write(batches))
        except BaseException:
            self._take_back(prepared[: len(written) + 1], places, mark)
            raise
        return written

    def _take_back(self, prepared: Sequence[tuple[Partition, Prepared]], places: Sequence[Place], mark: int) -> None:
        failure: StorageError | None = None
        for (partition, _), place in zip(prepared, places, strict=False):
            try:
                partition.back_to(place)
            except StorageError as error:
                failure = error
        try:
            if mark >= 0 and failure is None:
                self._journal.void(mark)
                self._syncer.journal_written(self._journal.size)
        except StorageError as error:
            failure = error
        if failure is not None:
            # Part of the commit is still in the files; the journal, left as it is, removes it at the next start.
            self._syncer.fail(failure)
            logger.error(
                "A failed commit could not be taken back, the log is read-only until it is opened again: %s", failure
            )

    def undo_incomplete(self, topics: Mapping[bytes, Topic], notes: Mapping[tuple[bytes, int], Recovered]) -> None:
        """Roll back the commits that a crash has left in part. `topics` by id, `notes` of the last checkpoint.

        Raises `StorageError`.
        """
        for spans in self._journal.load():
            found = [(topics[s.topic_id].partitions[s.number], s) for s in spans if s.topic_id in topics]
            if all(partition.log_end >= span.end for partition, span in found):
                continue
            for partition, span in found:
                if partition.log_end > span.start:
                    logger.warning(
                        "%s-%d: undoing an incomplete commit, back to offset %d",
                        partition.topic,
                        partition.index,
                        span.start,
                    )
                    rollback(partition, span.start, notes.get((partition.topic_id, partition.index)))

    def begin(self) -> None:
        """All partitions are recovered: from now on commits can be made. Raises `StorageError`."""
        self._journal.clear()
        self._syncer.on_synced = self._shorten_journal

    def close(self) -> None:
        """All commits are on disk. Raises `StorageError`."""
        self._journal.clear()

    def _shorten_journal(self, safe: int) -> None:
        before = self._journal.size
        try:
            self._journal.shorten(safe)
        except StorageError as error:
            logger.warning("The journal could not be shortened: %s", error)
        if self._journal.size != before:
            self._syncer.journal_written(self._journal.size)


def _bases(appends: Sequence[tuple[Partition, bytes]], prepared: Sequence[tuple[Partition, Prepared]]) -> list[int]:
    """The base offset of each append: those to one partition were joined in order."""
    if len(appends) == len(prepared):
        return [batches.bases[0] for _, batches in prepared]
    upcoming = {
        id(partition): iter(zip(batches.headers, batches.bases, strict=True)) for partition, batches in prepared
    }
    out = []
    for partition, data in appends:
        batches = upcoming[id(partition)]
        remaining = len(data)
        first = -1
        while remaining > 0:
            header, base = next(batches)
            first = base if first < 0 else first
            remaining -= header.size
        out.append(first)
    return out
