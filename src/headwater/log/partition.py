"""One partition: validated appends, visible reads, idempotent producers, transactions' last stable offset.

A partition that was never written to is one small object and no file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from headwater.core.clock import Clock
from headwater.core.errors import UnknownTopicError
from headwater.log import compaction
from headwater.log.configs import Limits
from headwater.log.errors import OffsetOutOfRangeError, StorageError
from headwater.log.producer_log import ProducerLog
from headwater.log.producers import Aborted, Producers, Sequenced
from headwater.log.segments import Place, Segments
from headwater.log.settings import FsyncPolicy
from headwater.log.storage import Storage
from headwater.log.sync import Syncer
from headwater.log.validation import check_batches, check_from_client
from headwater.log.write_health import WriteHealth
from headwater.wire.compression import recompressed
from headwater.wire.records import LENGTH_END, BatchHeader, Buffer, read_records, stamp_append_time

_BASE_OFFSET = Struct(">q")
_LEADER_EPOCH = Struct(">i")


class AppendResult(NamedTuple):
    """Where batches went. Offsets are inclusive; `append_time` (ms) is -1 unless the topic stamps LogAppendTime.

    `duplicate`: an idempotent producer had appended this batch before; the offsets are those it got then.
    """

    base_offset: int
    last_offset: int
    append_time: int
    log_start: int
    duplicate: bool = False


@dataclass(slots=True)
class PartitionHost:
    """What partitions share: where files are, what time it is, who syncs, whether writes succeed."""

    storage: Storage
    clock: Clock
    syncer: Syncer
    health: WriteHealth
    log_start_moved: Callable[[], None]
    """Called when a partition's log start moved inside a segment, which no file name tells."""


class Stable(NamedTuple):
    """A place up to which the files are known good: the offset after it, and the byte in a segment."""

    offset: int
    segment: int
    position: int


@dataclass(slots=True)
class Prepared:
    """Checked batches with their offsets assigned, not written yet. `bases` are the offsets the batches got."""

    data: bytearray | memoryview
    headers: Sequence[BatchHeader]
    bases: list[int]
    end: int
    append_time: int


