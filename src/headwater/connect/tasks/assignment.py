"""What a sink's task reads: its share of the partitions of the topics, and how far it is in each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

from headwater.cluster.api import EARLIEST, LATEST, TopicPartition
from headwater.connect.config import Config
from headwater.connect.tasks.run import TaskServices
from headwater.core.errors import ClusterError, LogError

_LOOK_SECONDS = 1.0
"""Time between two looks for new topics and partitions. A Kafka cluster is asked each time."""
_INTERNAL = ("__", "connect-configs", "connect-offsets", "connect-status")
"""A pattern never means these."""


class Assignment:
    """Positions of one task. Partitions are shared by the hash of their topic, so that a new topic moves none of the
    others from task to task."""

    def __init__(self, services: TaskServices, config: Config, group: str, number: int, tasks: int) -> None:
        self._services = services
        self._topics = config.texts("topics")
        self._pattern = config.text("topics.regex")
        self._group = group
        self._number, self._tasks = number, tasks
        latest = config.text("consumer.override.auto.offset.reset") == "latest"
        self._reset = LATEST if latest else EARLIEST
        self._positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self._looked_at: float | None = None

    def partitions(self) -> list[TopicPartition]:
        """All that are assigned."""
        return list(self._positions)

    def positions(self) -> dict[TopicPartition, int]:
        """Where to read next, without what is paused."""
        if not self.paused:
            return self._positions
        return {place: at for place, at in self._positions.items() if place not in self.paused}

    def position(self, partition: TopicPartition) -> int:
        """Where to read a partition next."""
        return self._positions[partition]

    def advance(self, partition: TopicPartition, offset: int) -> None:
        """Read on from here."""
        if partition in self._positions:
            self._positions[partition] = offset

    def is_stale(self) -> bool:
        """Whether it is time to look for topics again."""
        return self._looked_at is None or self._services.clock.monotonic() - self._looked_at >= _LOOK_SECONDS

    def expire(self) -> None:
        """Look again at the next occasion."""
        self._looked_at = None

    async def refresh(self) -> tuple[list[TopicPartition], list[TopicPartition]]:
        """Look which partitions there are: (new, gone). Raises `ClusterError`, `LogError`: nothing has changed."""
        cluster = self._services.cluster
        await cluster.refresh()
        self._looked_at = self._services.clock.monotonic()
        wanted = self._wanted()
        new = [place for place in wanted if place not in self._positions]
        gone = [place for place in self._positions if place not in wanted]
        if new:
            self._positions |= await self._starts(new)
        for place in gone:
            del self._positions[place]
            self.paused.discard(place)
        return new, gone

    async def reset_lost(self) -> list[TopicPartition]:
        """Positions that cannot be read any more begin where the group's configuration says: the partitions."""
        lost: list[TopicPartition] = []
        for place, at in list(self._positions.items()):
            try:
                start = await self._services.cluster.list_offset(place, EARLIEST)
                end = await self._services.cluster.list_offset(place, LATEST)
            except (ClusterError, LogError):
                continue
            if not start <= at <= end:
                self._positions[place] = start if self._reset == EARLIEST else end
                lost.append(place)
        self.expire()
        return lost

    async def _starts(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        cluster = self._services.cluster
        known = await cluster.committed(self._group, places)
        return {p: known[p] if p in known else await cluster.list_offset(p, self._reset) for p in places}

    def _wanted(self) -> list[TopicPartition]:
        cluster = self._services.cluster
        out: list[TopicPartition] = []
        for topic in self._names():
            info = cluster.topic(topic)
            count = 0 if info is None else info.partitions
            first = (self._number - crc32(topic.encode())) % self._tasks
            out += [TopicPartition(topic, partition) for partition in range(first, count, self._tasks)]
        return out

    def _names(self) -> list[str]:
        if self._topics:
            return self._topics
        pattern = re.compile(self._pattern)
        topics = self._services.cluster.topics()
        return sorted(
            t
            for t, info in topics.items()
            if pattern.fullmatch(t) and not info.internal and not t.startswith(_INTERNAL)
        )
