"""The dead-letter topic of a sink: records that were skipped, as they came, with the reason in headers (KIP-298)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headwater.cluster.api import Append, Cluster, TopicPartition, TopicSpec
from headwater.cluster.batches import OutputRecord, Partitioner, appends
from headwater.connect.config import Config
from headwater.connect.tasks.failures import Failure, hide, java_name, trace
from headwater.core.errors import ClusterError, TopicExistsError
from headwater.wire.records import Record, read_records

PREFIX = "__connect.errors."


class Place(NamedTuple):
    """Where a record was read."""

    partition: TopicPartition
    offset: int


class DeadLetters:
    """Collects bad records of one task until they are written with the offsets that pass them."""

    def __init__(self, cluster: Cluster, config: Config, connector: str, task: int, secrets: Sequence[str]) -> None:
        self._cluster = cluster
        self._topic = config.text("errors.deadletterqueue.topic.name")
        self._replication = config.integer("errors.deadletterqueue.topic.replication.factor")
        self._with_headers = config.flag("errors.deadletterqueue.context.headers.enable")
        self._connector = connector
        self._task = task
        self._secrets = secrets
        self._pending: dict[Place, tuple[Record | None, Failure]] = {}
        """By place: a batch that is delivered again after an interruption fails again."""
        self._partitioner = Partitioner(1)

    @property
    def pending(self) -> int:
        """Records to be written."""
        return len(self._pending)

    def add(self, place: Place, record: Record | None, failure: Failure) -> None:
        """Note a record; None where it is no longer at hand: it is read again."""
        if self._topic:
            self._pending[place] = record, failure

    def clear(self) -> None:
        """They are written."""
        self._pending.clear()

    async def appends(self) -> list[Append]:
        """What is pending, as batches. Raises `ClusterError`, `LogError`."""
        if not self._pending:
            return []
        await self._create()
        missing = [place for place, (record, _) in self._pending.items() if record is None]
        found = {place: await self._read(place) for place in missing}
        outputs: list[OutputRecord] = []
        for place, (at_hand, failure) in self._pending.items():
            record = at_hand or found.get(place)
            if record is not None:
                headers = [*record.headers, *(self._headers(place, failure) if self._with_headers else ())]
                outputs.append((record.key, record.value, record.timestamp, headers))
        return [
            a for partition, part in self._partitioner.split(outputs) for a in appends(self._topic, partition, part)
        ]

    async def _create(self) -> None:
        if self._cluster.topic(self._topic) is None:
            await self._cluster.refresh()
        if self._cluster.topic(self._topic) is None:
            try:
                await self._cluster.create_topics([TopicSpec(self._topic, 1, self._replication)])
            except TopicExistsError:
                await self._cluster.refresh()
            except ClusterError:
                # Fewer brokers than the default of 3: any replication is better than none.
                await self._cluster.create_topics([TopicSpec(self._topic, 1)])
        info = self._cluster.topic(self._topic)
        if info is not None and info.partitions != self._partitioner.partitions:
            self._partitioner = Partitioner(info.partitions)

    async def _read(self, place: Place) -> Record | None:
        for fetched in await self._cluster.fetch({place.partition: place.offset}, 1):
            for record in read_records(fetched.data, place.offset):
                if record.offset == place.offset:
                    return record
        return None

    def _headers(self, place: Place, failure: Failure) -> list[tuple[str, bytes | None]]:
        told: Mapping[str, object] = {
            "topic": place.partition.topic,
            "partition": place.partition.partition,
            "offset": place.offset,
            "connector.name": self._connector,
            "task.id": self._task,
            "stage": failure.stage,
            "class.name": failure.class_name,
            "exception.class.name": java_name(failure.error),
            "exception.message": hide(str(failure.error), self._secrets),
            "exception.stacktrace": trace(failure.error, self._secrets),
        }
        return [(PREFIX + name, str(value).encode(errors="replace")) for name, value in told.items()]
