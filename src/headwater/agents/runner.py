"""`Runner`: an app at work over a cluster, alone on the embedded log, or as a member of its group on Kafka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from headwater.agents import sharing
from headwater.agents.app import App
from headwater.agents.errors import AgentError
from headwater.agents.outputs import Outputs, tasks_of
from headwater.agents.task import Observer, PartitionTask, Surroundings
from headwater.cluster.api import Cluster
from headwater.cluster.kafka import KafkaCluster
from headwater.cluster.remote.membership import GroupProtocol, Membership
from headwater.core.clock import Clock
from headwater.core.supervisor import Supervised

_LOGGER = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
"""Time between two looks for topics that have come or grown, on the embedded log, where a look costs nothing."""
LOOK_REMOTE_SECONDS = 5.0


class Runner:
    """`start`, later `close`. What goes wrong is logged, shown by `problems`, and tried again after a pause."""

    def __init__(self, app: App, cluster: Cluster, clock: Clock, observer: Observer | None = None) -> None:
        if not app.agents and not app.timers:
            raise AgentError(f"app {app.name} has neither agents nor timers: nothing would run")
        self.app = app
        self.tasks: dict[int, PartitionTask] = {}
        """What runs here, by partition."""
        self._cluster = cluster
        self._clock = clock
        self._outputs = Outputs(app, cluster)
        self._shared = cluster if isinstance(cluster, KafkaCluster) else None
        self._around = Surroundings(app, cluster, clock, self._outputs, observer)
        self._running: list[Supervised] = []
        self._layout: Mapping[str, int] | None = None
        self._watch = Supervised(f"agents of {app.name}", clock, self._look)
        self._member: Membership | None = None
        self._looking = asyncio.Lock()

    @property
    def problems(self) -> list[str]:
        """Why parts of the app do not run now; empty when all do."""
        found = [self._watch, *self._running]
        if self._member is not None:
            found.append(self._member.background)
        return [work.problem for work in found if work.problem is not None]

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._watch.start()

    async def close(self) -> None:
        """Stop all tasks and leave the group. What was not committed will be done again."""
        await self._watch.close()
        await self._part()

    async def settled(self) -> bool:
        """Whether everything there is to read has been read and committed. For tests."""
        await self.look()
        return all(task.caught_up for task in self.tasks.values())

    # Layout

    async def _look(self) -> None:
        await self.look()
        await self._clock.sleep(LOOK_SECONDS if self._shared is None else LOOK_REMOTE_SECONDS)

    async def look(self) -> None:
        """Begin anew if the sources are not as they were. Raises `AgentError`, `ClusterError`, `LogError`."""
        async with self._looking:
            await self._cluster.refresh()
            await self._create_declared()
            await self._arrange()

    async def _arrange(self) -> None:
        layout = self._sources()
        if layout == self._layout:
            return
        self._layout = None  # whatever fails from here on is tried again
        await self._part()
        if layout or not self.app.agents:
            await self._prepare(layout)
            await self._join(layout)
        else:
            names = ", ".join(sorted({agent.source.name for agent in self.app.agents}))
            _LOGGER.warning("App %s waits for topic %s", self.app.name, names)
        self._layout = layout

    def _sources(self) -> dict[str, int]:
        infos = {agent.source.name: self._cluster.topic(agent.source.name) for agent in self.app.agents}
        return {name: info.partitions for name, info in infos.items() if info is not None}

    async def _create_declared(self) -> None:
        for topic in self.app.topics.values():
            if topic.partitions is not None and self._cluster.topic(topic.name) is None:
                await self._outputs.create(topic.name)

    async def _prepare(self, layout: Mapping[str, int]) -> None:
        """The topics of tables and sinks."""
        app, tasks = self.app, tasks_of(self.app, self._cluster)
        if app.tables and len(set(layout.values())) > 1:
            counts = ", ".join(f"{name} {count}" for name, count in sorted(layout.items()))
            raise AgentError(
                f"app {app.name} has tables, whose partitions go with those of the sources, but these have different "
                f"numbers of partitions ({counts}): make them equal, or put the agents into apps of their own"
            )
        for table in app.tables.values():
            info = self._cluster.topic(table.changelog)
            if info is None:
                await self._outputs.create(table.changelog, {"cleanup.policy": "compact"})
            elif info.partitions != tasks:
                raise AgentError(
                    f"table {table.name} of app {app.name} is kept in {info.partitions} partitions (topic "
                    f"{table.changelog}), but the sources have {tasks} now, so keys lie elsewhere: delete that topic "
                    "and let the app begin anew under another name"
                )
        for sink in {sink for agent in app.agents for sink in agent.sinks}:
            if self._cluster.topic(sink) is None:
                await self._outputs.create(sink)

    # Tasks

    def _begin(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            task = self.tasks[number] = PartitionTask(self._around, number)
            work = Supervised(f"agents of {self.app.name}, partition {number}", self._clock, task.round)
            work.start()
            self._running.append(work)

    async def _end(self) -> None:
        running, self._running = self._running, []
        tasks, self.tasks = self.tasks, {}
        await asyncio.gather(*(work.close() for work in running))
        for task in tasks.values():
            await task.close()

    async def _join(self, layout: Mapping[str, int]) -> None:
        count = tasks_of(self.app, self._cluster)
        if self._shared is None:
            self._begin(range(count))
            return

        def assign(members: Mapping[str, Any]) -> Mapping[str, bytes]:
            return sharing.assign(list(members), count, layout)

        protocol = GroupProtocol(
            self.app.name,
            sharing.PROTOCOL_TYPE,
            sharing.PROTOCOL,
            sharing.subscription(list(layout)),
            assign,
            self._assigned,
            self._end,
            session_ms=round(self.app.session_timeout * 1000),
            rebalance_ms=round(self.app.max_poll_interval * 1000),
            polled=self._polled,
        )
        self._member = self._shared.member(protocol)
        self._member.start()

    async def _part(self) -> None:
        """Stop all tasks, and leave the group."""
        member, self._member = self._member, None
        if member is not None:
            await member.close()
        await self._end()

    async def _assigned(self, told: bytes) -> None:
        numbers = sharing.assigned(told)
        _LOGGER.info("App %s has partitions %s here", self.app.name, numbers)
        self._begin(numbers)

    def _polled(self) -> float:
        return min((task.polled for task in self.tasks.values()), default=self._clock.monotonic())
