"""The compacted topic `_catalog`: everything that people have said, and what lineage was when."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence

import msgspec

from headwater.catalog.state import Change, decode, encode
from headwater.cluster.api import EARLIEST, LATEST, Append, Cluster, Commit, TopicPartition, TopicSpec
from headwater.core.clock import Clock
from headwater.core.errors import TopicExistsError
from headwater.wire.records import build_batch, read_records

_LOGGER = logging.getLogger(__name__)
TOPIC = "_catalog"
_FETCH_BYTES = 1 << 20


class Journal:
    """Reads on from where it has come to; several nodes over one Kafka cluster see each other's records that way."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._place = TopicPartition(TOPIC, 0)
        self._position: int | None = None

    async def read(self) -> list[Change]:
        """Everything written since the last call. Raises `ClusterError`, `LogError`."""
        if self._cluster.topic(TOPIC) is None:
            return []
        if self._position is None:
            self._position = await self._cluster.list_offset(self._place, EARLIEST)
        changes: list[Change] = []
        end = await self._cluster.list_offset(self._place, LATEST)
        while self._position < end:
            fetched = await self._cluster.fetch({self._place: self._position}, _FETCH_BYTES)
            if not fetched:
                break
            changes += _changes(fetched[0].data, self._position)
            self._position = fetched[0].next_offset
        return changes

    async def write(self, changes: Sequence[Change]) -> None:
        """Return when all are durable; they are one batch, so all or none are."""
        if not changes:
            return
        if self._cluster.topic(TOPIC) is None:
            with contextlib.suppress(TopicExistsError):
                await self._cluster.create_topics([TopicSpec(TOPIC, 1, configs={"cleanup.policy": "compact"})])
            await self._cluster.refresh()
        now = self._clock.now_ms()
        batch = build_batch([(*encode(change), now, ()) for change in changes])
        await self._cluster.commit(Commit([Append(self._place, batch)]))


def _changes(data: bytes | memoryview, position: int) -> Iterator[Change]:
    for record in read_records(data, position):
        try:
            change = decode(record.key or b"", record.value)
        except msgspec.MsgspecError as error:
            _LOGGER.warning("Record %d of topic %s is not the catalog's: %s", record.offset, TOPIC, error)
            continue
        if change is not None:
            yield change
