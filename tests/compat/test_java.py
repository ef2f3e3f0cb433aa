"""Apache Kafka's own Java client, Streams and command-line tools, of the last 3.x and of 4.x."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.broker.server import Running
from tests.compat.maven import JavaKafka, java_kafka
from tests.conftest import skip_or_fail
from tests.kafka_fixture import CannotRunError

pytestmark = [pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("java")]
TOOLS = "org.apache.kafka.tools."


@pytest.fixture(scope="module", params=["3.9.1", "4.1.0"])
def java(request: pytest.FixtureRequest) -> JavaKafka:
    try:
        return java_kafka(request.param)
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise AssertionError("unreachable") from error


@pytest.mark.parametrize("what", ["roundtrip", "admin", "transactions", "streams"])
def test_a_program(java: JavaKafka, broker: Running, what: str, tmp_path: Path) -> None:
    out = java.run("Compat", broker.address, what, f"java-{java.version}-{what}", str(tmp_path), seconds=150)
    assert out.splitlines()[-1] == "done"


def test_the_command_line_tools(java: JavaKafka, broker: Running) -> None:
    topic, group, server = f"tools-{java.version}", f"tools-{java.version}-g", ("--bootstrap-server", broker.address)
    topics, configs = f"{TOOLS}TopicCommand", "kafka.admin.ConfigCommand"
    java.run(topics, *server, "--create", "--topic", topic, "--partitions", "2")
    java.run(topics, *server, "--alter", "--topic", topic, "--partitions", "3")
    assert "PartitionCount: 3" in java.run(topics, *server, "--describe", "--topic", topic)
    java.run(configs, *server, "--alter", "--topic", topic, "--add-config", "retention.ms=86400000")
    assert "retention.ms=86400000" in java.run(configs, *server, "--describe", "--topic", topic)
    if java.version.startswith("4"):
        loader = ("--entity-type", "clients", "--entity-name", "loader")
        java.run(configs, *server, "--alter", *loader, "--add-config", "producer_byte_rate=1048576")
        assert "producer_byte_rate=1048576.0" in java.run(configs, *server, "--describe", *loader)
    sent = java.run(
        f"{TOOLS}ProducerPerformance",
        *("--topic", topic, "--num-records", "5000", "--record-size", "150", "--throughput", "-1"),
        *("--producer-props", f"bootstrap.servers={broker.address}"),
    )
    assert "5000 records sent" in sent
    written = java.run(f"{TOOLS}VerifiableProducer", *server, "--topic", topic, "--max-messages", "10")
    assert json.loads(written.splitlines()[-1])["acked"] == 10
    read = java.run(
        f"{TOOLS}VerifiableConsumer",
        *server,
        *("--topic", topic, "--group-id", group, "--reset-policy", "earliest", "--max-messages", "5010"),
    )
    counts = [json.loads(line) for line in read.splitlines() if '"records_consumed"' in line]
    assert sum(line["count"] for line in counts) == 5010
    described = java.run(f"{TOOLS}consumer.group.ConsumerGroupCommand", *server, "--describe", "--group", group)
    rows = [line.split() for line in described.splitlines() if line.startswith(group)]
    assert [row[5] for row in rows if row[1] == topic] == ["0", "0", "0"], "nothing is left to read"
    java.run(topics, *server, "--delete", "--topic", topic)
