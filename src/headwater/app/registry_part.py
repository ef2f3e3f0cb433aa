"""The schema registry of a node: its state, its REST door, and on Apache Kafka the election of the one that writes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from headwater.app.doors import RestDoors
from headwater.cluster.api import Cluster
from headwater.core.clock import Clock
from headwater.core.settings import Settings
from headwater.core.supervisor import Supervised
from headwater.http.registry.door import RegistryDoor
from headwater.registry.port import SqlSchemas
from headwater.registry.registry import Registry

TITLE = "the schema registry's REST API"


class RegistryPart:
    """`door` takes further routes (the catalog's) at any time; `port` is None where the door is closed."""

    port: int | None = None
    background: Sequence[Supervised] = ()

    def __init__(self, settings: Settings, cluster: Cluster, clock: Clock, doors: RestDoors) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = AsyncExitStack()
        self.registry = Registry(cluster, clock, settings.registry.max_schema_bytes)
        self.schemas = SqlSchemas(self.registry)
        self._doors = doors
        self.door = RegistryDoor(self.registry, doors.identify_or_node, doors.origins)

    async def start(self, *, listen: bool) -> None:
        """Read the schemas, and open the door if asked. Raises `StartupError`, `ClusterError`, `LogError`."""
        await self.registry.load()
        self._stack.push_async_callback(self.registry.close)
        following = Supervised("schemaRegistry", self._clock, self.registry.follow)
        following.start()
        self._stack.push_async_callback(following.close)
        self.background = [following]
        if listen:
            door = self._doors.listener(TITLE, self.door, self._settings.registry.port, "registry.port")
            await door.start()
            self._stack.push_async_callback(door.close)
            self.port = door.port
            self._elect(door.port)

    def _elect(self, port: int) -> None:
        """A node without a door cannot be asked by others; it writes by itself."""
        if not self._settings.cluster.bootstrap_servers:
            return
        from headwater.app.registry_election import RegistryElection
        from headwater.cluster.kafka import KafkaCluster

        if isinstance(self.registry.cluster, KafkaCluster):
            election = RegistryElection(self.registry, self.registry.cluster, self._settings, port)
            self.background = [*self.background, election.background]
            self._stack.push_async_callback(election.close)
            election.start()

    async def close(self) -> None:
        await self._stack.aclose()
