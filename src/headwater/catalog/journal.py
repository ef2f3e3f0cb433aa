"""The compacted topic `_catalog`: everything that people have said, and what lineage was when."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import msgspec

from headwater.catalog.state import Change, decode, encode
from headwater.cluster.api import Append, Cluster, Commit, TopicPartition
from headwater.cluster.compacted import ensure_compacted, read_on
from headwater.core.clock import Clock
from headwater.wire.records import Record, build_batch

_LOGGER = logging.getLogger(__name__)
TOPIC = "_catalog"


class Journal:
    """Reads on from where it has come to; several nodes over one Kafka cluster see each other's records that way."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._place = TopicPartition(TOPIC, 0)
        self._position: int | None = None

    async def read(self) -> list[Change]:
        """Everything written since the last call that brought something. Raises `ClusterError`, `LogError`."""
        if self._cluster.topic(TOPIC) is None:
            return []
        changes: list[Change] = []
        behind = self._position
        async for records, end in read_on(self._cluster, self._place, behind):
            changes += _changes(records)
            behind = end
        # Not before all of it is at hand: what is read before a failure is read again.
        self._position = behind
        return changes

    async def write(self, changes: Sequence[Change]) -> None:
        """Return when all are durable; they are one batch, so all or none are."""
        if not changes:
            return
        await ensure_compacted(self._cluster, TOPIC)
        now = self._clock.now_ms()
        batch = build_batch([(*encode(change), now, ()) for change in changes])
        await self._cluster.commit(Commit([Append(self._place, batch)]))


def _changes(records: Sequence[Record]) -> Iterator[Change]:
    for record in records:
        try:
            change = decode(record.key or b"", record.value)
        except msgspec.MsgspecError as error:
            _LOGGER.warning("Record %d of topic %s is not the catalog's: %s", record.offset, TOPIC, error)
            continue
        if change is not None:
            yield change
