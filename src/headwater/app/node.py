"""`Node`: one Headwater process, built from its settings: log or Kafka, broker, SQL engine, listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from headwater.app.access import address
from headwater.app.security import NodeSecurity, broker_settings
from headwater.broker.access import Access
from headwater.broker.broker import Broker
from headwater.cluster.api import Cluster
from headwater.cluster.local import LocalCluster
from headwater.core.clock import Clock, SystemClock
from headwater.core.metrics import Metric
from headwater.core.settings import LogSettings as LogPart
from headwater.core.settings import Settings
from headwater.core.supervisor import Supervised
from headwater.log import DiskStorage, FsyncPolicy, Log, LogSettings, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.log.slices import next_turn

if TYPE_CHECKING:
    from headwater.app.catalog_part import CatalogPart
    from headwater.app.doors import RestDoors
    from headwater.engine.engine import Engine

LISTENERS = frozenset({"kafka", "ksqldb", "registry", "connect", "console"})
"""Everything a node can listen with, by the names of its endpoints."""


@dataclass(frozen=True)
class Endpoint:
    """Where something listens: `kafka`, `127.0.0.1:9092`."""

    name: str
    address: str


class Node:
    """Starts in the order in which parts need each other, binding ports before replaying anything, and stops in
    reverse. What has been started when something fails is stopped again.

    Only the `listeners` named are opened; without any the node can be used through its `engine` and `cluster` alone.
    """

    cluster: Cluster
    """Where topics are; from `start` on."""
    engine: Engine
    """The SQL side; from `start` on."""
    security: NodeSecurity
    """Keys, listeners, certificates; from `start` on."""
    access: Access
    """Who may come in and do what, at every door; from `start` on."""
    _doors: RestDoors

    def __init__(self, settings: Settings, clock: Clock | None = None, listeners: Collection[str] = LISTENERS) -> None:
        self.settings = settings
        self.listeners = frozenset(listeners)
        self.endpoints: list[Endpoint] = []
        """What accepts connections; filled by `start`."""
        self._more_metrics: list[Callable[[], Iterator[Metric]]] = []
        self._clock = clock or SystemClock()
        self._stack = AsyncExitStack()
        self._background: list[Supervised] = []
        self._catalog: CatalogPart | None = None
        self._broker: Broker | None = None
        """Of the embedded log."""

    async def start(self) -> None:
        """Start everything. Raises `ConfigError` or `StartupError`; nothing runs then."""
        self.security = NodeSecurity(self.settings, self._clock)
        try:
            self.cluster = await (self._remote() if self.settings.cluster.bootstrap_servers else self._embedded())
            for work in self.security.background():
                self._supervise(work)
            await self._sql(self.cluster)
            if "connect" in self.listeners:
                await self._connect(self.cluster)
            if self.settings.agents.modules:
                await self._agents(self.cluster)
            await self._console()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop everything: listeners first, the log last. Queries make a last commit."""
        await self._stack.aclose()

    async def _remote(self) -> Cluster:
        from headwater.cluster.kafka import KafkaCluster

        self.access = Access(self.security.keys, required=self.security.login_required)
        cluster = KafkaCluster(self.settings.cluster, self._clock)
        await cluster.start()
        self._stack.push_async_callback(cluster.close)
        return cluster

    async def _embedded(self) -> Cluster:
        node = self.settings.node
        storage = MemoryStorage() if node.memory else DiskStorage(node.data)
        log = Log(storage, self._clock, log_settings(self.settings.log))
        log.open()
        self._stack.callback(log.close)
        offsets = OffsetStore(log, self._clock)
        offsets.load()
        cluster = LocalCluster(log, offsets, self._clock, load_offsets=False)
        await cluster.start()
        self._stack.push_async_callback(cluster.close)
        await self._kafka(log, offsets)
        self._supervise(Supervised("logMaintenance", self._clock, partial(self._maintain, log)))
        return cluster

    def _supervise(self, work: Supervised) -> None:
        work.start()
        self._stack.push_async_callback(work.close)
        self._background.append(work)

    async def _kafka(self, log: Log, offsets: OffsetStore) -> None:
        broker = Broker(
            log,
            self._clock,
            broker_settings(self.settings.kafka),
            offsets=offsets,
            verifier=self.security.keys,
            login_required=self.security.login_required,
            tokens=self.security.tokens,
        )
        await broker.start()
        self._stack.push_async_callback(broker.close)
        self._broker = broker
        self.access = broker.access
        if "kafka" not in self.listeners:
            return
        for listener, opened in self.security.kafka_listeners(broker):
            await opened.start()
            self._stack.push_async_callback(opened.close)
            self.endpoints.append(Endpoint(listener.endpoint, address(listener.host, opened.port)))

    async def _sql(self, cluster: Cluster) -> None:
        # Importing it takes most of a start's time. Kafka's clients are served meanwhile, as they would not be if
        # this thread did it.
        await asyncio.to_thread(import_module, "headwater.app.sql_part")
        from headwater.app.doors import RestDoors
        from headwater.app.sql_part import SqlPart

        self._doors = RestDoors(self.settings, self.access, self._clock, self.security.rest_tls())
        part = SqlPart(self.settings, cluster, self._clock, self._doors, self._broker)
        self._stack.push_async_callback(part.close)
        self.engine = await part.start(
            self._background, listen="ksqldb" in self.listeners, open_registry="registry" in self.listeners
        )
        if part.port is not None:
            self.endpoints.append(Endpoint("ksqldb", self._doors.url(part.port)))
        kafka = next((endpoint.address for endpoint in self.endpoints if endpoint.name == "kafka"), None)
        self._catalog = part.catalog
        part.catalog.platform.bootstrap = kafka or self.settings.cluster.bootstrap_servers or "127.0.0.1:9092"
        if part.registry is not None and part.registry.port is not None:
            registry = self._doors.url(part.registry.port)
            self.endpoints.append(Endpoint("registry", registry))

    async def _connect(self, cluster: Cluster) -> None:
        await asyncio.to_thread(import_module, "headwater.app.connect_part")
        from headwater.app.connect_part import ConnectPart

        part = ConnectPart(self.settings, cluster, self._clock, self._doors, self.engine.registry, self.engine.connect)
        self._stack.push_async_callback(part.close)
        await part.start(listen=True)
        self._more_metrics.append(part.metrics)
        if self._catalog is not None:
            from headwater.app.connector_facts import connector_facts

            self._catalog.platform.read_connectors = partial(connector_facts, part.worker, cluster)
        if part.port is not None:
            self.endpoints.append(Endpoint("connect", self._doors.url(part.port)))

    async def _agents(self, cluster: Cluster) -> None:
        await asyncio.to_thread(import_module, "headwater.app.agents_part")
        from headwater.app.agents_part import AgentsPart

        part = AgentsPart(self.settings.agents.modules, cluster, self._clock, self._broker)
        self._stack.push_async_callback(part.close)
        part.start()

    async def _console(self) -> None:
        if "console" not in self.listeners:
            return
        from headwater.app.console_part import ConsolePart

        listening = {endpoint.name: endpoint.address for endpoint in self.endpoints}
        part = ConsolePart(self.settings, self._doors, lambda: listening, self.engine, self._broker, self._more_metrics)
        await part.start()
        self._stack.push_async_callback(part.close)
        self.endpoints.append(Endpoint("console", self._doors.url(part.port)))

    async def _maintain(self, log: Log) -> None:
        await self._clock.sleep(self.settings.node.maintenance_interval_ms / 1000)
        for _ in log.maintenance_steps():
            await next_turn()


def log_settings(part: LogPart) -> LogSettings:
    """What the log takes, from the node's settings."""
    return LogSettings(
        fsync=FsyncPolicy(part.fsync),
        fsync_interval_ms=part.fsync_interval_ms,
        checkpoint_interval_ms=part.checkpoint_interval_ms,
        retention_check_interval_ms=part.retention_check_interval_ms,
        max_partitions_per_topic=part.max_partitions_per_topic,
        max_partitions=part.max_partitions,
        topic_defaults=part.topic_defaults,
    )
