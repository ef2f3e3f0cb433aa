"""A source's task at work: poll, transform, convert, and write records and offsets all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from headwater.cluster.api import Append, Commit
from headwater.cluster.batches import OutputRecord, Partitioner, appends
from headwater.connect.pipeline import SourcePipeline
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.spi import SourceOffset, SourceTask
from headwater.connect.tasks.failures import Failure, Stage
from headwater.connect.tasks.run import Context, TaskRun, TaskServices, TaskSettings, transactional_id
from headwater.connect.tasks.topic_creation import TopicCreation
from headwater.log.slices import next_turn

_SLICE_RECORDS = 500
"""Converting so many takes about 2 ms."""
_COMMIT_RECORDS = 5_000
"""Most records of one commit: bounds the memory of a large poll's encoded records."""
_IDLE_SECONDS = 0.05
"""Pause after a poll that returned nothing at once."""

_canonical = msgspec.json.Encoder(order="sorted").encode
Places = list[tuple[SourceOffset, SourceOffset]]


class SourceRun(TaskRun):
    """Runs one `SourceTask`."""

    def __init__(
        self,
        task: SourceTask,
        pipeline: SourcePipeline,
        settings: TaskSettings,
        services: TaskServices,
        changed: Callable[[TaskRun], None],
        *,
        paused: bool = False,
    ) -> None:
        super().__init__(task, settings, services, changed, paused=paused)
        self._task = task
        self._pipeline = pipeline
        self._creation = TopicCreation(settings.config)
        self._partitioners: dict[str, Partitioner] = {}
        self._polled: Sequence[SourceRecord] = ()
        """What is not yet written: a pause in the middle of a write keeps it."""
        self._transactional_id = transactional_id(services.group_id, settings.name)

    async def open(self) -> None:
        context = _SourceContext(self)
        await self.retrier.call("start", lambda: self._task.start(self.settings.config, context))

    async def work(self) -> None:
        if not self._polled:
            self._polled = await self.retrier.call(
                "read from the source", lambda: self.interruptible(self._task.poll())
            )
            if not self._polled:
                await self.interruptible(self.services.clock.sleep(_IDLE_SECONDS))
        while self._polled:
            await self._move(self._polled[:_COMMIT_RECORDS])

    async def _move(self, records: Sequence[SourceRecord]) -> None:
        outputs: dict[tuple[str, int | None], list[OutputRecord]] = {}
        started = self.services.clock.monotonic()
        for start in range(0, len(records), _SLICE_RECORDS):
            self._encode(records[start : start + _SLICE_RECORDS], outputs)
            await next_turn()
        places = latest_places(records)
        await self.uninterrupted(self.retrier.call("write", lambda: self._write(outputs, places)))
        self._polled = self._polled[len(records) :]
        seconds = self.services.clock.monotonic() - started
        self.counts.moved(len(records), sum(map(len, outputs.values())), seconds)
        await self.retrier.call("commit to the source", lambda: self._task.commit(places))

    def _encode(
        self, records: Sequence[SourceRecord], outputs: dict[tuple[str, int | None], list[OutputRecord]]
    ) -> None:
        for topic, partition, output in self._pipeline.encode(records, self.services.clock.now_ms(), self.failed):
            known = outputs.get((topic, partition))
            if known is None:
                outputs[topic, partition] = [output]
            else:
                known.append(output)

    async def _write(self, outputs: dict[tuple[str, int | None], list[OutputRecord]], places: Places) -> None:
        cluster, name = self.services.cluster, self.settings.name
        await self._creation.create_missing(cluster, dict.fromkeys(topic for topic, _ in outputs))
        work: list[Append] = []
        for (topic, partition), records in outputs.items():
            self.services.statuses.used(name.connector, name.number, topic)
            if partition is not None:
                work += appends(topic, partition, records)
                continue
            for index, part in self._partitioner(topic).split(records):
                work += appends(topic, index, part)
        work += self.services.offsets.appends(name.connector, places)
        if self.services.registry is not None:  # a schema is durable before the data that needs it
            await self.services.registry.settle()
        await self.commit(Commit(work, transactional_id=self._transactional_id))
        self.services.offsets.applied(name.connector, places)

    def _partitioner(self, topic: str) -> Partitioner:
        info = self.services.cluster.topic(topic)
        count = 1 if info is None else info.partitions
        known = self._partitioners.get(topic)
        if known is None or known.partitions != count:
            known = self._partitioners[topic] = Partitioner(count)
        return known

    def failed(self, record: SourceRecord, failure: Failure) -> None:
        """One record could not be handled. Raises `ConnectError` where that is not tolerated."""
        which = f"{{source partition={dict(record.source_partition)}, source offset={dict(record.source_offset)}}}"
        self.refused(failure, f"the source record {which}")

    def task_class(self) -> str:
        """Name of the connector's task, for messages."""
        return type(self._task).__qualname__


class _SourceContext(Context):
    def __init__(self, run: SourceRun) -> None:
        super().__init__(run)
        self._run = run

    def offset(self, partition: SourceOffset) -> SourceOffset | None:
        return self._services.offsets.offset(self.connector, partition)

    def offsets(self) -> list[tuple[SourceOffset, SourceOffset]]:
        return self._services.offsets.offsets(self.connector)

    def report(self, record: SourceRecord | SinkRecord, error: Exception) -> None:
        assert isinstance(record, SourceRecord)
        self._run.failed(record, Failure(Stage.TASK_POLL, self._run.task_class(), error))


def latest_places(records: Sequence[SourceRecord]) -> Places:
    """The last offset of each source partition in a batch, in the order of those last records."""
    last: dict[int, SourceRecord] = {}
    for record in records:
        # By identity first: most sources share one mapping among all records of a partition.
        key = id(record.source_partition)
        last.pop(key, None)
        last[key] = record
    places: dict[bytes, tuple[SourceOffset, SourceOffset]] = {}
    for record in last.values():
        places[_canonical(record.source_partition)] = (record.source_partition, record.source_offset)
    return list(places.values())
