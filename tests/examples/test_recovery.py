"""kill -9 at random moments of the running example: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import importlib
import json
import random
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.app.processes import headwater_up
from tests.ports import take_ports

EXAMPLE = Path(__file__).parents[2] / "examples" / "service-management"
KILLS = 20
ORDERS = 400


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's own modules, as its programs import them."""
    for folder in (EXAMPLE.parent, EXAMPLE):
        monkeypatch.syspath_prepend(str(folder))


@pytest.mark.timeout(240)
def test_results_equal_an_undisturbed_run_after_twenty_kills(tmp_path: Path, example: None) -> None:
    data, demo, expected, kafka, ksql = map(
        importlib.import_module, ("data", "demo", "expected", "common.kafka", "common.ksql")
    )
    kafka_port, ksql_port = take_ports(2)
    options = ("--data", str(tmp_path), "--kafka-port", str(kafka_port), "--ksql-port", str(ksql_port))
    bootstrap, client = f"127.0.0.1:{kafka_port}", ksql.Client(f"http://127.0.0.1:{ksql_port}")
    locations = list(data.job_locations(demo.TRUCKS))
    events = [*data.orders_and_jobs(ORDERS), *data.truck_positions(locations, demo.STEPS)]
    seed = random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")
    moments = random.Random(seed)
    failures: list[str] = []
    with headwater_up(*options) as node:
        kafka.create_topics(bootstrap, data.TOPICS)
        client.execute((EXAMPLE / "statements.sql").read_text())
        target = kafka.producer(bootstrap)
        kafka.send(target, locations)
        node.stop(signal.SIGKILL)
    share = -(-len(events) // KILLS)
    for round_number in range(KILLS):
        with headwater_up(*options) as node:
            for event in events[round_number * share : (round_number + 1) * share]:
                target.produce(
                    event.topic, json.dumps(event.value).encode(), event.key, timestamp=event.timestamp,
                    on_delivery=lambda error, _: failures.append(str(error)) if error else None,
                )  # fmt: skip
            elapsed = threading.Event()
            threading.Timer(moments.uniform(0.0, 0.4), elapsed.set).start()
            while not elapsed.is_set():
                target.poll(0.005)
            node.stop(signal.SIGKILL)
    with headwater_up(*options) as node:
        assert target.flush(60) == 0
        assert failures == []
        inputs = Counter(event.topic for event in events)
        assert stored(bootstrap, inputs) == inputs
        assert demo.job_status_problems(bootstrap, expected.job_status(events)) == []
        assert demo.truck_tracker_problems(client, expected.truck_tracker([*locations, *events])) == []
        assert node.stop()[0] == 0


def stored(bootstrap: str, topics: Counter[str]) -> Counter[str]:
    """How many records each topic holds."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "count"})
    counts: Counter[str] = Counter()
    for topic in topics:
        for partition in range(6):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=60)
            counts[topic] += high - low
    consumer.close()
    return counts
