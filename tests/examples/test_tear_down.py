"""Several examples at once on one node, and each taken away without harm to the others."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from tests.app.processes import Running, environment, headwater_up

EXAMPLES = Path(__file__).parents[2] / "examples"
DOORS = ("kafka", "ksqldb", "registry", "connect")
SECONDS = 150
LOADS: Mapping[str, tuple[str, ...]] = {
    "service-management": (), "pizza-shop": (), "promotions": ("--clicks", "500", "--transactions", "500"),
}  # fmt: skip


def start(node: Running, services: Path, name: str, *options: str) -> subprocess.Popen[str]:
    """The example's own program, told where everything is."""
    ends = node.endpoints
    addresses = ["--server", ends["ksqldb"], "--bootstrap-servers", ends["kafka"]]
    addresses += ["--registry", ends["registry"], "--connect", ends["connect"], "--services", str(services)]
    return subprocess.Popen(
        [sys.executable, "demo.py", *addresses, *options],
        cwd=EXAMPLES / name,
        env=environment({"PYTHONPATH": f"{EXAMPLES}:{EXAMPLES.parent / 'src'}"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    return said


def asked(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"})) as answer:
        return json.load(answer)


def things(node: Running) -> dict[str, set[str]]:
    """The names of all that a node has, by kind, but for its own topics."""
    ends, admin = node.endpoints, AdminClient({"bootstrap.servers": node.endpoints["kafka"]})
    listed = asked(f"{ends['ksqldb']}/ksql", {"ksql": "SHOW STREAMS; SHOW TABLES; SHOW QUERIES;"})
    groups = [group.group_id for group in admin.list_consumer_groups().result(timeout=60).valid]
    own = ("connect-", "default_ksql_processing_log", "_")
    return {
        "topics": {name for name in admin.list_topics(timeout=60).topics if not name.startswith(own)},
        "groups": {name for name in groups if not name.startswith("_")},  # a query has one, too
        "sources": {one["name"] for one in [*listed[0]["streams"], *listed[1]["tables"]]} - {"KSQL_PROCESSING_LOG"},
        "queries": {one["id"] for one in listed[2]["queries"]},
        "subjects": set(asked(f"{ends['registry']}/subjects?deleted=true")),
        "connectors": set(asked(f"{ends['connect']}/connectors")),
    }


@pytest.mark.timeout(SECONDS + 60)
def test_examples_run_at_once_and_go_one_by_one(tmp_path: Path) -> None:
    with headwater_up("--memory", expect=DOORS, env={"HEADWATER_CONNECT_SERVICES": str(tmp_path)}) as node:
        before = things(node)
        running = [start(node, tmp_path, name, "--check", *options) for name, options in LOADS.items()]
        for process in running:
            assert "all results are as calculated" in finish(process)
        everything = things(node)
        finish(start(node, tmp_path, "pizza-shop", "--tear-down"))
        gone = {kind: names - things(node)[kind] for kind, names in everything.items()}
        assert len(gone["topics"]) == len(gone["sources"]) == 6
        assert all(name.startswith("PIZZA_") for name in gone["sources"])
        assert (len(gone["queries"]), gone["subjects"], gone["connectors"]) == (5, set(), set())
        assert {name.split("-")[1] for name in gone["groups"]} == {"assemble", "bake", "delivery", "status"}

        finish(start(node, tmp_path, "promotions", "--tear-down"))
        rest = things(node)
        assert rest["connectors"] == {"MongoDbAtlasSinkConnector_0"}
        assert rest["subjects"] == set()
        assert rest["sources"] == {
            "ORDERS_PLACED", "JOBS_CREATED", "JOB_STATUS", "JOBLOCATION", "VEHICLES", "TRUCK_TRACKER",
        }  # fmt: skip
        rows = asked(f"{node.endpoints['ksqldb']}/query", {"ksql": "SELECT * FROM TRUCK_TRACKER;"})
        assert len(rows) == 1 + 20
        status = asked(f"{node.endpoints['connect']}/connectors/MongoDbAtlasSinkConnector_0/status")
        assert {task["state"] for task in status["tasks"]} == {"RUNNING"}

        finish(start(node, tmp_path, "service-management", "--tear-down"))
        assert things(node) == before
        assert node.stop()[0] == 0
