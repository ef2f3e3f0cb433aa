"""A compacted topic as a table: replayed when a worker starts, appended to afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headwater.cluster.api import Append, Cluster, Commit, TopicPartition
from headwater.cluster.batches import OutputRecord, Partitioner, appends
from headwater.cluster.compacted import ensure_compacted, read_on
from headwater.cluster.remote.errors import FencedError
from headwater.core.clock import Clock

Apply = Callable[[bytes, bytes | None], None]
"""Gets the key and value of each record, in order; must not raise for what others may have written."""


class StateTopic:
    """One of the three topics. It is made with one partition: one append holds what belongs together. Topics that Kafka
    Connect has made have more; a key's partition is then the one that its producer takes."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        name: str,
        apply: Apply,
        transactional_id: str | None = None,
        shut_out: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._shut_out = shut_out
        self._transactional_id = transactional_id
        self._cluster = cluster
        self._clock = clock
        self._apply = apply
        self._partitioner = Partitioner(1)

    async def load(self) -> None:
        """Make the topic if it is missing, and replay it. Raises `ClusterError`, `LogError`."""
        info = await ensure_compacted(self._cluster, self.name)
        partitions = 1 if info is None else info.partitions
        self._partitioner = Partitioner(partitions)
        for partition in range(partitions):
            async for records, _ in read_on(self._cluster, TopicPartition(self.name, partition)):
                for record in records:
                    if record.key is not None:
                        self._apply(record.key, record.value)

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
        """Write and apply these; on return they are durable. Raises `ClusterError`, `LogError`: nothing is applied.

        When somebody else has taken over the transactional id, `shut_out` is called, too.
        """
        if records:
            try:
                await self._cluster.commit(Commit(self.appends(records), transactional_id=self._transactional_id))
            except FencedError:
                self._shut_out()
                raise
            for key, value in records:
                self._apply(key, value)
