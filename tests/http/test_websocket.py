"""Queries over a WebSocket, with a client of another make."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from headwater.engine.continuation import token_of
from tests.http.rest_server import RestServer, rest_server
from tests.http.test_rest import EARLIEST, ORDERS, ROWS, SCALABLE, TOKENS


@pytest.fixture
async def rest() -> AsyncIterator[RestServer]:
    async with rest_server() as running:
        await running.ksql(ORDERS + ROWS)
        yield running


async def frames(rest: RestServer, request: object) -> tuple[list[Any], int | None, str]:
    """All frames, the close code and the reason."""
    text = request if isinstance(request, str) else json.dumps(request)
    address = f"ws://127.0.0.1:{rest.server.port}/ws/query?version=1&request={quote(text)}"
    received = []
    async with connect(address) as socket:
        try:
            while True:
                received.append(json.loads(await socket.recv()))
        except ConnectionClosed:
            return received, socket.close_code, socket.close_reason or ""


async def test_rows_come_one_per_frame_after_the_schema(rest: RestServer) -> None:
    request = {"ksql": "SELECT id, item FROM orders EMIT CHANGES LIMIT 2;", "streamsProperties": EARLIEST}
    received, code, _ = await frames(rest, request)
    schema, *rows = received
    assert [(field["name"], field["schema"]["type"]) for field in schema] == [("ID", "INTEGER"), ("ITEM", "STRING")]
    assert rows == [
        {"row": {"columns": [1, "tea"]}},
        {"row": {"columns": [2, None]}},
        {"finalMessage": "Limit Reached"},
        {"error": "done"},
    ]
    assert code == 1000


async def test_a_query_goes_on_from_a_token_or_is_refused() -> None:
    token = {"request.ksql.query.push.continuation.token": token_of([0])}
    request = {
        "ksql": "SELECT item FROM fed EMIT CHANGES LIMIT 1;",
        "streamsProperties": TOKENS,
        "requestProperties": token,
    }
    async with rest_server(SCALABLE) as rest:
        await rest.ksql(ORDERS + "CREATE STREAM fed AS SELECT * FROM orders;" + ROWS)
        await rest.node.settle()
        received, _, _ = await frames(rest, request)
        assert received[1] == {"row": {"columns": ["tea"]}}
        received, code, _ = await frames(rest, {**request, "streamsProperties": {}})
        assert list(received[0]) == ["error"]
        assert code == 1003


async def test_a_topic_can_be_printed(rest: RestServer) -> None:
    received, code, _ = await frames(rest, {"ksql": "PRINT orders FROM BEGINNING LIMIT 1;"})
    assert received[0].startswith("Key format: ")
    assert "value: {" in received[-2]
    assert code == 1000


async def test_bad_requests_close_with_the_reason(rest: RestServer) -> None:
    long_name = "x" * 200
    for request in ({"ksql": f"SELECT * FROM {long_name} EMIT CHANGES;"}, "{", {"ksql": "SHOW STREAMS;"}):
        received, code, reason = await frames(rest, request)
        assert list(received[0]) == ["error"]
        assert code == 1003
        assert received[0]["error"].startswith(reason)
        assert len(reason.encode()) <= 123


async def test_a_client_that_leaves_ends_its_query(rest: RestServer) -> None:
    request = quote(json.dumps({"ksql": "SELECT id FROM orders EMIT CHANGES;"}))
    async with connect(f"ws://127.0.0.1:{rest.server.port}/ws/query?request={request}") as socket:
        await socket.recv()
        assert len((await rest.ksql("SHOW QUERIES;"))[0]["queries"]) == 1
    while (await rest.ksql("SHOW QUERIES;"))[0]["queries"]:
        pass
