"""A REST server over a SQL node in memory, on a real socket, and clients for both versions of HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from headwater.http.server import KsqlServer
from tests.engine.sql_node import SqlNode, sql_node


@dataclass
class RestServer:
    """`http1` and `http2` are clients; the second speaks HTTP/2 with prior knowledge."""

    node: SqlNode
    server: KsqlServer
    http1: httpx.AsyncClient
    http2: httpx.AsyncClient

    async def ksql(self, text: str, **members: object) -> list[dict[str, Any]]:
        """POST /ksql, which must succeed."""
        response = await self.http1.post("/ksql", json={"ksql": text, **members})
        assert response.status_code == 200, response.text
        entities: list[dict[str, Any]] = response.json()
        return entities


@asynccontextmanager
async def rest_server(properties: Mapping[str, str] | None = None) -> AsyncIterator[RestServer]:
    """A started server."""
    async with sql_node(properties=properties) as node:
        server = KsqlServer(node.engine, port=0)
        await server.start()
        base = f"http://127.0.0.1:{server.port}"
        async with (
            httpx.AsyncClient(base_url=base, timeout=60, verify=False) as http1,
            httpx.AsyncClient(base_url=base, timeout=60, verify=False, http1=False, http2=True) as http2,
        ):
            try:
                yield RestServer(node, server, http1, http2)
            finally:
                await server.close()