class Partition:
    """One ordered run of records.

    `log_start` is the first readable offset, `log_end` the offset the next record gets; readers see what is below
    `high_watermark`, transactional readers what is below `last_stable_offset`.
    """

    __slots__ = (
        "_ends",
        "_host",
        "_subscribers",
        "high_watermark",
        "index",
        "is_deleted",
        "limits",
        "log_start",
        "name",
        "noted",
        "producer_log",
        "segments",
        "stable",
        "topic",
        "topic_id",
    )

    def __init__(self, host: PartitionHost, topic: str, topic_id: bytes, index: int, limits: Limits) -> None:
        self._host = host
        self.topic = topic
        self.topic_id = topic_id
        self.index = index
        self.limits = limits
        self.name = f"{topic}-{index}"
        """As errors and folders call it."""
        self.segments = Segments(host.storage, f"topics/{self.name}", limits.index_interval)
        self.log_start = 0
        self.high_watermark = 0
        self.is_deleted = False
        self.producer_log: ProducerLog | None = None
        self.stable = Stable(0, 0, 0)
        """Up to where the files are known good."""
        self.noted = 0
        """The segment that the last checkpoint speaks of: those before it may be compacted."""
        self._ends: list[tuple[int, int]] = []
        """First offset and marker of transactions whose marker is not visible yet: to readers they are open."""
        self._subscribers: list[Callable[[], None]] | None = None

    def __repr__(self) -> str:
        return f"<Partition {self.name} [{self.log_start}, {self.log_end})>"

    @property
    def log_end(self) -> int:
        """The offset the next record gets."""
        return self.segments.end

    @property
    def last_stable_offset(self) -> int:
        """Below it every transaction is decided: the first offset of the oldest open one, or the high watermark."""
        producers = self.producers
        if producers is None:
            return self.high_watermark
        stable = self.high_watermark if producers.first_open < 0 else min(producers.first_open, self.high_watermark)
        return min(stable, min(self._ends)[0]) if self._ends else stable

    @property
    def size_bytes(self) -> int:
        """Bytes of all batches."""
        return self.segments.size

    @property
    def producers(self) -> Producers | None:
        """Producers known here; None if there never were any."""
        return None if self.producer_log is None else self.producer_log.state

    # Appending

    def append(self, data: Buffer, *, leader_epoch: int = 0, from_client: bool = False) -> AppendResult:
        """Append batches; offsets and leader epoch are assigned, in `data` itself if it is writable.

        With `from_client` the batches are not trusted: checksum, size, timestamps and producer sequences are checked.
        Raises `CorruptBatchError`, `InvalidRecordError`, `RecordTooLargeError`, `InvalidTimestampError`,
        `OutOfOrderSequenceError`, `InvalidProducerEpochError`, `InvalidTransactionStateError` or `StorageError`; the
        partition is then as it was.
        """
        headers = self.check(data, from_client=from_client)
        if from_client:
            duplicate = self._find_duplicate(headers)
            if duplicate is not None:
                return AppendResult(duplicate.base_offset, duplicate.last_offset, -1, self.log_start, duplicate=True)
            data, headers = self._compressed(data, headers)
        self._host.syncer.check()
        prepared = self.prepare(data, headers, leader_epoch)
        base = self.log_end
        health = self._host.health
        try:
            position = self.write(prepared)
        except StorageError as error:
            health.refused(error)
            raise
        if health.failure is not None:
            health.accepted()
        self.finish(prepared, position)
        return AppendResult(base, prepared.end - 1, prepared.append_time, self.log_start)

    def check(self, data: Buffer, *, from_client: bool = False) -> list[BatchHeader]:
        """The headers of a run of batches that may be appended; raises as `append`."""
        headers = check_batches(data, self.limits, self.name)
        if from_client:
            check_from_client(data, headers, self.limits, self.name, self._host.clock.now_ms())
        return headers

    def _compressed(self, data: Buffer, headers: list[BatchHeader]) -> tuple[Buffer, list[BatchHeader]]:
        """The batches as the topic's `compression.type` wants them. Raises as `append`."""
        codec = self.limits.compression
        if codec is None or all(header.compression == codec for header in headers):
            return data, headers
        data = b"".join(recompressed(data, header, codec) for header in headers)
        return data, check_batches(data, self.limits, self.name)

    def prepare(self, data: Buffer, headers: Sequence[BatchHeader], leader_epoch: int = 0) -> Prepared:
        """Assign offsets, changing nothing but the bytes."""
        writable = isinstance(data, bytearray) or (isinstance(data, memoryview) and not data.readonly)
        buffer: bytearray | memoryview = data if writable else bytearray(data)  # type: ignore[assignment]
        append_time = -1
        if self.limits.append_time:
            append_time = self._host.clock.now_ms()
            stamp_append_time(buffer, append_time)
        bases = []
        end = self.log_end
        for header in headers:  # as `assign_offsets` does, without reading the headers a second time
            _BASE_OFFSET.pack_into(buffer, header.start, end)
            _LEADER_EPOCH.pack_into(buffer, header.start + LENGTH_END, leader_epoch)
            bases.append(end)
            end += header.last_offset - header.base_offset + 1
        return Prepared(buffer, headers, bases, end, append_time)

    def write(self, prepared: Prepared) -> int:
        """Put the bytes into the active segment; returns their position in it. `finish` must follow, or `back_to`."""
        segments, limits = self.segments, self.limits
        if self.is_deleted:
            raise UnknownTopicError(f"Topic {self.topic} was deleted.")
        if (
            segments.must_roll(len(prepared.data), prepared.end, limits.segment_bytes, limits.index_bytes)
            or self._is_old()
        ):
            segments.roll()
        return segments.append(prepared.data, prepared.end)

    def finish(self, prepared: Prepared, position: int) -> None:
        """Take note of written batches: index, producers, high watermark, those who wait."""
        segment = self.segments.all[-1]
        if position == 0:
            segment.created_ms = self._host.clock.now_ms()
        index = segment.load_index(self._host.storage, self.segments.interval)
        append_time = prepared.append_time
        for header, base in zip(prepared.headers, prepared.bases, strict=True):
            newest = header.max_timestamp if append_time < 0 else append_time
            segment.note(index, base, position + header.start, newest)
            if header.is_control and self._host.syncer.gated:
                self._note_end(header, base)
            if header.producer_id >= 0:
                self.note_producer(header, base, prepared.data)
        syncer = self._host.syncer
        if syncer.gated:
            syncer.add(segment.path, self)
        else:
            self.high_watermark = prepared.end
            syncer.add(segment.path, self)
            if self._subscribers:
                self._wake()

    def place(self) -> Place:
        """Where the log ends, for `back_to`."""
        return self.segments.place()

    def back_to(self, place: Place) -> None:
        """Undo `write`s that were not finished. Raises `StorageError` if the file could not be cut."""
        self.segments.back_to(place)

    def _find_duplicate(self, headers: Sequence[BatchHeader]) -> Sequenced | None:
        producers = self.producers
        if producers is None:
            return None
        first: Sequenced | None = None
        for header in headers:
            if header.producer_id >= 0:
                first = producers.check(header) or first
        return first

    def _note_end(self, header: BatchHeader, base: int) -> None:
        producers = self.producers
        ending = None if producers is None else producers.by_id.get(header.producer_id)
        if ending is not None and ending.transaction_start >= 0:
            self._ends.append((ending.transaction_start, base))

    def note_producer(self, header: BatchHeader, base: int, data: Buffer) -> None:
        """A batch of a producer is in the log from offset `base` on; `data` is what `header` was read from."""
        if self.producer_log is None:
            self.producer_log = ProducerLog(self._host.storage, self.segments.folder)
        self.producer_log.note(header, base, data)

    def _is_old(self) -> bool:
        if not self.segments.all:
            return False
        active = self.segments.all[-1]
        if not active.size:
            return False
        now = self._host.clock.now_ms()
        if active.created_ms < 0:
            active.created_ms = now
        return now - active.created_ms > self.limits.segment_ms

    # Visibility

    def written(self) -> Stable:
        """The end of what is written."""
        active = self.segments.all[-1] if self.segments.all else None
        return Stable(self.log_end, active.base if active else 0, active.size if active else 0)

    def synced(self, stable: Stable) -> None:
        """Everything up to there is on disk: with an adaptive policy readers see it now."""
        self.stable = stable
        if self._host.syncer.gated and stable.offset > self.high_watermark:
            self.high_watermark = min(stable.offset, self.log_end)
            if self._ends:
                self._ends = [end for end in self._ends if end[1] >= self.high_watermark]
            self.segments.remember(stable.offset, stable.segment, stable.position)
            if self._subscribers:
                self._wake()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever more can be read, and after a truncation."""
        if self._subscribers is None:
            self._subscribers = []
        self._subscribers.append(callback)

    def unsubscribe(self, callback: Callable[[], None]) -> None:
        """End a subscription; nothing happens if there is none."""
        if self._subscribers is not None:
            with contextlib.suppress(ValueError):
                self._subscribers.remove(callback)

    def _wake(self) -> None:
        for callback in tuple(self._subscribers or ()):
            callback()

    # Reading

    def read(self, offset: int, max_bytes: int, *, max_offset: int | None = None) -> bytes:
        """Whole batches from the one holding `offset` on; at least one if there is any, else at most `max_bytes`.

        Only batches before `max_offset` (exclusive; the high watermark if None). b"" if there are none.
        Raises `OffsetOutOfRangeError`, `StorageError`.
        """
        return self.read_on(offset, max_bytes, max_offset=max_offset)[0]

    def read_on(self, offset: int, max_bytes: int, *, max_offset: int | None = None) -> tuple[bytes, int]:
        """As `read`, with the offset to go on with: it is past the last batch returned."""
        self._check_in_range(offset)
        limit = self.high_watermark if max_offset is None else min(max_offset, self.log_end)
        if offset >= limit:
            return b"", offset
        while True:
            data, following = self.segments.read(offset, limit, max_bytes)
            if data or following >= limit:
                return data, max(following, offset)
            offset = following

    def aborted_in(self, start: int, end: int) -> list[Aborted]:
        """The aborted transactions with records or marker from offset `start` to before `end`."""
        return [] if self.producers is None else list(self.producers.aborted_in(start, end))

    @property
    def has_transactions(self) -> bool:
        """Whether there may be transactional batches or markers here."""
        return self.producers is not None and self.producers.transactional

    def offset_for_time(self, timestamp: int) -> tuple[int, int] | None:
        """(offset, time) of the first visible record whose time is at or after `timestamp` ms, or None."""
        limit = self.high_watermark
        for chunk, header in self.segments.first_since(timestamp, self.log_start, limit):
            found = _first_record(chunk, header, self.log_start, timestamp)
            if found is not None and found[0] < limit:
                return found
        return None

    def max_timestamp(self) -> tuple[int, int]:
        """(offset, time) of the first visible record with the largest time (KIP-734), or (-1, -1)."""
        newest = self.segments.newest()
        found = self.offset_for_time(newest)
        if found is None and newest >= 0:  # the newest is a marker or not visible yet
            newest, found = -1, None
            for chunk, header in self.segments.walk(self.log_start, self.high_watermark):
                if header.max_timestamp > newest and not header.is_control:
                    found = _first_record(chunk, header, self.log_start, header.max_timestamp) or found
                    newest = header.max_timestamp
        return found if found is not None else (-1, -1)

    def _check_in_range(self, offset: int) -> None:
        if not self.log_start <= offset <= self.log_end:
            raise OffsetOutOfRangeError(
                f"Offset {offset} of {self.name} is out of range, {self.log_start} to {self.log_end}."
            )

    # Deleting

    def delete_records(self, before_offset: int) -> int:
        """Make `before_offset` (-1: the high watermark) the log start; returns the new log start.

        Raises `OffsetOutOfRangeError` above the high watermark.
        """
        target = self.high_watermark if before_offset == -1 else before_offset
        if target < 0 or target > self.high_watermark:
            raise OffsetOutOfRangeError(
                f"Cannot delete records of {self.name} before {before_offset}: "
                f"the high watermark is {self.high_watermark}."
            )
        if target > self.log_start:
            self.log_start = target
            self._host.log_start_moved()
            while len(self.segments.all) > 1 and self.segments.all[1].base <= target:
                self.segments.drop_first()
        return self.log_start

    @property
    def storage(self) -> Storage:
        """Where the files are."""
        return self._host.storage

    def must_compact(self, now_ms: int) -> bool:
        """Whether `compact` has something to do. Raises `StorageError`."""
        if not self.limits.compact or len(self.segments.all) < 2:
            return False
        self.trust_unsynced()
        return compaction.is_due(self, self._host.storage, now_ms, self.stable.segment)

    def compact(self, now_ms: int) -> Iterator[None]:
        """Keep only the newest record of every key in closed segments, in steps of a few ms.

        To be called after what `checkpoint` gave was stored. Raises `StorageError`, `CorruptBatchError`.
        """
        return compaction.compact(self, self._host.storage, now_ms, self.noted)

    def deleted(self) -> None:
        """The topic is gone: let those who wait find out, refuse appends."""
        self.is_deleted = True
        self._wake()

    def trust_unsynced(self) -> None:
        """Where nothing is ever synced, what is written is as good as it gets."""
        if self._host.syncer.policy is FsyncPolicy.NONE:
            self.stable = self.written()


def _first_record(chunk: bytes, header: BatchHeader, first_offset: int, timestamp: int) -> tuple[int, int] | None:
    batch = memoryview(chunk)[header.start : header.start + header.size]
    for record in read_records(batch, first_offset):
        if record.timestamp >= timestamp:
            return record.offset, record.timestamp
    return None
