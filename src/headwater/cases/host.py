"""The engine that one run of a case gets for itself: on a log in memory, with a wall clock that stands still."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from headwater.cases.stepping import FedRecord, SteppingRuntime
from headwater.cluster.api import Commit
from headwater.cluster.local import LocalCluster
from headwater.core.clock import Clock
from headwater.engine.engine import Engine
from headwater.engine.program import OutputRecord
from headwater.engine.runtime import QueryRuntime
from headwater.engine.settings import EngineSettings
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.log import Log, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.plan.functions import FunctionRegistry
from headwater.wire.records import read_records

SERVER_PROPERTIES: Mapping[str, str] = {
    "ksql.streams.auto.offset.reset": "earliest",
    "ksql.query.pull.table.scan.enabled": "true",
    "ksql.query.pull.stream.enabled": "true",
    "ksql.headers.columns.enabled": "true",
    "ksql.logging.processing.topic.auto.create": "false",
    "ksql.logging.processing.stream.auto.create": "false",
}
"""What cases take for granted of a server."""


class StillClock:
    """The wall clock stands at the time of its creation; waiting takes real time."""

    def __init__(self) -> None:
        self._now_ms = time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        """Always the same."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds of real time."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Suspend for real seconds."""
        await asyncio.sleep(seconds)


class OrderedCluster(LocalCluster):
    """Keeps in `records`, per topic and in one order, what was appended to any of its partitions."""

    def __init__(self, log: Log, offsets: OffsetStore, clock: Clock) -> None:
        super().__init__(log, offsets, clock)
        self.records: defaultdict[str, list[FedRecord]] = defaultdict(list)

    async def commit(self, work: Commit) -> list[int]:
        """As any cluster does."""
        result = await super().commit(work)
        for append in work.appends:
            self.note(
                append.partition.topic,
                [(r.key, r.value, r.timestamp, r.headers) for r in read_records(append.data, 0)],
            )
        return result

    def note(self, topic: str, records: Sequence[OutputRecord]) -> list[FedRecord]:
        """Add to the topic's records alone, not to the log; returns them with their offsets."""
        kept = self.records[topic]
        first = len(kept)
        for key, value, timestamp, headers in records:
            kept.append(FedRecord(key, value, timestamp, tuple(headers), len(kept)))
        return kept[first:]


class Host:
    """An async context manager around an engine. With `stepping`, its queries run only when they are fed."""

    def __init__(
        self, functions: FunctionRegistry, properties: Mapping[str, str] | None = None, *, stepping: bool
    ) -> None:
        self.clock = StillClock()
        self.registry = LocalSchemaRegistry()
        self._log = Log(MemoryStorage(), self.clock)
        self.functions = functions
        self._properties = {**SERVER_PROPERTIES, **(properties or {})}
        self._stepping = stepping
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._log.open()
        self._stack.callback(self._log.close)
        self.cluster = OrderedCluster(self._log, OffsetStore(self._log, self.clock), self.clock)
        await self.cluster.start()
        self.engine = Engine(
            self.cluster,
            self.clock,
            self.functions,
            self.registry,
            EngineSettings(self._properties),
            make_runtime=SteppingRuntime if self._stepping else QueryRuntime,
        )
        self._stack.push_async_callback(self.engine.close)
        await self.engine.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def stepped(self) -> SteppingRuntime:
        """The runtime of a stepping host."""
        runtime = self.engine.runtime
        assert isinstance(runtime, SteppingRuntime)
        return runtime
