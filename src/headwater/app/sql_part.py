"""The SQL side of a node: schemas, engine, ksqlDB's REST API. Imported when the Kafka listener already serves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from headwater.app.access import address
from headwater.app.catalog_part import CatalogPart
from headwater.app.doors import RestDoors
from headwater.app.outside_groups import OutsideGroups
from headwater.app.registry_part import RegistryPart
from headwater.broker.broker import Broker
from headwater.cluster.api import Cluster
from headwater.core.clock import Clock
from headwater.core.errors import ConfigError
from headwater.core.settings import Settings
from headwater.core.supervisor import Supervised
from headwater.engine.engine import Engine
from headwater.engine.properties import PropertyError, check_server_property
from headwater.engine.settings import EngineSettings
from headwater.http.catalog.door import CatalogDoor
from headwater.http.server import KsqlServer
from headwater.plan.functions.extensions import all_functions
from headwater.registry.port import SqlSchemas
from headwater.registry.validation import RecordValidation

_PROCESSING_LOG = {
    "ksql.logging.processing.topic.auto.create": "true",
    "ksql.logging.processing.stream.auto.create": "true",
}
"""Of a server, as ksqlDB's own server file has it: KSQL_PROCESSING_LOG tells why a record was skipped."""


class SqlPart:
    """Starts the engine over a cluster and, if asked, its listener; `port` is then known."""

    port: int | None = None

    catalog: CatalogPart
    """From `start` on."""

    def __init__(
        self, settings: Settings, cluster: Cluster, clock: Clock, doors: RestDoors, broker: Broker | None = None
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._cluster = cluster
        self._clock = clock
        self._doors = doors
        self._stack = AsyncExitStack()
        self.registry: RegistryPart | None = None
        """From `start` on."""

    async def start(self, background: Sequence[Supervised], *, listen: bool, open_registry: bool = False) -> Engine:
        """The engine, its statements replayed; `background` is what else its health check reports on.

        Raises `ConfigError`, `StartupError`.
        """
        ksql, host = self._settings.ksql, self._settings.node.host
        for name, value in ksql.properties.items():
            try:
                check_server_property(name, value)
            except PropertyError as error:
                raise ConfigError(f"ksql.properties: {error}") from error
        defaults = _PROCESSING_LOG if listen else {}
        settings = EngineSettings(
            properties={"ksql.service.id": ksql.service_id, **defaults, **ksql.properties},
            advertised=address(host, ksql.port),
        )
        functions = all_functions(*filter(None, [ksql.extensions or ksql.properties.get("ksql.extension.dir")]))
        engine = Engine(self._cluster, self._clock, functions, await self._schemas(open_registry), settings)
        engine.background += [*background, *(self.registry.background if self.registry is not None else ())]
        self._stack.push_async_callback(engine.close)
        if self._broker is not None:  # a foreign record in it would stop the node's next start
            self._broker.reserved_topics.add(settings.command_topic)
        if listen:
            server = KsqlServer(engine, host, ksql.port, self._doors.identify, ksql.max_request_bytes, self._doors.tls)
            await server.start()
            self._stack.push_async_callback(server.close)
            self.port = server.port
        await self._open_catalog(engine)
        # The listener answers "not ready" until the engine has replayed its statements.
        await engine.start()
        return engine

    async def _open_catalog(self, engine: Engine) -> None:
        """Before the first statement, which its rules may refuse."""
        outside = OutsideGroups(self._settings.cluster, self._clock) if self._broker is None else None
        self.catalog = CatalogPart(engine, self._broker, self._clock, outside=outside)
        await self.catalog.start()
        self._stack.push_async_callback(self.catalog.close)
        if outside is not None:
            outside.background.start()
            self._stack.push_async_callback(outside.background.close)
            engine.background.append(outside.background)
        engine.background.append(self.catalog.governance.catalog.sweeping)
        if self.registry is not None:
            door = CatalogDoor(self.catalog.governance, self._doors.identify, self._doors.origins)
            self.registry.door.share(door)

    async def close(self) -> None:
        await self._stack.aclose()

    async def _schemas(self, listen: bool) -> SqlSchemas:
        self.registry = RegistryPart(self._settings, self._cluster, self._clock, self._doors)
        self._stack.push_async_callback(self.registry.close)
        await self.registry.start(listen=listen)
        if self._broker is not None:
            self._broker.record_check = RecordValidation(self.registry.registry)
        return self.registry.schemas
