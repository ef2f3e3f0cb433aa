"""The REST door as Kafka Connect's users know it: status codes, bodies, errors; nothing they send is answered with
500."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection

from headwater.broker.access import Access, Principal
from headwater.http.connect.door import ConnectDoor
from headwater.http.connect.routes import ROUTES
from headwater.http.origins import Origins
from headwater.testing.connect_rig import ConnectRig
from tests.connect.toy import SINK, SOURCE, Held, Numbers


@pytest.fixture
async def client(rig: ConnectRig) -> AsyncIterator[httpx.AsyncClient]:
    door = ConnectDoor(rig.worker, origins=Origins(hosts=frozenset({"127.0.0.1"})))
    transport = httpx.ASGITransport(app=door)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8083") as client:
        yield client


async def test_the_version_has_numbers_that_tools_read(client: httpx.AsyncClient, rig: ConnectRig) -> None:
    """kcctl takes major and minor off it, to know what it may ask for."""
    told = (await client.get("/")).json()
    major, minor, *_ = told["version"].split(".")
    assert (int(major), int(minor)) >= (4, 1)
    assert told["kafka_cluster_id"] == rig.worker.cluster_id


async def test_the_life_of_a_connector(client: httpx.AsyncClient, rig: ConnectRig, numbers: Numbers) -> None:
    numbers.end = 3
    body = {"name": "n", "config": {**SOURCE, "tasks.max": 1, "secret": "hush-hush"}}
    made = await client.post("/connectors", json=body)
    shown = {"name": "n", **SOURCE, "tasks.max": "1", "secret": "****************"}
    assert (made.status_code, made.headers["location"]) == (201, "/connectors/n")
    assert made.json() == {"name": "n", "config": shown, "tasks": [], "type": "source"}
    assert (await client.post("/connectors", json=body)).json() == {
        "error_code": 409,
        "message": "Connector n already exists",
    }
    await rig.running("n")
    worker_id = rig.worker.settings.worker_id
    assert (await client.get("/connectors/n/status")).json() == {
        "name": "n",
        "connector": {"state": "RUNNING", "worker_id": worker_id},
        "tasks": [{"id": 0, "state": "RUNNING", "worker_id": worker_id}],
        "type": "source",
    }
    assert (await client.get("/connectors")).json() == ["n"]
    expanded = (await client.get("/connectors?expand=info&expand=status")).json()
    assert expanded["n"]["info"]["tasks"] == [{"connector": "n", "task": 0}]
    assert (await client.get("/connectors/n/config")).json() == shown
    assert (await client.get("/connectors/n/tasks")).json() == [{"id": {"connector": "n", "task": 0}, "config": shown}]
    assert (await client.get("/connectors/n/tasks-config")).json() == {"n-0": shown}
    await rig.until(lambda: rig.worker.topics("n") == ["numbers"], "the topic to be used")
    assert (await client.get("/connectors/n/topics")).json() == {"n": {"topics": ["numbers"]}}
    assert (await client.put("/connectors/n/pause")).status_code == 202
    assert (await client.put("/connectors/n/resume")).status_code == 202
    assert (await client.post("/connectors/n/restart")).status_code == 204
    await rig.running("n")
    again = await client.post("/connectors/n/restart?includeTasks=true")
    assert (again.status_code, again.json()["connector"]["state"]) == (202, "RESTARTING")
    await rig.running("n")
    assert (await client.post("/connectors/n/tasks/0/restart")).status_code == 204
    assert (await client.patch("/connectors/n/config", json={"legacy.a": "1", "tasks.max": None})).status_code == 200
    assert (await client.put("/connectors/n/stop")).status_code == 204
    altered = await client.patch(
        "/connectors/n/offsets", json={"offsets": [{"partition": {"numbers": "all"}, "offset": {"next": 1}}]}
    )
    assert altered.json() == {"message": "The offsets for this connector have been altered successfully"}
    assert (await client.get("/connectors/n/offsets")).json() == {
        "offsets": [{"partition": {"numbers": "all"}, "offset": {"next": 1}}]
    }
    assert (await client.delete("/connectors/n/offsets")).status_code == 200
    assert (await client.put("/connectors/n/topics/reset")).status_code == 200
    assert (await client.delete("/connectors/n")).status_code == 204
    assert (await client.get("/connectors/n")).json() == {"error_code": 404, "message": "Connector n not found"}


async def test_a_configuration_is_put_for_the_first_time_and_again(client: httpx.AsyncClient, held: Held) -> None:
    assert (await client.put("/connectors/h/config", json=SINK)).status_code == 201
    assert (await client.put("/connectors/h/config", json=SINK)).status_code == 200


async def test_a_connector_is_made_in_the_state_asked_for(client: httpx.AsyncClient, rig: ConnectRig) -> None:
    body = {"name": "n", "config": SOURCE, "initial_state": "STOPPED"}
    assert (await client.post("/connectors", json=body)).status_code == 201
    await rig.until(lambda: rig.states("n") == ["STOPPED"], "the state")


async def test_a_validation_tells_each_field(client: httpx.AsyncClient) -> None:
    config = {"connector.class": "Numbers", "name": "n", "fail": "perhaps", "secret": "hush-hush", "tpoic": "x"}
    found = (await client.put("/connector-plugins/Numbers/config/validate", json=config)).json()
    assert (found["name"], found["error_count"]) == ("com.example.toy.NumbersConnector", 2)
    by_name = {entry["value"]["name"]: entry for entry in found["configs"]}
    assert by_name["topic"]["value"]["errors"] == ['Missing required configuration "topic" which has no default value.']
    assert by_name["fail"]["value"]["errors"] == [
        "Invalid value perhaps for configuration fail: Expected value to be either true or false"
    ]
    assert by_name["secret"]["value"]["value"] == "****************"
    assert by_name["topic"]["definition"] == {
        "name": "topic",
        "type": "STRING",
        "required": True,
        "default_value": None,
        "importance": "HIGH",
        "documentation": "Where to.",
        "group": "Connector",
        "width": "MEDIUM",
        "display_name": "topic",
        "dependents": [],
        "order": 1,
    }
    assert found["warnings"] == ["The configuration 'tpoic' is not known and has no effect; did you mean 'topic'?"]


async def test_plugins_are_listed(client: httpx.AsyncClient) -> None:
    found = (await client.get("/connector-plugins")).json()
    toys = [plugin for plugin in found if ".toy." in plugin["class"]]
    assert [(plugin["class"], plugin["type"]) for plugin in toys] == [
        ("com.example.toy.HeldConnector", "sink"),
        ("com.example.toy.NumbersConnector", "source"),
    ]
    kinds = {plugin["type"] for plugin in (await client.get("/connector-plugins?connectorsOnly=false")).json()}
    assert kinds == {"source", "sink", "converter", "transformation", "predicate"}
    keys = (await client.get("/connector-plugins/Numbers/config")).json()
    assert {"name", "topic", "tasks.max", "transforms"} <= {key["name"] for key in keys}


async def test_levels_of_loggers_are_set(client: httpx.AsyncClient) -> None:
    name = "headwater.connect.test_of_levels"
    assert (await client.get(f"/admin/loggers/{name}")).status_code == 404
    assert (await client.put(f"/admin/loggers/{name}", json={"level": "debug"})).json() == [name]
    assert (await client.get(f"/admin/loggers/{name}")).json()["level"] == "DEBUG"
    assert (await client.get("/admin/loggers")).json()[name] == {"level": "DEBUG", "last_modified": None}
    assert (await client.put(f"/admin/loggers/{name}", json={"level": "loud"})).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/connectors", b"{bad", 400),
        ("POST", "/connectors", b"[]", 400),
        ("POST", "/connectors", b"[" * 50_000, 400),
        ("POST", "/connectors", b"", 400),
        ("POST", "/connectors", b"\xff", 400),
        ("POST", "/connectors", b'{"name": 1, "config": {}}', 400),
        ("POST", "/connectors", b'{"name": "", "config": {}}', 400),
        ("POST", "/connectors", b'{"name": "a", "config": {"a": {}}}', 400),
        ("POST", "/connectors", b'{"name": "a", "config": {"connector.class": null}}', 400),
        ("POST", "/connectors", b'{"name": "a", "config": {"connector.class": "Numbers"}, "initial_state": "x"}', 400),
        ("POST", "/connectors", b'{"name": "a\\n", "config": {"connector.class": "Held", "topics": "a"}}', 201),
        ("POST", "/connectors", b" " * (5 << 20), 413),
        ("PUT", "/connectors/a/config", b"1", 400),
        ("PATCH", "/connectors/a/config", b"{}", 404),
        ("PATCH", "/connectors/a/offsets", b'{"offsets": 1}', 400),
        ("GET", "/connectors/a/tasks/x/status", b"", 404),
        ("GET", "/connectors/a/tasks/99999999999/status", b"", 404),
        ("GET", "/connectors/%ff%00/status", b"", 404),
        ("POST", "/connectors/a/tasks/0/restart", b"", 404),
        ("PUT", "/connectors/a/pause", b"", 404),
        ("PUT", "/connectors", b"", 405),
        ("GET", "/nothing", b"", 404),
        ("PUT", "/connector-plugins/Nope/config/validate", b"{}", 404),
        ("PUT", "/connector-plugins/Held/config/validate", b'{"connector.class": "Numbers"}', 400),
    ],
)
async def test_what_makes_no_sense_is_answered_with_the_reason(
    client: httpx.AsyncClient, method: str, path: str, body: bytes, status: int
) -> None:
    answer = await client.request(method, path, content=body)
    assert answer.status_code == status
    if status >= 400:
        told: dict[str, Any] = answer.json()
        assert told.keys() == {"error_code", "message"}
        assert told["error_code"] == status


async def test_pages_of_other_origins_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/connectors", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


async def test_the_openapi_document_has_every_route(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert {(path, method) for path, found in document["paths"].items() for method in found} == {
        (route.path, route.method.lower()) for route in ROUTES
    }


async def test_what_is_sent_elsewhere_keeps_the_path_as_it_was_sent(client: httpx.AsyncClient, rig: ConnectRig) -> None:
    await rig.worker.follow("http://127.0.0.1:8084")
    for path in ("/connectors/a%0d%0aSet-Cookie:%20b=c/status", "/connectors/%E2%82%AC%2F?expand=info"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (307, f"http://127.0.0.1:8084{path}")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 201),
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
async def test_bodies_are_json(client: httpx.AsyncClient, kind: str | None, status: int) -> None:
    """As with the original; what web pages may send without asking first is no JSON."""
    body = json.dumps({"name": "n", "config": SOURCE})
    answer = await client.post("/connectors", content=body, headers={} if kind is None else {"content-type": kind})
    assert answer.status_code == status
    if status == 415:
        assert answer.json() == {"error_code": 415, "message": "HTTP 415 Unsupported Media Type"}


async def test_who_may_not_change_connectors_cannot_have_the_node_look_around(rig: ConnectRig) -> None:
    """A check of a configuration connects to whatever address is in it."""

    async def identify(connection: HTTPConnection) -> Principal:
        return Principal("reader", "127.0.0.1", Access(required=True))

    transport = httpx.ASGITransport(app=ConnectDoor(rig.worker, identify))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8083") as client:
        answer = await client.put("/connector-plugins/Numbers/config/validate", json=SOURCE)
    assert answer.status_code == 403
