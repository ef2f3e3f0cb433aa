"""The worker over a real Apache Kafka cluster: its state, a source's transactions and a sink's group are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.cluster.kafka import KafkaCluster
from headwater.core.settings import ClusterSettings
from headwater.testing.connect_rig import ConnectRig
from tests.connect.toy import SINK, SOURCE, Held, HeldConnector, Numbers, NumbersConnector
from tests.kafka_fixture import Kafka

pytestmark = pytest.mark.kafka


async def test_a_source_and_a_sink_go_on_after_a_restart_of_the_worker(
    kafka: Kafka, tmp_path: Path, numbers: Numbers, held: Held
) -> None:
    cluster = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers, request_timeout_ms=10_000))
    numbers.end = 25
    async with ConnectRig(tmp_path, (NumbersConnector, HeldConnector), cluster=cluster) as rig:
        smt = {
            "transforms": "id",
            "transforms.id.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
            "transforms.id.renames": "n:id",
        }
        await rig.create("kafka-n", {**SOURCE, **smt, "topic": "kafka-items"})
        await rig.create("kafka-h", {**SINK, "topics": "kafka-items", "errors.retry.delay.max.ms": "1000"})
        await rig.until(lambda: held.ids == list(range(25)), "the first 25")

        async def committed() -> bool:
            found = await rig.worker.offsets("kafka-h")
            # The markers of transactions have offsets too.
            return bool(found) and found[0]["offset"]["kafka_offset"] >= 25

        await rig.until(committed, "the sink's offsets")
        await rig.restart()
        numbers.end = 40
        await rig.until(lambda: held.ids == list(range(40)), "the rest, once")
        assert await rig.worker.offsets("kafka-n") == [{"partition": {"numbers": "all"}, "offset": {"next": 40}}]
