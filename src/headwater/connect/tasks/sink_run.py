"""A sink's task at work: fetch, convert, transform, put, and commit offsets once the target has what they pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from headwater.cluster.api import Commit, Fetched, TopicPartition
from headwater.connect.errors import RetriableError
from headwater.connect.pipeline import SinkPipeline
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.spi import SinkTask
from headwater.connect.tasks.assignment import Assignment
from headwater.connect.tasks.dead_letters import DeadLetters, Place
from headwater.connect.tasks.failures import Failure, Stage
from headwater.connect.tasks.run import Context, TaskRun, TaskServices, TaskSettings
from headwater.core.errors import ClusterError, LogError, UnknownTopicError
from headwater.log.errors import OffsetOutOfRangeError
from headwater.log.slices import next_turn
from headwater.wire.records import Record, read_records

_FETCH_BYTES = 1 << 20
_PUT_RECORDS = 1_000
"""Most records of one `put`, unless `consumer.override.max.poll.records` says otherwise. Decoding so many takes some
ms."""
_TICK_SECONDS = 1.0
"""Time between two empty `put`s of an idle task."""
_SETTLED_SECONDS = 0.2
"""A task with nothing to read flushes so soon after the last flush: offsets of a finished topic are up to date."""
_MOST_DEAD_LETTERS = 1_000
"""Kept in memory before they are written."""
_LOGGER = logging.getLogger(__name__)

Part = tuple[TopicPartition, list[Record], int]
"""Records of one partition, and the offset behind them."""


class SinkRun(TaskRun):
    """Runs one `SinkTask` over its share of the partitions."""

    def __init__(
        self,
        task: SinkTask,
        pipeline: SinkPipeline,
        settings: TaskSettings,
        services: TaskServices,
        changed: Callable[[TaskRun], None],
        tasks: int,
        *,
        paused: bool = False,
    ) -> None:
        super().__init__(task, settings, services, changed, paused=paused)
        self._task = task
        self._pipeline = pipeline
        config, name = settings.config, settings.name
        self.group = config.text("consumer.override.group.id") or f"connect-{name.connector}"
        self.assignment = Assignment(services, config, self.group, name.number, tasks)
        self.dead_letters = DeadLetters(services.cluster, config, name.connector, name.number, settings.secrets)
        self._interval = config.integer("offset.flush.interval.ms") / 1000
        self._most = _positive(config.text("consumer.override.max.poll.records"), _PUT_RECORDS)
        self._ends: dict[TopicPartition, int] = {}
        """Behind what was put and is not known to be durable in the target."""
        self._committed: dict[TopicPartition, int] = {}
        self._flushed_at = services.clock.monotonic()
        self._ticked_at = services.clock.monotonic()
        self._parts: Sequence[Part] = ()
        self.seeks: dict[TopicPartition, int] = {}
        self.flush_requested = False

    # Life

    async def open(self) -> None:
        context = _SinkContext(self)
        await self.retrier.call("start", lambda: self._task.start(self.settings.config, context))
        await self.retrier.call("look for topics", self._discover)

    async def work(self) -> None:
        if self.assignment.is_stale():
            await self.retrier.call("look for topics", self._discover)
        fetched = await self.retrier.call("read topics", self._fetch)
        if fetched:
            await self._deliver(fetched)
        else:
            await self._idle()

    async def settle(self) -> None:
        await self._flush()

    async def finish(self) -> None:
        await self._flush()
        await self._task.close(self.assignment.partitions())

    async def _discover(self) -> None:
        try:
            new, gone = await self.assignment.refresh()
            if gone:
                for partition in gone:
                    self._ends.pop(partition, None)
                    self._committed.pop(partition, None)
                await self._task.close(gone)
            if new:
                for partition in new:
                    self.services.statuses.used(*self.settings.name, partition.topic)
                await self._task.open(new)
        except (ClusterError, LogError) as error:
            self.assignment.expire()
            raise RetriableError(f"Cannot look for the topics to read: {error}") from error
        self._apply_seeks()

    # Reading

    async def _fetch(self) -> list[Fetched]:
        positions = self.assignment.positions()
        if not positions:
            return []
        try:
            return await self.services.cluster.fetch(positions, _FETCH_BYTES)
        except (OffsetOutOfRangeError, UnknownTopicError):
            # Deleted, or deleted and made anew: the next look decides what there is to read.
            await self._begin_anew(await self.assignment.reset_lost())
            return []
        except (ClusterError, LogError) as error:
            raise RetriableError(f"Cannot read the topics now: {error}") from error

    async def _begin_anew(self, lost: Sequence[TopicPartition]) -> None:
        """What the task knows of these partitions is about other records of the same offsets."""
        if not lost:
            return
        for partition in lost:
            self._ends.pop(partition, None)
            self._committed.pop(partition, None)
        await self._task.close(lost)
        await self._task.open(lost)

    async def _deliver(self, fetched: Sequence[Fetched]) -> None:
        parts: list[Part] = []
        count = 0
        for batch in fetched:
            at = self.assignment.position(batch.partition)
            records = read_records(batch.data, at)
            start = 0
            while len(records) - start + count >= self._most:
                end = start + self._most - count
                following = batch.next_offset if end == len(records) else records[end].offset
                parts.append((batch.partition, records[start:end], following))
                if not await self._put(parts):
                    return
                parts, count, start = [], 0, end
            if start < len(records) or not records:
                parts.append((batch.partition, records[start:], batch.next_offset))
                count += len(records) - start
        if parts:
            await self._put(parts)

    async def _put(self, parts: Sequence[Part]) -> bool:
        """Deliver a batch and move the positions behind it; False if the task wants to read from elsewhere."""
        self._parts = parts
        records: list[SinkRecord] = []
        started = self.services.clock.monotonic()
        for partition, raw, _ in parts:
            records += self._pipeline.decode(partition, raw, self._failed)
        failed = self.counts.failed
        if records:
            await self.retrier.call("deliver records", lambda: self._task.put(records))
        self._ticked_at = self.services.clock.monotonic()
        taken = max(len(records) - (self.counts.failed - failed), 0)
        self.counts.moved(sum(len(raw) for _, raw, _ in parts), taken, self._ticked_at - started)
        for partition, _, end in parts:
            self._ends[partition] = end
            self.assignment.advance(partition, end)
        self._parts = ()
        sought = self._apply_seeks()
        if self._is_flush_due(self._interval) or self.dead_letters.pending >= _MOST_DEAD_LETTERS:
            await self._flush()
        await next_turn()
        return not (sought or self._stopping or self._paused)

    def _apply_seeks(self) -> bool:
        seeks, self.seeks = self.seeks, {}
        for partition, offset in seeks.items():
            self.assignment.advance(partition, offset)
            self._ends.pop(partition, None)
        return bool(seeks)

    # Nothing to read

    async def _idle(self) -> None:
        if self._ends and self._is_flush_due(min(_SETTLED_SECONDS, self._interval)):
            await self._flush()
        now = self.services.clock.monotonic()
        if now - self._ticked_at >= _TICK_SECONDS:
            self._ticked_at = now
            await self.retrier.call("deliver records", lambda: self._task.put(()))
            self._apply_seeks()
            return
        timeout = _SETTLED_SECONDS if self._ends else _TICK_SECONDS
        await self.interruptible(self._wait(timeout))

    async def _wait(self, timeout: float) -> None:
        positions = self.assignment.positions()
        if not positions:
            await self.services.clock.sleep(timeout)
            return
        try:
            await self.services.cluster.wait(positions, timeout)
        except (ClusterError, LogError):
            # What is wrong with the topics, the next fetch finds out.
            await self.services.clock.sleep(timeout)

    # Progress

    def _is_flush_due(self, interval: float) -> bool:
        return self.flush_requested or self.services.clock.monotonic() - self._flushed_at >= interval

    async def _flush(self) -> None:
        self.flush_requested = False
        self._flushed_at = self.services.clock.monotonic()
        ends = dict(self._ends)
        if not ends and not self.dead_letters.pending:
            return
        durable = await self.retrier.call("flush", lambda: self._task.flush(ends))
        if durable is None:
            durable = ends
        await self.uninterrupted(self.retrier.call("commit offsets", lambda: self._commit(durable)))
        for partition, end in ends.items():
            if durable.get(partition) == end and self._ends.get(partition) == end:
                del self._ends[partition]

    async def _commit(self, durable: Mapping[TopicPartition, int]) -> None:
        """Offsets and dead letters, all or nothing where the log can."""
        offsets = {place: end for place, end in durable.items() if self._committed.get(place) != end}
        try:
            dead = await self.dead_letters.appends()
        except (ClusterError, LogError) as error:
            raise RetriableError(f"Cannot write to the dead-letter topic now: {error}") from error
        if offsets or dead:
            await self.commit(Commit(dead, self.group, offsets))
        self.counts.dead_letters += self.dead_letters.pending
        self.dead_letters.clear()
        self._committed |= offsets

    # Bad records

    def _failed(self, partition: TopicPartition, record: Record, failure: Failure) -> None:
        which = f"the record at offset {record.offset} of {partition.topic}-{partition.partition}"
        self.refused(failure, which)
        self.dead_letters.add(Place(partition, record.offset), record, failure)

    def report(self, record: SinkRecord, error: Exception) -> None:
        """The connector's task refuses one record. Raises `ConnectError` where that is not tolerated."""
        place = Place(TopicPartition(record.original_topic, record.partition), record.offset)
        which = f"the record at offset {place.offset} of {place.partition.topic}-{place.partition.partition}"
        failure = Failure(Stage.TASK_PUT, type(self._task).__qualname__, error)
        self.refused(failure, which)
        self.dead_letters.add(place, self._raw(place), failure)

    def _raw(self, place: Place) -> Record | None:
        """The record as it was read, if it is of the batch that is being delivered."""
        for partition, records, _ in self._parts:
            if partition == place.partition:
                return next((record for record in records if record.offset == place.offset), None)
        return None


class _SinkContext(Context):
    def __init__(self, run: SinkRun) -> None:
        super().__init__(run)
        self._run = run

    @property
    def assignment(self) -> Sequence[TopicPartition]:
        return self._run.assignment.partitions()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._run.seeks[partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        self._run.assignment.paused.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._run.assignment.paused.difference_update(partitions)

    def request_flush(self) -> None:
        self._run.flush_requested = True

    def report(self, record: SourceRecord | SinkRecord, error: Exception) -> None:
        assert isinstance(record, SinkRecord)
        self._run.report(record, error)


def _positive(text: str, default: int) -> int:
    return int(text) if text.isdigit() and int(text) > 0 else default
