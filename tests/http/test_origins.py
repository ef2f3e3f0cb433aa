"""Web pages of other origins cannot drive a node."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
from starlette.responses import PlainTextResponse
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from headwater.app.doors import RestDoors
from headwater.broker.access import Access
from headwater.core.settings import KsqlSettings, Settings
from headwater.engine.settings import EngineSettings
from headwater.http.origins import Origins
from headwater.testing import ManualClock
from tests.http.rest_server import RestServer, rest_server

PAGE = "https://page.example"
STATEMENT = {"ksql": "SHOW STREAMS;"}


@pytest.fixture
async def rest() -> AsyncIterator[RestServer]:
    async with rest_server() as running:
        yield running


async def post(rest: RestServer, version: int = 1, **headers: str) -> int:
    client = rest.http1 if version == 1 else rest.http2
    content = json.dumps(STATEMENT)
    response = await client.post("/ksql", content=content, headers={"content-type": "text/plain", **headers})
    if response.status_code != 200:
        body = response.json()
        assert (body["@type"], body["error_code"]) == ("generic_error", response.status_code * 100)
    return response.status_code


@pytest.mark.parametrize("version", [1, 2])
async def test_requests_under_another_name_are_refused(rest: RestServer, version: int) -> None:
    port = rest.server.port
    for host in ("rebound.example", f"rebound.example:{port}", "10.0.0.5", "localhost.page.example"):
        assert await post(rest, version, host=host) == 403
    for host in ("localhost", f"LOCALHOST:{port}", "127.0.0.1", "127.1.2.3:80", f"[::1]:{port}", "app.localhost"):
        assert await post(rest, version, host=host) == 200


async def test_a_refusal_leaves_the_other_requests_of_its_connection_alone(rest: RestServer) -> None:
    for _ in range(3):
        response = await rest.http2.post("/nowhere", content=b"x" * 200_000)
        assert response.status_code == 404
        assert await post(rest, 2, origin=PAGE) == 403
        assert await post(rest, 2) == 200


@pytest.mark.parametrize("version", [1, 2])
async def test_pages_of_other_origins_are_refused(rest: RestServer, version: int) -> None:
    own = f"127.0.0.1:{rest.server.port}"
    for origin in (PAGE, "null", "http://127.0.0.1:1", f"http://{own}.page.example"):
        assert await post(rest, version, origin=origin) == 403
    assert await post(rest, version, origin=f"http://{own}") == 200
    assert await post(rest, version) == 200


async def test_the_refusal_names_the_setting_that_lets_a_page_in(rest: RestServer) -> None:
    response = await rest.http1.get("/info", headers={"origin": PAGE})
    assert f"access.control.allow.origin={PAGE}" in response.json()["message"]
    response = await rest.http1.get("/info", headers={"host": "node.example:80"})
    assert "ksql.advertised.listener=http://node.example:80" in response.json()["message"]


async def test_settings_let_pages_and_names_in() -> None:
    properties = {"access.control.allow.origin": f"{PAGE}, null", "ksql.advertised.listener": "http://node.example:80"}
    async with rest_server(properties) as rest:
        assert await post(rest, origin=PAGE) == 200
        assert await post(rest, origin="null") == 200
        assert await post(rest, host="node.example") == 200
        assert await post(rest, origin="https://other.example") == 403
    async with rest_server({"access.control.allow.origin": "*"}) as rest:
        assert await post(rest, origin="https://other.example") == 200


async def test_a_page_that_is_let_in_may_read_the_answers_of_every_door() -> None:
    properties = {"access.control.allow.origin": PAGE, "access.control.allow.methods": "GET, PUT"}
    settings = Settings(ksql=KsqlSettings(properties=properties))
    doors = RestDoors(settings, Access(), ManualClock())
    listener = doors.listener("a door", PlainTextResponse("read"), 0, "console.port")
    await listener.start()
    asks = {"origin": PAGE, "access-control-request-method": "PUT"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.port}") as client:
        answers = [await client.get("/", headers={"origin": PAGE}), await client.options("/", headers=asks)]
    await listener.close()
    for answer in answers:
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert answers[0].text == "read"
    assert "PUT" in answers[1].headers["access-control-allow-methods"]


async def test_pages_of_other_origins_get_no_rows_over_a_websocket(rest: RestServer) -> None:
    address = f"ws://127.0.0.1:{rest.server.port}/ws/query?request={quote(json.dumps(STATEMENT))}"
    async with connect(address, additional_headers={"origin": PAGE}) as socket:
        assert f"Pages of {PAGE} may not use this server" in json.loads(await socket.recv())["error"]
        with pytest.raises(ConnectionClosed):
            await socket.recv()


def test_listeners_that_others_reach_do_not_know_all_their_names() -> None:
    settings = EngineSettings()
    assert Origins.of(settings, "127.0.0.1").hosts is not None
    assert Origins.of(settings, "localhost").hosts is not None
    assert Origins.of(settings, "0.0.0.0").hosts is None
    assert Origins.of(settings, "10.0.0.5").hosts is None
