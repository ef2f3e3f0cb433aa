"""The stream agents of a node: the apps that its settings name, and what lineage learns of them."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.agents.app import App
from headwater.agents.loading import load_app
from headwater.agents.runner import Runner
from headwater.broker.broker import Broker
from headwater.cluster.api import Append, Cluster
from headwater.core.clock import Clock
from headwater.core.errors import ConfigError
from headwater.wire.records import batch_headers


class AgentsPart:
    """`start` after the SQL engine; `close` before it. Raises `ConfigError` for an app that cannot be loaded."""

    def __init__(self, modules: str, cluster: Cluster, clock: Clock, broker: Broker | None) -> None:
        apps = [load_app(target) for part in modules.split(",") if (target := part.strip())]
        twice = {app.name for app in apps if sum(other.name == app.name for other in apps) > 1}
        if twice:
            raise ConfigError(f"two apps of agents.modules are called {', '.join(sorted(twice))}: names are groups")
        self.runners = [Runner(app, cluster, clock, None if broker is None else Observed(app, broker)) for app in apps]

    def start(self) -> None:
        """Begin, in the running event loop."""
        for runner in self.runners:
            runner.start()

    async def close(self) -> None:
        """Stop all apps."""
        for runner in self.runners:
            await runner.close()


class Observed:
    """Tells the broker what an app inside the node moves, as if it had come over the wire: as its group, and as a
    client of its name."""

    def __init__(self, app: App, broker: Broker) -> None:
        self._name = app.name
        self._seen = broker.observation

    def committed(self, topics: Sequence[str], appends: Sequence[Append]) -> None:
        """See `agents.task.Observer`."""
        self._seen.committed(self._name, self._name, topics)
        for append in appends:
            count = sum(header.record_count for header in batch_headers(append.data))
            self._seen.produced(self._name, append.partition.topic, len(append.data), count)
