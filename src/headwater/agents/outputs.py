"""From what agents put out to record batches of partitions; topics that are missing are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headwater.agents.app import App
from headwater.cluster.api import Append, Cluster, TopicSpec
from headwater.cluster.batches import OutputRecord, Partitioner, appends
from headwater.core.errors import TopicExistsError


class Outputs:
    """Shared by the tasks of an app."""

    def __init__(self, app: App, cluster: Cluster) -> None:
        self._app = app
        self._cluster = cluster
        self._partitioners: dict[str, Partitioner] = {}

    async def appends(self, records: Mapping[str, Sequence[OutputRecord]]) -> list[Append]:
        """Batches of records by topic: keys go to the partitions where Java's clients would put them."""
        made: list[Append] = []
        for topic, of_topic in records.items():
            partitioner = await self._partitioner(topic)
            for partition, part in partitioner.split(of_topic):
                made += appends(topic, partition, part)
        return made

    def changes(self, changelog: str, partition: int, records: Sequence[OutputRecord]) -> list[Append]:
        """Batches of a table's changes."""
        return appends(changelog, partition, records) if records else []

    async def _partitioner(self, topic: str) -> Partitioner:
        info = self._cluster.topic(topic)
        if info is None:
            await self.create(topic)
            info = self._cluster.topic(topic)
        count = 1 if info is None else info.partitions
        known = self._partitioners.get(topic)
        if known is None or known.partitions != count:
            known = self._partitioners[topic] = Partitioner(count)
        return known

    async def create(self, topic: str, configs: Mapping[str, str] | None = None) -> None:
        """Make a topic that is not there, as it was declared or with as many partitions as the app has tasks."""
        declared = self._app.topics.get(topic)
        partitions = (declared.partitions if declared is not None else None) or tasks_of(self._app, self._cluster)
        try:
            await self._cluster.create_topics([TopicSpec(topic, partitions, configs=configs or {})])
        except TopicExistsError:
            await self._cluster.refresh()


def tasks_of(app: App, cluster: Cluster) -> int:
    """How many partitions an app has: those of its widest source; 1 for one that has only timers."""
    infos = [cluster.topic(agent.source.name) for agent in app.agents]
    return max((info.partitions for info in infos if info is not None), default=1)
