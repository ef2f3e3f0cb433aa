"""Compaction (`cleanup.policy=compact`): closed segments keep the newest record of every key.

A pass reads the part that was never compacted and notes the last offset of every key in it; then it writes all closed
segments anew without the records that are superseded, several small ones into one file. Readers see the same offsets
with gaps. What is not touched: the active segment, everything above the last stable offset, and records younger than
`min.compaction.lag.ms`. The last batch of a file stays even without records, which keeps segments adjacent.

A tombstone stays `delete.retention.ms` from the pass that first saw it, so that readers hear of the deletion. A marker
stays as long as records of its transaction do.

The new file becomes valid by one rename to a `.swap` name that says which offsets it replaces; `finish_swaps` completes
at the next start what a crash interrupted then.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headwater.log.errors import StorageError
from headwater.log.segment import LOG_SUFFIX, Segment, runs, segment_name
from headwater.log.storage import Storage
from headwater.log.thinning import emptied_batch, thinned_batch
from headwater.wire.records import BatchHeader, read_records

if TYPE_CHECKING:
    from headwater.log.partition import Partition

CLEANED_SUFFIX = ".cleaned"
SWAP_SUFFIX = ".swap"
_STATE = "compacted.json"
_MAX_KEYS = 1_000_000
"""Keys noted in one pass, about 150 MB of memory at worst; what they do not reach is compacted in the next pass."""
_WRITE_BYTES = 1 << 20


@dataclass
class _State:
    """Passes done: (offset up to which was compacted, when in ms), oldest first. The last one's offset is where the
    part begins that was never compacted."""

    passes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def clean_end(self) -> int:
        return self.passes[-1][0] if self.passes else 0

    def tombstones_end(self, before_ms: int) -> int:
        """Tombstones below this offset were first seen by a pass at or before that time."""
        return max((offset for offset, time in self.passes if time <= before_ms), default=0)


def compact(partition: Partition, storage: Storage, now_ms: int, checkpointed: int) -> Iterator[None]:
    """One pass over the partition if it is due, in steps of a few ms. Raises `StorageError`, `CorruptBatchError`.

    `checkpointed` is the segment that the stored checkpoint names: recovery counts positions in it, so it stays.
    """
    state = _load_state(storage, partition.segments.folder)
    segments = _closed(partition, now_ms, checkpointed)
    if not _is_due(partition, segments, state):
        return
    end = partition.segments.end_of(len(segments) - 1)
    newest: dict[bytes, int] = {}
    end = yield from _note_keys(partition, segments, state.clean_end, end, newest)
    rules = _Rules(partition, newest, end, state.tombstones_end(now_ms - partition.limits.tombstone_ms))
    for group in _groups(segments, partition.limits.segment_bytes):
        yield from _rewrite(partition, storage, group, rules)
        if partition.is_deleted:
            return
    horizon = now_ms - partition.limits.tombstone_ms
    kept = [p for n, p in enumerate(state.passes) if n + 1 == len(state.passes) or state.passes[n + 1][1] > horizon]
    _save_state(storage, partition.segments.folder, _State([*kept, (end, now_ms)]))


def is_due(partition: Partition, storage: Storage, now_ms: int, checkpointed: int) -> bool:
    """Whether `compact` would do anything. Raises `StorageError`."""
    segments = _closed(partition, now_ms, checkpointed)
    return bool(segments) and _is_due(partition, segments, _load_state(storage, partition.segments.folder))


def _closed(partition: Partition, now_ms: int, checkpointed: int) -> list[Segment]:
    """The segments that may be rewritten, from the first on."""
    out: list[Segment] = []
    every = partition.segments.all
    for number, segment in enumerate(every[:-1]):
        if every[number + 1].base > partition.last_stable_offset or segment.base >= checkpointed:
            break
        lag = partition.limits.compaction_lag_ms
        if lag and now_ms - partition.segments.max_timestamp(segment) < lag:
            break
        out.append(segment)
    return out


def _is_due(partition: Partition, segments: list[Segment], state: _State) -> bool:
    dirty = sum(s.size for n, s in enumerate(segments) if partition.segments.end_of(n) > state.clean_end)
    return dirty > 0 and dirty >= partition.limits.dirty_ratio * sum(s.size for s in segments)


def _is_aborted(partition: Partition, header: BatchHeader) -> bool:
    return header.is_transactional and any(
        a.producer_id == header.producer_id and a.first_offset <= header.base_offset
        for a in partition.aborted_in(header.base_offset, header.last_offset + 1)
    )


def _note_keys(
    partition: Partition, segments: list[Segment], start: int, end: int, newest: dict[bytes, int]
) -> Generator[None, None, int]:
    """Fill `newest` with the last offset of every key from `start` on; returns up to which offset it is complete."""
    for number, segment in enumerate(segments):
        if partition.segments.end_of(number) <= start:
            continue
        for _, chunk, headers in runs(partition.storage, segment.path, 0, segment.size):
            view = memoryview(chunk)
            for header in headers:
                if header.last_offset < start or header.is_control or _is_aborted(partition, header):
                    continue
                if len(newest) >= _MAX_KEYS:
                    return header.base_offset
                for record in read_records(view[header.start : header.start + header.size], start):
                    if record.key is not None:
                        newest[record.key] = record.offset
            yield
    return end


class _Rules:
    """Decides batch by batch, in order from the start of the log, what stays."""

    def __init__(self, partition: Partition, newest: dict[bytes, int], end: int, tombstones_end: int) -> None:
        self._partition = partition
        self._newest = newest
        self._end = end
        self._tombstones_end = tombstones_end
        self._with_records: set[int] = set()

    def apply(self, chunk: memoryview, header: BatchHeader) -> bytes | memoryview | None:
        """The batch as it is, the batch with fewer records, or None if nothing of it stays."""
        whole = chunk[header.start : header.start + header.size]
        if header.base_offset >= self._end:
            return whole
        if header.is_control:
            if header.producer_id not in self._with_records:
                return None
            self._with_records.discard(header.producer_id)
            return whole
        if _is_aborted(self._partition, header):
            return None
        records = read_records(whole)
        kept = [r for r in records if self._stays(r.key, r.value, r.offset)]
        if not kept:
            return None
        if header.is_transactional:
            self._with_records.add(header.producer_id)
        return whole if len(kept) == len(records) else thinned_batch(header, kept)

    def kept_anyway(self, header: BatchHeader) -> None:
        """A batch stays though nothing of it counts: its transaction's marker must stay too."""
        if header.is_transactional and not header.is_control:
            self._with_records.add(header.producer_id)

    def _stays(self, key: bytes | None, value: bytes | None, offset: int) -> bool:
        if offset >= self._end or key is None:
            return True
        if self._newest.get(key, -1) > offset:
            return False
        return value is not None or offset >= self._tombstones_end


