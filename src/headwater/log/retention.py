"""Which records a partition no longer keeps: `retention.ms`, `retention.bytes`, and what lies before the log start."""

from __future__ import annotations

from headwater.log.partition import Partition


def apply_retention(partition: Partition, now_ms: int, producer_expiration_ms: int) -> None:
    """Delete the oldest segments that need not be kept, and forget producers that wrote nothing for so long.

    Indexes that nobody has used since the last time go from memory. Raises `StorageError`.
    """
    segments = partition.segments
    if partition.producers is not None:
        partition.producers.forget(partition.log_start, now_ms - producer_expiration_ms)
    while segments.all and (_is_below_start(partition) or (partition.limits.delete and _is_expired(partition, now_ms))):
        if len(segments.all) == 1:
            if not segments.all[0].size or partition.high_watermark < partition.log_end:
                return
            segments.roll()
            partition.storage.sync(segments.all[-1].path)
        segments.drop_first()
        partition.log_start = max(partition.log_start, segments.all[0].base)
    for segment in segments.all[:-1]:
        if not segment.used:
            segment.drop_index()
        segment.used = False


def _is_below_start(partition: Partition) -> bool:
    segments = partition.segments.all
    return len(segments) > 1 and segments[1].base <= partition.log_start


def _is_expired(partition: Partition, now_ms: int) -> bool:
    """Whether the oldest segment, all of which is visible, is too old or one too many."""
    limits, segments = partition.limits, partition.segments
    if segments.end_of(0) > partition.high_watermark:
        return False
    first, several = segments.all[0], len(segments.all) > 1
    if several and 0 <= limits.retention_bytes <= segments.size - first.size:
        return True
    if limits.retention_ms < 0 or not first.size:
        return several and not first.size
    newest = segments.max_timestamp(first)
    return newest >= 0 and now_ms - newest > limits.retention_ms
