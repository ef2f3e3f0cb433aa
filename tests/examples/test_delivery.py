"""The delivery example's web service and ETL by themselves, and its tear-down on a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.app.processes import headwater_up

EXAMPLE = Path(__file__).parents[2] / "examples" / "delivery"
MODULES = ("model", "databases", "service", "data", "memory", "etl", "web", "producer", "connectors", "expected",
           "statuses")  # fmt: skip


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's own modules, as its programs import them, and none of another example's."""
    for name in MODULES:
        sys.modules.pop(name, None)
    for folder in (EXAMPLE.parent, EXAMPLE):
        monkeypatch.syspath_prepend(str(folder))
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def web(example: None, tmp_path: Path) -> Iterator[TestClient]:
    databases, service, statuses, web_module = map(import_module, ("databases", "service", "statuses", "web"))
    made = web_module.application(
        service.Service(databases.EmbeddedDatabase(tmp_path)), statuses.opened(None, tmp_path)
    )
    with TestClient(made, base_url="http://127.0.0.1:3000") as client:
        yield client


def test_a_state_change_becomes_the_status_of_attempt_and_delivery_in_one_transaction(
    web: TestClient, tmp_path: Path
) -> None:
    from headwater.connect.embedded.tables import TableStore

    assert web.post("/orders", json={"organization_id": 3}).json()["id"] == 1
    made = web.post("/deliveries", json={"order_id": 1, "to_city": "Austin", "mileage": "7"})
    assert (made.status_code, made.json()["status"], made.json()["mileage"]) == (201, "Created", 7)
    assert made.json()["details"]["to_city"] == "Austin"
    web.post("/attempts", json={"delivery_id": 1})
    last = TableStore(tmp_path).changes(0, 100)[-1].lsn
    assert web.post("/state-changes", json={"attempt_id": 1, "state": "Delivered"}).status_code == 201
    changes = TableStore(tmp_path).changes(last, 100)
    assert [(one.name, one.operation) for one in changes] == [
        ("state_changes", "c"), ("attempts", "u"), ("deliveries", "u"),
    ]  # fmt: skip
    assert len({one.xid for one in changes}) == 1
    assert web.get("/deliveries/1").json()["status"] == web.get("/attempts/1").json()["status"] == "Delivered"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/deliveries", {"order_id": 9}, 400, "order_id: there is no 9 in orders"),
        ("POST", "/deliveries", {}, 400, "order_id must be given"),
        ("POST", "/orders", {"organization_id": "many"}, 400, "organization_id must be bigint"),
        ("POST", "/orders", {"organization_id": 1 << 70}, 400, "organization_id must be bigint"),
        ("POST", "/orders", {"colour": "red"}, 400, "'colour' is no column of orders"),
        ("POST", "/orders", [1], 400, "must be a JSON object"),
        ("GET", "/parcels", None, 404, "There is no /parcels"),
        ("GET", "/orders/5", None, 404, "no row"),
        ("PUT", "/orders/5", {"organization_id": 1}, 404, "no row"),
        ("DELETE", "/orders/5", None, 404, "no row"),
    ],
)
def test_what_cannot_be_done_is_refused(
    web: TestClient, method: str, path: str, body: Any, status: int, message: str
) -> None:
    answer = web.request(method, path, json=body)
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_a_row_is_changed_and_removed(web: TestClient) -> None:
    web.post("/orders", json={"organization_id": 1})
    assert web.put("/orders/1", json={"organization_id": 2}).json()["organization_id"] == 2
    assert [row["organization_id"] for row in web.get("/orders").json()] == [2]
    assert web.delete("/orders/1").status_code == 204
    assert web.get("/orders").json() == []


def test_a_status_is_told_as_the_connector_has_written_it(web: TestClient, tmp_path: Path) -> None:
    from headwater.connect.embedded.keys import KeyStore

    assert web.get("/deliveries/7/status").status_code == 404
    KeyStore(tmp_path).execute([("HSET", "delivery:7", "status", "Arriving")], 0)
    assert web.get("/deliveries/7/status").json() == {"status": "Arriving"}


def test_a_delivery_is_made_in_the_browser(web: TestClient) -> None:
    form = {"organization_id": "4", "order_id": "", "delivery_type": "Express", "notes": "<script>", "mileage": "12"}
    page = web.post("/new-delivery", data=form)
    assert (page.status_code, page.url.path) == (200, "/")
    assert "&lt;script&gt;" in page.text
    assert "<td><script>" not in page.text
    web.post("/new-state", data={"delivery_id": "1", "state": "On the way"})
    assert web.get("/deliveries/1").json()["status"] == "On the way"
    assert web.post("/new-delivery", data=form, headers={"origin": "https://example.com"}).status_code == 400
    assert web.post("/orders", content=b"{}", headers={"content-type": "text/plain"}).status_code == 400


ROW = {"id": 5, "status": "Created", "updated_at": "2024-01-01T00:00:00.500000Z"}
SOURCE = {"txId": 77, "ts_ms": 9}


@pytest.mark.parametrize("op", ["c", "u", "r", "d"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_etl_keeps_operation_and_transaction_with_and_without_schema(example: None, op: str, wrapped: bool) -> None:
    etl = import_module("etl")
    change = {"op": op, "before": ROW if op == "d" else None, "after": None if op == "d" else ROW, "source": SOURCE}
    value = {"schema": {}, "payload": change} if wrapped else change
    row, status = etl.cleaned("deliveries", etl.payload_of(value))
    assert (row.topic, row.key, row.value) == ("deliveries", "5", ROW | {"tx_id": 77, "op": op})
    assert row.timestamp == (9 if op == "d" else 1_704_067_200_500)
    expected = None if op == "d" else {"status": "Created", "updated_at": ROW["updated_at"]}
    assert (status.topic, status.key, status.value) == ("delivery_status", "5", expected)


@pytest.mark.parametrize(
    "value", [{"op": "t", "source": SOURCE}, {"op": "m"}, [], None, {"schema": {}, "payload": None}]
)
def test_what_is_no_change_of_a_row_is_passed_over(example: None, value: Any) -> None:
    assert import_module("etl").payload_of(value) is None


@pytest.mark.timeout(120)
def test_it_is_torn_down_and_runs_again(example: None, tmp_path: Path) -> None:
    services = tmp_path / "services"
    with headwater_up(
        "--memory",
        "--free-ports",
        expect=("kafka", "ksqldb", "registry", "connect"),
        env={"HEADWATER_CONNECT_SERVICES": str(services)},
    ) as node:
        names = {"kafka": "--bootstrap-servers", "ksqldb": "--server", "registry": "--registry", "connect": "--connect"}
        addresses = [text for name, option in names.items() for text in (option, node.endpoints[name])]

        def demo(*options: str) -> str:
            done = subprocess.run(
                [sys.executable, "demo.py", *addresses, "--services", str(services), *options], cwd=EXAMPLE,
                env={**os.environ, "PYTHONPATH": str(EXAMPLE.parent)}, capture_output=True, text=True, timeout=60,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        for _ in range(2):
            demo("--check", "--orders", "20")
            assert "delivery-connector" in demo("--tear-down")
        from common.rest import call  # type: ignore[import-not-found]

        assert call("GET", f"{node.endpoints['connect']}/connectors") == []
        assert (
            json.dumps(call("POST", f"{node.endpoints['ksqldb']}/ksql", {"ksql": "SHOW TABLES;"})[0]["tables"]) == "[]"
        )