def _groups(segments: list[Segment], limit: int) -> Iterator[list[Segment]]:
    """Adjacent segments that fit into one file even if nothing is dropped."""
    group: list[Segment] = []
    for segment in segments:
        too_large = sum(s.size for s in group) + segment.size > limit
        if group and (too_large or segment.base - group[0].base > 1 << 30):
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


def _rewrite(partition: Partition, storage: Storage, group: list[Segment], rules: _Rules) -> Iterator[None]:
    """Write the segments of the group into one new file and put that in their place."""
    segments = partition.segments
    base = group[0].base
    end = segments.end_of(segments.all.index(group[-1]))
    new = f"{segments.folder}/{segment_name(base)}{CLEANED_SUFFIX}"
    storage.remove(new)
    size, pending = 0, bytearray()
    last: tuple[bytes, BatchHeader] | None = None
    for segment in group:
        for _, chunk, headers in runs(storage, segment.path, 0, segment.size):
            view = memoryview(chunk)
            for header in headers:
                kept = rules.apply(view, header)
                if kept is not None:
                    pending += kept
                last = (_hollow(view, header), header) if kept is None else None
            if len(pending) >= _WRITE_BYTES:
                storage.write(new, size, pending)
                size += len(pending)
                pending = bytearray()
            yield
            if partition.is_deleted:
                return
    if last is not None:  # the batch that ends the file has to stay
        pending += last[0]
        rules.kept_anyway(last[1])
    storage.write(new, size, pending)
    size += len(pending)
    if len(group) == 1 and size == group[0].size:
        storage.remove(new)  # nothing to drop
        return
    if not segments.holds(group):
        storage.remove(new)  # retention was faster
        return
    storage.sync(new)
    swap = f"{segments.folder}/{segment_name(base)}-{segment_name(end)}{SWAP_SUFFIX}"
    storage.rename(new, swap)
    segments.replace(group, finish_swap(storage, segments.folder, base, end, [s.base for s in group]))


def _hollow(chunk: memoryview, header: BatchHeader) -> bytes:
    """What remains of a batch that has to stay: a marker, or its offsets."""
    whole = chunk[header.start : header.start + header.size]
    return bytes(whole) if header.is_control else emptied_batch(header, whole)


def finish_swap(storage: Storage, folder: str, base: int, end: int, replaced: list[int]) -> Segment:
    """Put a finished new file in the place of the segments with the bases `replaced`."""
    for old in replaced:
        Segment(folder, old).remove(storage)
    segment = Segment(folder, base)
    storage.rename(f"{folder}/{segment_name(base)}-{segment_name(end)}{SWAP_SUFFIX}", segment.path)
    segment.size = storage.size(segment.path) or 0
    return segment


def finish_swaps(storage: Storage, folder: str) -> None:
    """At the start: complete the swap a crash interrupted, drop what was not finished. Raises `StorageError`."""
    names = storage.names(folder)
    for name in names:
        if name.endswith(CLEANED_SUFFIX):
            storage.remove(f"{folder}/{name}")
        elif name.endswith(SWAP_SUFFIX):
            base, end = (int(part) for part in name[: -len(SWAP_SUFFIX)].split("-"))
            bases = [int(n[: -len(LOG_SUFFIX)]) for n in names if n.endswith(LOG_SUFFIX)]
            finish_swap(storage, folder, base, end, [b for b in bases if base <= b < end])


def _load_state(storage: Storage, folder: str) -> _State:
    path = f"{folder}/{_STATE}"
    try:
        document = json.loads(storage.read(path)) if storage.size(path) else []
        return _State([(int(offset), int(time)) for offset, time in document])
    except (StorageError, ValueError, TypeError):
        return _State()  # then everything is looked at again


def _save_state(storage: Storage, folder: str, state: _State) -> None:
    storage.replace(f"{folder}/{_STATE}", json.dumps(state.passes).encode(), sync=False)
