"""The console's port of a node: metrics of every part, and what listens where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from headwater.app.doors import RestDoors
from headwater.broker.broker import Broker
from headwater.broker.metrics import broker_metrics
from headwater.core.metrics import Metric
from headwater.core.settings import Settings
from headwater.engine.engine import Engine
from headwater.engine.metrics import engine_metrics
from headwater.http.operations import OperationsDoor


class ConsolePart:
    """`broker` is None on a Kafka cluster. `port` is known after `start`."""

    def __init__(
        self,
        settings: Settings,
        doors: RestDoors,
        endpoints: Callable[[], Mapping[str, str]],
        engine: Engine,
        broker: Broker | None,
        more_metrics: Sequence[Callable[[], Iterator[Metric]]] = (),
    ) -> None:
        self._more_metrics = more_metrics
        self._engine = engine
        self._broker = broker
        door = OperationsDoor(self._metrics, endpoints, doors.identify, doors.origins)
        self._listener = doors.listener("the console", door, settings.console.port, "console.port")

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self) -> None:
        """Raises `StartupError` if the port is in use."""
        await self._listener.start()

    async def close(self) -> None:
        await self._listener.close()

    def _metrics(self) -> Iterator[Metric]:
        if self._broker is not None:
            yield from broker_metrics(self._broker)
        yield from engine_metrics(self._engine)
        for of_part in self._more_metrics:
            yield from of_part()
