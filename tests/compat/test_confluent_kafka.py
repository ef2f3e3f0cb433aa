"""librdkafka through confluent-kafka: the client most non-Java programs use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from headwater.broker.groups.classic_group import ClassicGroup
from tests.broker.server import Running
from tests.compat.conftest import SECRET, USER

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
admin = pytest.importorskip("confluent_kafka.admin", reason="confluent-kafka is not installed")

pytestmark = pytest.mark.compat
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def quiet(broker: Running, **config: Any) -> dict[str, Any]:
    return {"bootstrap.servers": broker.address, "log_level": 2} | {k.replace("_", "."): v for k, v in config.items()}


def create(broker: Running, name: str, partitions: int = 1, **configs: str) -> None:
    topic = admin.NewTopic(name, partitions, 1, config={k.replace("_", "."): v for k, v in configs.items()})
    client = admin.AdminClient(quiet(broker))  # the call fails when its client is collected
    client.create_topics([topic])[name].result(10)


def produce(broker: Running, topic: str, messages: list[tuple[str, str]], **config: Any) -> None:
    failures: list[Any] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failures.append(error)

    producer = kafka.Producer(quiet(broker, **config))
    for key, value in messages:
        producer.produce(topic, key=key, value=value, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(20) == 0
    assert failures == []


@contextmanager
def consumer(broker: Running, topic: str | None, group: str, **config: Any) -> Iterator[Any]:
    settings = quiet(broker, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **config)
    client = kafka.Consumer(settings)
    if topic is not None:
        client.subscribe([topic])
    try:
        yield client
    finally:
        client.close()


def take(client: Any, count: int, seconds: float = 60) -> list[Any]:
    """The next `count` messages."""
    out: list[Any] = []
    deadline = time.monotonic() + seconds
    while len(out) < count and time.monotonic() < deadline:
        for message in client.consume(count - len(out), 0.2):
            assert message.error() is None, message.error()
            out.append(message)
    assert len(out) == count
    return out


def poll_until(condition: Callable[[], bool], *clients: Any, seconds: float = 60) -> None:
    """Keep the clients' callbacks going until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        for client in clients:
            client.poll(0.05)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("idempotent", [False, True])
def test_what_is_produced_is_consumed_in_order(broker: Running, codec: str, idempotent: bool) -> None:
    topic = f"codec-{codec}-{idempotent}"
    sent = [(f"k{i % 7}", f"value {i} " + "x" * 100) for i in range(500)]
    produce(broker, topic, sent, compression_type=codec, enable_idempotence=idempotent, linger_ms=5)
    with consumer(broker, topic, f"group-{topic}") as client:
        assert [(m.key().decode(), m.value().decode()) for m in take(client, 500)] == sent


def test_headers_timestamps_and_nulls_come_through(broker: Running) -> None:
    producer = kafka.Producer(quiet(broker))
    now = int(time.time() * 1000)
    producer.produce("rich", key=None, value=None, headers=[("a", b"\x00"), ("b", None)], timestamp=now)
    producer.flush(10)
    with consumer(broker, "rich", "rich") as client:
        (message,) = take(client, 1)
    assert (message.key(), message.value()) == (None, None)
    assert message.headers() == [("a", b"\x00"), ("b", None)]
    assert message.timestamp() == (kafka.TIMESTAMP_CREATE_TIME, now)


def test_large_batches(broker: Running) -> None:
    create(broker, "large", max_message_bytes=str(16 << 20))
    produce(
        broker,
        "large",
        [("k", f"{i}" + "y" * 700_000) for i in range(20)],
        message_max_bytes=16 << 20,
        batch_size=8 << 20,
        linger_ms=50,
    )
    with consumer(broker, "large", "large") as client:
        assert [m.value()[:2].rstrip(b"y").decode() for m in take(client, 20)] == [str(i) for i in range(20)]


def test_a_group_goes_on_where_it_committed(broker: Running) -> None:
    produce(broker, "resume", [("k", str(i)) for i in range(10)])
    with consumer(broker, "resume", "resume") as client:
        messages = take(client, 4)
        client.commit(messages[-1], asynchronous=False)
    with consumer(broker, "resume", "resume") as client:
        assert [m.value() for m in take(client, 6)] == [str(i).encode() for i in range(4, 10)]
        place = kafka.TopicPartition("resume", 0)
        assert client.committed([place], 10)[0].offset == 4


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_consumers_share_and_the_survivor_takes_over(broker: Running, strategy: str) -> None:
    topic = f"shared-{strategy}"
    create(broker, topic, 4)
    config = {"partition_assignment_strategy": strategy, "heartbeat_interval_ms": 100}
    with consumer(broker, topic, topic, **config) as a:
        poll_until(lambda: len(a.assignment()) == 4, a)
        with consumer(broker, topic, topic, **config) as b:
            poll_until(lambda: len(a.assignment()) == len(b.assignment()) == 2, a, b)
            assert {p.partition for p in a.assignment()} | {p.partition for p in b.assignment()} == {0, 1, 2, 3}
        poll_until(lambda: len(a.assignment()) == 4, a)


