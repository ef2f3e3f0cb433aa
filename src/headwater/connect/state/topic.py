"""A compacted topic as a table: replayed when a worker starts, appended to afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headwater.cluster.api import EARLIEST, LATEST, Append, Cluster, Commit, TopicPartition, TopicSpec
from headwater.cluster.batches import OutputRecord, Partitioner, appends
from headwater.core.clock import Clock
from headwater.core.errors import TopicExistsError
from headwater.wire.records import read_records

Apply = Callable[[bytes, bytes | None], None]
"""Gets the key and value of each record, in order; must not raise for what others may have written."""
_FETCH_BYTES = 1 << 20


class StateTopic:
    """One of the three topics. It is made with one partition: one append holds what belongs together. Topics that Kafka
    Connect has made have more; a key's partition is then the one that its producer takes."""

    def __init__(
        self, cluster: Cluster, clock: Clock, name: str, apply: Apply, transactional_id: str | None = None
    ) -> None:
        self.name = name
        self._transactional_id = transactional_id
        self._cluster = cluster
        self._clock = clock
        self._apply = apply
        self._partitioner = Partitioner(1)

    async def load(self) -> None:
        """Make the topic if it is missing, and replay it. Raises `ClusterError`, `LogError`."""
        if self._cluster.topic(self.name) is None:
            configs = {"cleanup.policy": "compact"}
            try:
                await self._cluster.create_topics([TopicSpec(self.name, 1, configs=configs)])
            except TopicExistsError:
                await self._cluster.refresh()
        info = self._cluster.topic(self.name)
        partitions = 1 if info is None else info.partitions
        self._partitioner = Partitioner(partitions)
        for partition in range(partitions):
            await self._replay(TopicPartition(self.name, partition))

    async def _replay(self, place: TopicPartition) -> None:
        position = await self._cluster.list_offset(place, EARLIEST)
        end = await self._cluster.list_offset(place, LATEST)
        while position < end:
            for fetched in await self._cluster.fetch({place: position}, _FETCH_BYTES):
                for record in read_records(fetched.data, position):
                    if record.key is not None:
                        self._apply(record.key, record.value)
                position = fetched.next_offset

    def appends(self, records: Sequence[tuple[bytes, bytes | None]]) -> list[Append]:
        """The batches that hold these keys and values (None deletes), to be committed with others."""
        now = self._clock.now_ms()
        outputs: list[OutputRecord] = [(key, value, now, ()) for key, value in records]
        return [
            append
            for partition, part in self._partitioner.split(outputs)
            for append in appends(self.name, partition, part)
        ]

    async def write(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write and apply these; on return they are durable. Raises `ClusterError`, `LogError`: nothing is applied."""
        if records:
            await self._cluster.commit(Commit(self.appends(records), transactional_id=self._transactional_id))
            for key, value in records:
                self._apply(key, value)
