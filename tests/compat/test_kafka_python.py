"""kafka-python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.broker.server import Running
from tests.compat.conftest import SECRET, USER

kafka = pytest.importorskip("kafka", reason="kafka-python is not installed")

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@contextmanager
def producer(broker: Running, **config: Any) -> Iterator[Any]:
    with closing(kafka.KafkaProducer(bootstrap_servers=broker.address, **config)) as client:
        yield client


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_produce_and_consume_in_a_group(broker: Running, codec: str | None) -> None:
    if codec is not None and not getattr(kafka.codec, f"has_{codec}")():
        pytest.skip(f"kafka-python cannot do {codec} here")
    topic = f"kp-{codec}"
    with producer(broker, compression_type=codec) as client:
        for i in range(100):
            client.send(topic, str(i).encode(), key=b"k")
        client.flush(10)
    with closing(
        kafka.KafkaConsumer(
            topic,
            bootstrap_servers=broker.address,
            group_id=topic,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            consumer_timeout_ms=10_000,
        )
    ) as consumer:
        messages = [next(consumer) for _ in range(100)]
        assert [m.value for m in messages] == [str(i).encode() for i in range(100)]
        consumer.commit()
        assert consumer.committed(kafka.TopicPartition(topic, 0)) == 100


def test_administration(broker: Running) -> None:
    with closing(kafka.KafkaAdminClient(bootstrap_servers=broker.address)) as client:
        client.create_topics([kafka.admin.NewTopic("kp-managed", 3, 1)])
        assert "kp-managed" in client.list_topics()
        client.delete_topics(["kp-managed"])
        assert "kp-managed" not in client.list_topics()


@pytest.mark.parametrize("secret", [SECRET, "wrong"])
def test_login(guarded_broker: Running, secret: str) -> None:
    login: dict[str, Any] = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": USER,
        "sasl_plain_password": secret,
    }
    if secret == SECRET:
        with producer(guarded_broker, **login) as client:
            assert client.send("kp-secret", b"v").get(10).offset == 0
    else:
        # With a version given it does not ask for one in its constructor, which leaves sockets open when that fails.
        login |= {"api_version": (2, 5), "max_block_ms": 1_000}
        with producer(guarded_broker, **login) as client, pytest.raises(kafka.errors.KafkaError):
            client.send("kp-secret", b"v").get(3)
