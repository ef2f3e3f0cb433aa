"""`ConnectRig`: a Connect worker over a log in memory, for tests of connectors; a restart is one call."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from headwater.cluster.api import EARLIEST, Cluster, Commit, TopicPartition, TopicSpec
from headwater.cluster.batches import OutputRecord, Partitioner, appends
from headwater.cluster.local import LocalCluster
from headwater.connect.allowed import Allowed
from headwater.connect.plugins import Plugins
from headwater.connect.spi import Connector
from headwater.connect.worker import Worker, WorkerSettings
from headwater.core.clock import Clock, SystemClock
from headwater.formats.api import SchemaRegistry
from headwater.log import Log, LogSettings, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.wire.records import Record, read_records

PATIENCE_SECONDS = 100.0
"""How long `until` waits: only a broken connector takes so long."""


class ConnectRig:
    """Use it with `async with`. `folder` is where embedded services keep their files.

    `cluster` is given to run over another log than one in memory.
    """

    worker: Worker

    def __init__(
        self,
        folder: Path,
        connectors: Sequence[type[Connector]] = (),
        *,
        cluster: Cluster | None = None,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
        registry: SchemaRegistry | None = None,
        allowed: Allowed | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.plugins = Plugins(connectors)
        self.registry = registry
        self._log: Log | None = None
        self.cluster = cluster or self._in_memory()
        self._settings = WorkerSettings(folder, environment=environment or {}, allowed=allowed or Allowed())

    def _in_memory(self) -> Cluster:
        self._log = Log(MemoryStorage(), self.clock, LogSettings())
        self._log.open()
        offsets = OffsetStore(self._log, self.clock)
        return LocalCluster(self._log, offsets, self.clock)

    async def __aenter__(self) -> Self:
        await self.cluster.start()
        await self._start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.worker.close()
        await self.cluster.close()
        if self._log is not None:
            self._log.close()

    async def _start(self) -> None:
        self.worker = Worker(self.cluster, self.clock, self._settings, self.plugins, self.registry)
        await self.worker.start()

    async def restart(self) -> None:
        """Another worker over the same topics, as after a restart of the node."""
        await self.worker.close()
        await self._start()

    # Connectors

    async def create(self, name: str, config: Mapping[str, str]) -> None:
        """Make a connector and wait until it runs, or rests. Raises `UsageError`; `AssertionError` with the trace if it
        fails."""
        await self.worker.create(name, config)
        await self.running(name)

    async def running(self, name: str) -> None:
        """Wait until the connector and its tasks are out of their beginnings. Raises `AssertionError` if one failed."""

        def settled() -> bool:
            states = self.states(name)
            if "FAILED" in states:
                raise AssertionError(self.trace(name))
            return len(states) > 1 and "UNASSIGNED" not in states and "RESTARTING" not in states

        await self.until(settled, f"{name} to run")

    async def failed(self, name: str) -> str:
        """Wait until the connector or a task has failed; the trace."""
        await self.until(lambda: "FAILED" in self.states(name), f"{name} to fail")
        return self.trace(name)

    def states(self, name: str) -> list[str]:
        """Of the connector, and of its tasks after it."""
        status = self.worker.status(name)
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]

    def trace(self, name: str) -> str:
        """Why it failed, or what is being waited out."""
        status = self.worker.status(name)
        return "\n".join(part["trace"] for part in (status["connector"], *status["tasks"]) if "trace" in part)

    async def until(self, condition: Callable[[], bool | Awaitable[bool]], what: str = "a condition") -> None:
        """Wait for a condition. Raises `AssertionError` after `PATIENCE_SECONDS`."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            if time.monotonic() > end:
                states = {name: (self.states(name), self.trace(name)) for name in self.worker.names()}
                raise AssertionError(f"Waited {PATIENCE_SECONDS:g} s for {what}; connectors: {states}")
            await asyncio.sleep(0.005)

    # Topics

    async def topic(self, name: str, partitions: int = 1) -> None:
        """Make a topic."""
        await self.cluster.create_topics([TopicSpec(name, partitions)])

    async def produce(self, topic: str, records: Iterable[tuple[Any, Any]]) -> None:
        """Write (key, value) pairs: bytes as they are, None as null, anything else as JSON. The topic is made if
        missing."""
        if self.cluster.topic(topic) is None:
            await self.topic(topic)
        info = self.cluster.topic(topic)
        now = self.clock.now_ms()
        outputs: list[OutputRecord] = [(_payload(key), _payload(value), now, ()) for key, value in records]
        parts = Partitioner(1 if info is None else info.partitions).split(outputs)
        await self.cluster.commit(Commit([a for index, part in parts for a in appends(topic, index, part)]))

    async def records(self, topic: str) -> list[Record]:
        """All records of a topic, partition by partition; none if there is no such topic."""
        info = self.cluster.topic(topic)
        out: list[Record] = []
        for partition in range(0 if info is None else info.partitions):
            place = TopicPartition(topic, partition)
            at = await self.cluster.list_offset(place, EARLIEST)
            while fetched := await self.cluster.fetch({place: at}):
                out += read_records(fetched[0].data, at)
                at = fetched[0].next_offset
        return out

    async def values(self, topic: str) -> list[Any]:
        """The values of a topic's records, as JSON."""
        return [None if record.value is None else json.loads(record.value) for record in await self.records(topic)]


def _payload(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
