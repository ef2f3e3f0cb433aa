"""Clients whose assignment the broker makes (KIP-848, `group.protocol=consumer`): librdkafka and the Java client."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from headwater.broker.settings import BrokerSettings
from tests.broker.server import Running, broker_in_thread
from tests.compat.maven import java_kafka
from tests.compat.test_confluent_kafka import consumer, create, poll_until, produce, quiet, take
from tests.conftest import skip_or_fail
from tests.kafka_fixture import CannotRunError

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
admin = pytest.importorskip("confluent_kafka.admin", reason="confluent-kafka is not installed")

pytestmark = pytest.mark.compat
COUNT = 300

MEMBER = """
import sys, confluent_kafka
config = {"bootstrap.servers": sys.argv[1], "group.id": sys.argv[2], "group.protocol": "consumer"}
member = confluent_kafka.Consumer(config)
member.subscribe([sys.argv[2]])
while True:
    member.poll(0.1)
    if member.assignment():
        print(len(member.assignment()), flush=True)
"""


@pytest.fixture(scope="module")
def quick_broker() -> Iterator[Running]:
    """A broker that misses a member after three seconds."""
    settings = BrokerSettings(group_consumer_session_timeout_ms=3_000, group_consumer_heartbeat_interval_ms=200)
    with broker_in_thread(settings=settings) as running:
        yield running


def sizes(clients: list[Any]) -> list[int]:
    return sorted(len(client.assignment()) for client in clients)


def test_three_members_join_and_leave_and_every_record_is_read(quick_broker: Running) -> None:
    create(quick_broker, "three", 6)
    produce(quick_broker, "three", [(f"k{i}", str(i)) for i in range(COUNT)])
    with ExitStack() as stack:
        clients: list[Any] = []
        seen: set[bytes] = set()
        for expected in ([6], [3, 3], [2, 2, 2]):
            client = stack.enter_context(consumer(quick_broker, "three", "three", group_protocol="consumer"))
            clients.append(client)
            deadline = time.monotonic() + 20
            while sizes(clients) != expected or (expected == [2, 2, 2] and len(seen) < COUNT):
                assert time.monotonic() < deadline, (sizes(clients), len(seen))
                for member in clients:
                    message = member.poll(0.02)
                    if message is not None and not message.error():
                        seen.add(message.value())
                        member.commit(message, asynchronous=False)
        assert seen == {str(i).encode() for i in range(COUNT)}
        clients.pop().close()
        poll_until(lambda: sizes(clients) == [3, 3], *clients)
    with consumer(quick_broker, "three", "three", group_protocol="consumer") as client:
        committed = client.committed([kafka.TopicPartition("three", i) for i in range(6)], 10)
        assert sum(place.offset for place in committed) == COUNT


def test_the_partitions_of_a_killed_member_go_to_the_others(quick_broker: Running) -> None:
    create(quick_broker, "killed", 4)
    with consumer(quick_broker, "killed", "killed", group_protocol="consumer") as client:
        poll_until(lambda: len(client.assignment()) == 4, client)
        command = [sys.executable, "-c", MEMBER, quick_broker.address, "killed"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
            try:
                poll_until(lambda: len(client.assignment()) == 2, client)
                assert other.stdout is not None
                assert int(other.stdout.readline()) == 2
            finally:
                other.kill()
        poll_until(lambda: len(client.assignment()) == 4, client)


def test_a_static_member_comes_back_without_a_rebalance(quick_broker: Running) -> None:
    create(quick_broker, "static-848", 2)
    config = {"group_protocol": "consumer", "group_instance_id": "one"}
    with consumer(quick_broker, "static-848", "static-848", **config) as client:
        poll_until(lambda: len(client.assignment()) == 2, client)
    group = quick_broker.broker.groups.groups["static-848"]
    epoch = getattr(group, "epoch", None)
    with consumer(quick_broker, "static-848", "static-848", **config) as client:
        poll_until(lambda: len(client.assignment()) == 2, client)
        assert getattr(group, "epoch", None) == epoch
        assert not group.is_empty


def test_topics_are_chosen_by_a_regular_expression_on_the_broker(quick_broker: Running) -> None:
    create(quick_broker, "region-eu")
    with consumer(quick_broker, "^region-.*", "regions", group_protocol="consumer") as client:
        poll_until(lambda: len(client.assignment()) == 1, client)
        create(quick_broker, "region-us", 2)
        poll_until(lambda: len(client.assignment()) == 3, client)
        produce(quick_broker, "region-us", [("k", "v")])
        assert take(client, 1)[0].topic() == "region-us"


def test_the_group_is_listed_described_and_deleted(quick_broker: Running) -> None:
    create(quick_broker, "shown", 2)
    client = admin.AdminClient(quiet(quick_broker))
    config = {"group_protocol": "consumer", "group_remote_assignor": "range"}
    with consumer(quick_broker, "shown", "shown", **config) as member:
        poll_until(lambda: len(member.assignment()) == 2, member)
        group = client.describe_consumer_groups(["shown"])["shown"].result(10)
        assert (group.state, group.type) == (kafka.ConsumerGroupState.STABLE, kafka.ConsumerGroupType.CONSUMER)
        assert group.partition_assignor == "range"
        assert [len(m.assignment.topic_partitions) for m in group.members] == [2]
        listed = client.list_consumer_groups(types={kafka.ConsumerGroupType.CONSUMER}).result(10).valid
        assert "shown" in {g.group_id for g in listed}
        with pytest.raises(kafka.KafkaException, match="not empty"):
            client.delete_consumer_groups(["shown"])["shown"].result(10)
    client.delete_consumer_groups(["shown"])["shown"].result(10)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.xdist_group("java")
def test_the_java_client(quick_broker: Running) -> None:
    try:
        java = java_kafka("4.1.0")
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise AssertionError("unreachable") from error
    out = java.run("Compat", quick_broker.address, "consumer-group", "java-848", "", seconds=120)
    assert out.splitlines()[-1] == "done"
