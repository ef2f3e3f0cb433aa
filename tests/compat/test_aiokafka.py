"""aiokafka, which Faust is built on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.broker.server import Running
from tests.compat.conftest import SECRET, USER

aiokafka = pytest.importorskip("aiokafka", reason="aiokafka is not installed")
admin = pytest.importorskip("aiokafka.admin", reason="aiokafka is not installed")

pytestmark = pytest.mark.compat


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_produce_and_consume_in_a_group(broker: Running, codec: str | None) -> None:
    topic = f"aio-{codec}"
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=broker.address, compression_type=codec, enable_idempotence=True
    ) as producer:
        for i in range(100):
            await producer.send(topic, str(i).encode(), key=b"k", headers=[("h", b"1")])
    async with aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=broker.address, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False
    ) as consumer:
        messages = [await consumer.getone() for _ in range(100)]
        assert [m.value for m in messages] == [str(i).encode() for i in range(100)]
        assert messages[0].headers == (("h", b"1"),)
        await consumer.commit()
        assert await consumer.committed(aiokafka.TopicPartition(topic, 0)) == 100


async def test_two_members_share_the_partitions(broker: Running) -> None:
    client = admin.AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await client.start()
    await client.create_topics([admin.NewTopic("aio-shared", 4, 1)])
    await client.close()

    def member() -> Any:
        return aiokafka.AIOKafkaConsumer(
            "aio-shared", bootstrap_servers=broker.address, group_id="aio-shared", heartbeat_interval_ms=100
        )

    async def balanced(*members: Any) -> None:
        share = 4 // len(members)
        while [len(m.assignment()) for m in members] != [share] * len(members):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async with asyncio.timeout(30), member() as a:
        await balanced(a)
        async with member() as b:
            await balanced(a, b)
            assert a.assignment() | b.assignment() == {aiokafka.TopicPartition("aio-shared", i) for i in range(4)}
        await balanced(a)


async def test_seeking_to_ends_and_times(broker: Running) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        first = await producer.send_and_wait("aio-seek", b"0")
        for i in range(1, 5):
            await producer.send_and_wait("aio-seek", str(i).encode(), timestamp_ms=first.timestamp + i * 1000)
    async with aiokafka.AIOKafkaConsumer(bootstrap_servers=broker.address) as consumer:
        place = aiokafka.TopicPartition("aio-seek", 0)
        consumer.assign([place])
        assert await consumer.end_offsets([place]) == {place: 5}
        found = await consumer.offsets_for_times({place: first.timestamp + 2500})
        consumer.seek(place, found[place].offset)
        assert (await consumer.getone()).value == b"3"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("secret", [SECRET, "wrong"])
async def test_login(guarded_broker: Running, secret: str, mechanism: str) -> None:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=guarded_broker.address,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=mechanism,
        sasl_plain_username=USER,
        sasl_plain_password=secret,
    )
    try:
        if secret == SECRET:
            await producer.start()
            await producer.send_and_wait("aio-secret", b"v")
        else:
            with pytest.raises(aiokafka.errors.KafkaError):
                await producer.start()
    finally:
        await producer.stop()
