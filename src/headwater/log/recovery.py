"""What is on disk of a partition: taking it over at the start, and noting up to where it is known good."""

from __future__ import annotations

import logging

from headwater.log.checkpoint import Recovered
from headwater.log.partition import Partition
from headwater.log.producer_log import ProducerLog
from headwater.wire.records import BatchHeader

logger = logging.getLogger(__name__)


def recover(partition: Partition, note: Recovered | None, *, clean: bool) -> bool:
    """Take over what is on disk. `note` is the last checkpoint's, `clean` whether the log was closed; returns whether
    a scan found anything new. Raises `StorageError`."""
    segments = partition.segments
    segments.discover()
    first = segments.all[0].base if segments.all else 0
    partition.log_start = max(note.log_start if note is not None else 0, first)
    scanned = False
    if clean and note is not None and _is_as_noted(partition, note):
        segments.end = note.offset
        _load_producers(partition, note, segments.end)
    else:
        scanned = _scan(partition, note)
    if segments.end < partition.log_start:
        while segments.all:
            segments.drop_first()
        segments.end = partition.log_start
    _show_all(partition)
    return scanned


def rollback(partition: Partition, offset: int, note: Recovered | None) -> None:
    """Drop everything from `offset` on: it belongs to a commit that did not happen. Raises `StorageError`."""
    partition.segments.truncate(offset)
    _load_producers(partition, note, partition.log_end)
    _show_all(partition)


def checkpoint(partition: Partition) -> Recovered | None:
    """Save index and producers as far as they are known good; what recovery needs to know, None if nothing.

    Raises `StorageError`.
    """
    segments = partition.segments
    partition.trust_unsynced()
    if segments.all:
        segments.all[-1].save_index(partition.storage)
    stable = partition.stable
    partition.noted = stable.segment
    producers_at, snapshot = stable.offset, -1
    if partition.producer_log is not None:
        producers_at, snapshot = partition.producer_log.save(stable.offset, partition.log_end)
    if not segments.all and not partition.log_start:
        return None
    return Recovered(partition.topic_id, partition.index, partition.log_start, *stable, producers_at, snapshot)


def _is_as_noted(partition: Partition, note: Recovered) -> bool:
    """Whether the files are as a clean stop left them."""
    segments = partition.segments.all
    if not segments:
        return note.position == 0 and note.offset == note.log_start
    return segments[-1].base == note.segment and segments[-1].size == note.position


def _scan(partition: Partition, note: Recovered | None) -> bool:
    """Look through what was written after the note, and cut what is incomplete."""
    segments = partition.segments
    before = segments.size
    place = (note.segment, note.position, note.offset) if note is not None else (-1, 0, 0)
    start = segments.scan_from(*place)
    segments.end = start[2]
    _load_producers(partition, note if start[2] == place[2] else None, start[2])

    def take_note(chunk: bytes, header: BatchHeader) -> None:
        partition.note_producer(header, header.base_offset, chunk)

    scanned = segments.recover(start, take_note)
    if segments.size < before:
        logger.warning(
            "%s: cut %d bytes of incomplete batches at offset %d",
            partition.name,
            before - segments.size,
            partition.log_end,
        )
    return scanned


def _load_producers(partition: Partition, note: Recovered | None, end: int) -> None:
    """Producers as of offset `end`: from the checkpoint's snapshot and the batches after it, or all batches."""
    segments = partition.segments
    partition.producer_log, start = ProducerLog.load(partition.storage, segments.folder, note, partition.log_start, end)
    if start < end:
        for chunk, header in segments.walk(start, end):
            if header.producer_id >= 0:
                partition.note_producer(header, header.base_offset, chunk)


def _show_all(partition: Partition) -> None:
    """What is there after a start is visible, and as good as it will ever be."""
    partition.high_watermark = partition.log_end
    partition.stable = partition.written()
