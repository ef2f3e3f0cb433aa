"""A SQL engine over an embedded log in memory, for tests; it can be restarted on what it has written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from headwater.cluster.api import EARLIEST, TopicPartition, TopicSpec
from headwater.cluster.local import LocalCluster
from headwater.core.clock import Clock, SystemClock
from headwater.engine.engine import Engine
from headwater.engine.entities import encode
from headwater.engine.results import RowResult
from headwater.engine.settings import EngineSettings
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.log import Log, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.plan.functions import builtin_functions
from headwater.wire.records import Record, read_records

EARLIEST_RESET = {"auto.offset.reset": "earliest"}


class SqlNode:
    """`engine` runs on `cluster`; `restart` closes the engine and starts another one on the same log."""

    def __init__(
        self,
        clock: Clock | None = None,
        properties: Mapping[str, str] | None = None,
        cluster: type[LocalCluster] = LocalCluster,
    ) -> None:
        self.clock = clock or SystemClock()
        self.settings = EngineSettings(properties=dict(properties or {}))
        self.registry = LocalSchemaRegistry()
        self.log = Log(MemoryStorage(), self.clock)
        self.log.open()
        self.cluster = cluster(self.log, OffsetStore(self.log, self.clock), self.clock)
        self.engine = self._new_engine()

    def _new_engine(self) -> Engine:
        return Engine(self.cluster, self.clock, builtin_functions(), self.registry, self.settings)

    async def restart(self) -> None:
        await self.engine.close()
        self.engine = self._new_engine()
        await self.engine.start()

    async def create_topic(self, name: str, partitions: int = 1) -> None:
        await self.cluster.create_topics([TopicSpec(name, partitions)])

    async def run(self, text: str, properties: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        """The entities of a script, as REST clients see them."""
        entities: list[dict[str, Any]] = msgspec.json.decode(encode(await self.engine.execute(text, properties)))
        return entities

    async def messages(self, text: str, properties: Mapping[str, object] | None = None) -> list[str]:
        """The commands' messages."""
        return [entity["commandStatus"]["message"] for entity in await self.run(text, properties)]

    async def select(self, text: str, properties: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """All rows of a SELECT that ends."""
        result = await self.engine.query(text, properties or EARLIEST_RESET)
        assert isinstance(result, RowResult)
        rows = [row.values async for batch in result for row in batch]
        await result.close()
        return rows

    async def records(self, topic: str) -> Sequence[Record]:
        """What is in a topic, partition by partition."""
        found: list[Record] = []
        info = self.cluster.topic(topic)
        for partition in range(info.partitions if info is not None else 0):
            place = TopicPartition(topic, partition)
            position = await self.cluster.list_offset(place, EARLIEST)
            while fetched := await self.cluster.fetch({place: position}):
                found += read_records(fetched[0].data, position)
                position = fetched[0].next_offset
        return found

    async def settle(self) -> None:
        await self.engine.runtime.settle()


@asynccontextmanager
async def sql_node(
    clock: Clock | None = None,
    properties: Mapping[str, str] | None = None,
    cluster: type[LocalCluster] = LocalCluster,
) -> AsyncIterator[SqlNode]:
    """A started node, closed at the end."""
    node = SqlNode(clock, properties, cluster)
    await node.cluster.start()
    try:
        await node.engine.start()
        yield node
    finally:
        await node.engine.close()
        await node.cluster.close()
        node.log.close()
