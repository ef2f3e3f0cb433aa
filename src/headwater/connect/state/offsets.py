"""The topic `connect-offsets`: how far each source has been read.

["CONNECTOR", {partition}]   {offset}      null: read it from the start
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headwater.cluster.api import Append, Cluster
from headwater.connect.state.topic import StateTopic
from headwater.core.clock import Clock

Place = Mapping[str, Any]
"""A source partition, or an offset in one: JSON values by name."""
_canonical = msgspec.json.Encoder(order="sorted").encode


class SourceOffsets:
    """Offsets of all sources by connector and source partition.

    To write them with a task's records: append what `record` gives, then call `applied` with the same.
    """

    def __init__(self, cluster: Cluster, clock: Clock, topic: str) -> None:
        self._topic = StateTopic(cluster, clock, topic, self._apply)
        self._known: dict[str, dict[bytes, tuple[bytes, Place, Place]]] = {}

    async def load(self) -> None:
        """Replay. Raises `ClusterError`, `LogError`."""
        await self._topic.load()

    def offset(self, connector: str, partition: Place) -> Place | None:
        """Of the last durable record of the partition; None for none."""
        found = self._known.get(connector, {}).get(_canonical(partition))
        return None if found is None else found[2]

    def offsets(self, connector: str) -> list[tuple[Place, Place]]:
        """All of a connector's: (partition, offset)."""
        return [(partition, offset) for _, partition, offset in self._known.get(connector, {}).values()]

    def appends(self, connector: str, places: Iterable[tuple[Place, Place | None]]) -> list[Append]:
        """The batches that hold these offsets; None forgets one."""
        return self._topic.appends(self._records(connector, places))

    def applied(self, connector: str, places: Iterable[tuple[Place, Place | None]]) -> None:
        """The appends have been written."""
        for partition, offset in places:
            self._set(connector, partition, offset, self._key(connector, partition))

    async def write(self, connector: str, places: Iterable[tuple[Place, Place | None]]) -> None:
        """Change offsets by hand; durable on return."""
        await self._topic.write(self._records(connector, list(places)))

    def _records(
        self, connector: str, places: Iterable[tuple[Place, Place | None]]
    ) -> list[tuple[bytes, bytes | None]]:
        return [
            (self._key(connector, partition), None if offset is None else msgspec.json.encode(offset))
            for partition, offset in places
        ]

    def _key(self, connector: str, partition: Place) -> bytes:
        """The key that the partition was first written with, be the order of its members what it may."""
        known = self._known.get(connector, {}).get(_canonical(partition))
        return msgspec.json.encode([connector, partition]) if known is None else known[0]

    def _apply(self, key: bytes, value: bytes | None) -> None:
        try:
            connector, partition = msgspec.json.decode(key, type=tuple[str, dict[str, Any]])
            offset = None if value is None else msgspec.json.decode(value, type=dict[str, Any] | None)
        except msgspec.MsgspecError:
            return
        self._set(connector, partition, offset, key)

    def _set(self, connector: str, partition: Place, offset: Place | None, key: bytes) -> None:
        if offset is None:
            self._known.get(connector, {}).pop(_canonical(partition), None)
        else:
            self._known.setdefault(connector, {})[_canonical(partition)] = (key, partition, offset)
