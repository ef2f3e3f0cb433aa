"""The connectors of a node: the worker, its REST door, and the port through which SQL drives it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from headwater.app.access import address, advertised_url, is_loopback
from headwater.app.doors import RestDoors
from headwater.app.sql_connectors import SqlConnectors
from headwater.cluster.api import Cluster
from headwater.connect.allowed import Allowed
from headwater.connect.metrics import connect_metrics
from headwater.connect.plugins import Plugins
from headwater.connect.worker import Worker, WorkerSettings
from headwater.core.clock import Clock
from headwater.core.metrics import Metric
from headwater.core.settings import Settings
from headwater.core.supervisor import Supervised
from headwater.engine.connectors import ConnectPort
from headwater.formats.api import SchemaRegistry
from headwater.http.connect.door import ConnectDoor

TITLE = "Kafka Connect's REST API"


class ConnectPart:
    """`port` is None where the door is closed."""

    port: int | None = None
    background: Sequence[Supervised] = ()

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        clock: Clock,
        doors: RestDoors,
        registry: SchemaRegistry | None = None,
        sql: ConnectPort | None = None,
        plugins: Plugins | None = None,
    ) -> None:
        self._port = sql
        self._cluster = cluster
        self._clock = clock
        self._settings = settings
        self._stack = AsyncExitStack()
        self._doors = doors
        host = settings.node.host
        part = settings.connect
        allowed = Allowed.of(part.allowed_paths, part.allowed_variables, trusted=is_loopback(host))
        told = WorkerSettings(
            self._folder(), address(host, part.port), environment=dict(os.environ), allowed=allowed
        )  # fmt: skip
        self.worker = Worker(cluster, clock, told, plugins, registry)

    async def start(self, *, listen: bool) -> None:
        """Open the door if asked, and start the connectors. Raises `StartupError`, `ClusterError`, `LogError`."""
        host = self._settings.node.host
        if listen:
            door = ConnectDoor(self.worker, self._doors.identify, self._doors.origins)
            listener = self._doors.listener(TITLE, door, self._settings.connect.port, "connect.port")
            await listener.start()
            self._stack.push_async_callback(listener.close)
            self.port = listener.port
            self.worker.settings = replace(self.worker.settings, worker_id=address(host, listener.port))
        if self._port is not None:
            self._port.worker = SqlConnectors(self.worker)
        if self.port is None or not await self._elect(self.port):
            await self.worker.start()
        self._stack.push_async_callback(self.worker.close)

    async def _elect(self, port: int) -> bool:
        """Whether there is an election: among all nodes on one Apache Kafka."""
        if not self._settings.cluster.bootstrap_servers:
            return False
        from headwater.app.connect_election import ConnectElection
        from headwater.cluster.kafka import KafkaCluster

        if not isinstance(self._cluster, KafkaCluster):
            return False
        url = advertised_url(
            self._settings.connect.advertised_url, self._settings.node.host, port, self._settings.tls.rest_scheme
        )
        election = ConnectElection(self.worker, self._cluster, url)
        self.background = [election.background]
        self._stack.push_async_callback(election.close)
        await election.start()
        return True

    def metrics(self) -> Iterator[Metric]:
        """Of all connectors."""
        return connect_metrics(self.worker)

    async def close(self) -> None:
        await self._stack.aclose()

    def _folder(self) -> Path:
        """Where embedded services keep their files: as set, beside the log, or gone with the process."""
        if self._settings.connect.services:
            return Path(self._settings.connect.services)
        if not self._settings.node.memory:
            return self._settings.node.data / "services"
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="headwater-services-")))
