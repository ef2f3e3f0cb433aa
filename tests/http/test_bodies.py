"""Requests that are too large are refused, however they say so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from headwater.http.server import KsqlServer
from tests.engine.sql_node import sql_node

LIMIT = 2_000
SHOW = {"ksql": "SHOW STREAMS;"}


@pytest.fixture(params=[1, 2])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    async with sql_node() as node:
        await node.run("CREATE STREAM s (v STRING) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        server = KsqlServer(node.engine, port=0, max_request_bytes=LIMIT)
        await server.start()
        base, http2 = f"http://127.0.0.1:{server.port}", request.param == 2
        async with httpx.AsyncClient(base_url=base, http1=not http2, http2=http2, timeout=60) as opened:
            yield opened
        await server.close()


def padded(size: int) -> bytes:
    return json.dumps(SHOW).encode().ljust(size)


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 500):
        yield body[at : at + 500]


@pytest.mark.parametrize("path", ["/ksql", "/query", "/query-stream", "/close-query", "/heartbeat"])
async def test_a_body_above_the_limit_is_answered_413(client: httpx.AsyncClient, path: str) -> None:
    for content in (padded(LIMIT + 1), chunks(padded(LIMIT + 1)), padded(300_000)):
        response = await client.post(path, content=content)
        assert (response.status_code, response.json()["error_code"]) == (413, 41300)
        assert "ksql.max_request_bytes" in response.json()["message"]
    assert (await client.post("/ksql", content=padded(LIMIT))).status_code == 200
    assert (await client.post("/ksql", content=chunks(padded(LIMIT)))).status_code == 200


def insert_lines(sizes: list[int]) -> Iterator[bytes]:
    yield b'{"target":"S"}\n'
    for size in sizes:
        yield json.dumps({"V": "x" * size}).encode() + b"\n"


async def test_inserted_rows_are_limited_one_by_one(client: httpx.AsyncClient) -> None:
    if (await client.get("/info")).http_version != "HTTP/2":
        pytest.skip("/inserts-stream needs HTTP/2")

    async def body() -> AsyncIterator[bytes]:
        for line in insert_lines([LIMIT - 100] * 5 + [2 * LIMIT, 1]):
            async for chunk in chunks(line):
                yield chunk

    response = await client.post("/inserts-stream", content=body())
    *acknowledged, refused = [json.loads(line) for line in response.text.splitlines()]
    assert [item["status"] for item in acknowledged] == ["ok"] * 5
    assert refused["error_code"] == 41300
