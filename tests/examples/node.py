"""Examples on a node that is up: started by `headwater demo --attach`, and what the node has of them."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.app.processes import Running, command, environment

DOORS = ("kafka", "ksqldb", "registry", "connect")
SECONDS = 240
"""All patience for a check: it waits 120 s for each of its results, on a machine that may do much else."""
_OWN_TOPICS = ("connect-", "default_ksql_processing_log", "_")

Things = Mapping[str, Mapping[str, object]]
"""What there is by kind and name, with what must stay as it is while nobody uses it."""


def start(node: Running, services: Path, name: str, *options: str) -> subprocess.Popen[str]:
    """The example, told where everything is; `options` are its own."""
    ends = node.endpoints
    addresses = ["--server", ends["ksqldb"], "--bootstrap-servers", ends["kafka"]]
    addresses += ["--registry", ends["registry"], "--connect", ends["connect"], "--services", str(services)]
    return subprocess.Popen(
        command("demo", name, "--attach", "--", *addresses, *options),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group of its own, which Ctrl-C is for
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What it said, once it has ended well."""
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    return said


def asked(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"})) as answer:
        return json.load(answer)


def things(node: Running) -> Things:
    """All that a node has, but for its own topics: topics with their ends, subjects with their versions, and so on."""
    ends, admin = node.endpoints, AdminClient({"bootstrap.servers": node.endpoints["kafka"]})
    listed = asked(f"{ends['ksqldb']}/ksql", {"ksql": "SHOW STREAMS; SHOW TABLES; SHOW QUERIES;"})
    groups = [group.group_id for group in admin.list_consumer_groups().result(timeout=60).valid]
    states = asked(f"{ends['connect']}/connectors?expand=status")
    subjects = asked(f"{ends['registry']}/subjects?deleted=true")
    return {
        "topics": _ends(ends["kafka"]),
        "groups": {name: () for name in groups if not name.startswith("_")},  # a query has one, too
        "sources": {
            one["name"]: one["topic"] for one in [*listed[0]["streams"], *listed[1]["tables"]]
            if one["name"] != "KSQL_PROCESSING_LOG"
        },
        "queries": {one["id"]: one["state"] for one in listed[2]["queries"]},
        "subjects": {name: asked(f"{ends['registry']}/subjects/{name}/versions?deleted=true") for name in subjects},
        "connectors": {
            name: {part["state"] for part in (one["status"]["connector"], *one["status"]["tasks"])}
            for name, one in states.items()
        },
    }  # fmt: skip


def _ends(servers: str) -> Mapping[str, object]:
    """(first offset, end) of each partition of each topic."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "unused"})
    try:
        return {
            name: [consumer.get_watermark_offsets(TopicPartition(name, number), timeout=60)
                   for number in sorted(topic.partitions)]
            for name, topic in consumer.list_topics(timeout=60).topics.items() if not name.startswith(_OWN_TOPICS)
        }  # fmt: skip
    finally:
        consumer.close()
