"""`/metrics` of a running node, after a client and a query have been at work."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from headwater.testing.connect_rig import PATIENCE_SECONDS
from tests.app.processes import ROOT, headwater_up, run
from tests.conftest import required

kafka = required("confluent_kafka")

SQL = """
CREATE STREAM readings (celsius DOUBLE) WITH (KAFKA_TOPIC='readings', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM hot AS SELECT * FROM readings WHERE celsius > 30;
"""


def metrics(url: str, key: str = "") -> dict[str, float]:
    """Name with labels to value."""
    request = urllib.request.Request(f"{url}/metrics")
    if key:
        request.add_header("Authorization", f"Basic {b64encode(key.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_requests_lag_sizes_and_queries_are_counted(tmp_path: Path) -> None:
    with headwater_up("--data", str(tmp_path), expect=("kafka", "ksqldb", "connect", "console")) as node:
        run("sql", "--server", node.endpoints["ksqldb"], "-e", SQL)
        producer = kafka.Producer({"bootstrap.servers": node.endpoints["kafka"]})
        for celsius in range(40):
            producer.produce("readings", f'{{"CELSIUS": {celsius}}}')
        producer.flush(10)
        consumer = kafka.Consumer({"bootstrap.servers": node.endpoints["kafka"], "group.id": "watchers"})
        consumer.commit(offsets=[kafka.TopicPartition("readings", 0, 30)], asynchronous=False)
        consumer.close()
        settings = ("connector.class=FileStreamSink", "topics=readings", f"file={tmp_path / 'out'}")
        made = run("connect", "create", "sink", *settings, "--server", node.endpoints["connect"])
        assert made.returncode == 0, made.stderr
        taken = 'headwater_connect_records_read_total{connector="sink",task="0"}'
        deadline = time.monotonic() + PATIENCE_SECONDS
        while metrics(node.endpoints["console"]).get(taken) != 40:
            assert time.monotonic() < deadline
        found = metrics(node.endpoints["console"])
    assert found['headwater_connect_tasks{connector="sink",state="RUNNING"}'] == 1
    assert found['headwater_connect_batch_seconds_count{connector="sink",task="0"}'] >= 1
    assert found['headwater_kafka_requests_total{api="Produce"}'] >= 1
    assert found['headwater_kafka_request_seconds_count{api="Produce"}'] >= 1
    assert found['headwater_consumer_group_lag{group="watchers",topic="readings",partition="0"}'] == 10
    assert found['headwater_log_end_offset{topic="readings",partition="0"}'] == 40
    assert found['headwater_log_size_bytes{topic="readings",partition="0"}'] > 500
    assert found['headwater_ksql_queries{state="RUNNING"}'] == 1
    page = (ROOT / "docs" / "metrics.md").read_text()
    names = {name.partition("{")[0] for name in found}
    plain = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    assert not [name for name in plain if f"`{name}`" not in page], "the page names every metric"


def test_metrics_take_an_api_key_where_one_is_needed(tmp_path: Path) -> None:
    config = tmp_path / "headwater.toml"
    config.write_text('[node.api_keys]\nwatcher = "secret"\n')
    with headwater_up("--memory", "--config", str(config), expect=("console",)) as node:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            metrics(node.endpoints["console"])
        assert metrics(node.endpoints["console"], "watcher:secret")["headwater_kafka_connections"] == 0
