"""A SQL node with a broker, a catalog and the catalog's REST door, all in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from headwater.app.catalog_part import CatalogPart
from headwater.broker.broker import Broker
from headwater.catalog.platform import ConnectorFact
from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.core.clock import Clock
from headwater.http.catalog.door import CatalogDoor
from headwater.wire.records import build_batch
from tests.engine.sql_node import EARLIEST_RESET, SqlNode, sql_node

EXAMPLES = Path(__file__).parents[2] / "examples"


class CatalogNode:
    """`http` speaks to the catalog's routes; `connectors` is what a Connect worker would report."""

    def __init__(self, sql: SqlNode) -> None:
        self.sql = sql
        self.connectors: list[ConnectorFact] = []
        self.broker = Broker(sql.log, sql.clock, offsets=sql.cluster._offsets)
        self.part = self._part()
        self.http = self._client()

    def _part(self) -> CatalogPart:
        return CatalogPart(self.sql.engine, self.broker, self.sql.clock, connectors=lambda: self.connectors)

    def _client(self) -> httpx.AsyncClient:
        app = CatalogDoor(self.part.governance)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://catalog/catalog/v1")

    async def restart(self) -> None:
        """The SQL side and the catalog begin again with what their topics hold."""
        await self.part.close()
        await self.sql.restart()
        self.part = self._part()
        await self.part.start()
        self.http = self._client()

    async def script(self, *path: str, reset: dict[str, str] | None = None) -> None:
        """Run a file of the examples."""
        await self.sql.run(EXAMPLES.joinpath(*path).read_text(), EARLIEST_RESET if reset is None else reset)

    async def produce(self, topic: str, client: str, *values: bytes) -> None:
        """Records as if a client had sent them over the wire."""
        batch = build_batch([(None, value, self.sql.clock.now_ms(), ()) for value in values])
        await self.sql.cluster.commit(Commit([Append(TopicPartition(topic, 0), batch)]))
        self.broker.observation.produced(client, topic, len(batch), len(values))

    async def get(self, path: str, status: int = 200, /, **params: Any) -> Any:
        """A GET that must be answered so."""
        return _body(await self.http.get(path, params=params or None), status)

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        return _body(await self.http.post(path, json=body), status)

    async def put(self, path: str, body: Any, status: int = 200) -> Any:
        return _body(await self.http.put(path, json=body), status)

    async def delete(self, path: str, status: int = 204) -> Any:
        return _body(await self.http.delete(path), status)

    def topic_name(self, topic: str) -> str:
        """As a client that provisioned registry and cluster elsewhere calls a topic."""
        return f"lsrc-abc123:lkc-xyz789:{topic}"


def _body(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, f"{response.status_code} {response.text}"
    return response.json() if response.content else None


def errors(answers: Sequence[dict[str, Any]]) -> list[int | None]:
    """The error code of each item of a bulk request."""
    return [answer["error"]["error_code"] if "error" in answer else None for answer in answers]


@asynccontextmanager
async def catalog_node(clock: Clock | None = None) -> AsyncIterator[CatalogNode]:
    """A started node."""
    async with sql_node(clock) as sql:
        node = CatalogNode(sql)
        await node.broker.start()
        await node.part.start()
        try:
            yield node
        finally:
            await node.part.close()
            await node.broker.close()