def test_a_static_member_keeps_its_partitions_over_a_restart(broker: Running) -> None:
    create(broker, "static", 2)
    with consumer(broker, "static", "static", group_instance_id="one") as client:
        poll_until(lambda: len(client.assignment()) == 2, client)
        before = generation(broker, "static")
    with consumer(broker, "static", "static", group_instance_id="one") as client:
        poll_until(lambda: len(client.assignment()) == 2, client)
        assert generation(broker, "static") == before


def generation(broker: Running, group: str) -> int:
    """How many times the group's partitions were shared out."""
    found = broker.broker.groups.groups[group]
    assert isinstance(found, ClassicGroup)
    return found.generation


def test_seeking_by_offset_and_by_time(broker: Running) -> None:
    producer = kafka.Producer(quiet(broker))
    base = int(time.time() * 1000) - 100_000
    for i in range(10):
        producer.produce("seek", value=str(i), timestamp=base + i * 1000)
        producer.flush(10)
    with consumer(broker, None, "seek") as client:
        client.assign([kafka.TopicPartition("seek", 0, 7)])
        assert [m.value() for m in take(client, 3)] == [b"7", b"8", b"9"]
        (found,) = client.offsets_for_times([kafka.TopicPartition("seek", 0, base + 4500)], 10)
        assert found.offset == 5
        client.seek(kafka.TopicPartition("seek", 0, found.offset))
        assert take(client, 1)[0].value() == b"5"
        assert client.get_watermark_offsets(kafka.TopicPartition("seek", 0), 10) == (0, 10)


def test_topics_are_created_listed_changed_and_deleted(broker: Running) -> None:
    client = admin.AdminClient(quiet(broker))
    create(broker, "managed", 2, retention_ms="1000000")
    assert len(client.list_topics(timeout=60).topics["managed"].partitions) == 2
    with pytest.raises(kafka.KafkaException, match="already exists"):
        create(broker, "managed")
    resource = admin.ConfigResource(admin.ConfigResource.Type.TOPIC, "managed")
    configs = client.describe_configs([resource])[resource].result(10)
    assert configs["retention.ms"].value == "1000000"
    assert configs["segment.bytes"].is_default
    client.create_partitions([admin.NewPartitions("managed", 5)])["managed"].result(10)
    assert len(client.list_topics("managed", timeout=60).topics["managed"].partitions) == 5
    client.delete_topics(["managed"])["managed"].result(10)
    assert "managed" not in client.list_topics(timeout=60).topics


def test_groups_are_listed_described_and_deleted(broker: Running) -> None:
    client = admin.AdminClient(quiet(broker))
    produce(broker, "described", [("k", "v")])
    with consumer(broker, "described", "described") as member:
        message = take(member, 1)[0]
        member.commit(message, asynchronous=False)
        group = client.describe_consumer_groups(["described"])["described"].result(10)
        assert group.state == kafka.ConsumerGroupState.STABLE
        assert [(p.topic, p.partition) for p in group.members[0].assignment.topic_partitions] == [("described", 0)]
        with pytest.raises(kafka.KafkaException, match="not empty"):
            client.delete_consumer_groups(["described"])["described"].result(10)
    listed = client.list_consumer_groups().result(10)
    assert "described" in {g.group_id for g in listed.valid}
    client.delete_consumer_groups(["described"])["described"].result(10)
    assert "described" not in {g.group_id for g in client.list_consumer_groups().result(10).valid}


def test_records_are_deleted_up_to_an_offset(broker: Running) -> None:
    produce(broker, "trimmed", [("k", str(i)) for i in range(5)])
    client = admin.AdminClient(quiet(broker))
    place = kafka.TopicPartition("trimmed", 0, 3)
    (result,) = client.delete_records([place]).values()
    assert result.result(10).low_watermark == 3
    with consumer(broker, "trimmed", "trimmed") as reader:
        assert [m.value() for m in take(reader, 2)] == [b"3", b"4"]


def login(secret: str) -> dict[str, str]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_username": USER,
        "sasl_password": secret,
    }


def test_a_good_secret_gets_in(guarded_broker: Running) -> None:
    produce(guarded_broker, "secret", [("k", "v")], **login(SECRET))
    with consumer(guarded_broker, "secret", "secret", **login(SECRET)) as client:
        assert take(client, 1)[0].value() == b"v"


def test_a_bad_secret_is_refused_and_the_client_is_told(guarded_broker: Running) -> None:
    errors: list[Any] = []
    client = admin.AdminClient(quiet(guarded_broker, **login("wrong")) | {"error_cb": errors.append})
    with pytest.raises(kafka.KafkaException):
        client.list_topics(timeout=1)
    poll_until(lambda: kafka.KafkaError._AUTHENTICATION in {error.code() for error in errors}, client)


def test_nobody_gets_in_without_a_secret(guarded_broker: Running) -> None:
    with pytest.raises(kafka.KafkaException):
        admin.AdminClient(quiet(guarded_broker)).list_topics(timeout=2)
