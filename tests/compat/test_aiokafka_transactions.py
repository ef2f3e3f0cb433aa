"""Transactions through aiokafka."""

from __future__ import annotations

from typing import Any

import pytest

from tests.broker.server import Running
from tests.conftest import required

aiokafka = required("aiokafka")

pytestmark = pytest.mark.compat


def producer_of(broker: Running, name: str) -> Any:
    return aiokafka.AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=name)


def reader_of(broker: Running, topic: str, group: str) -> Any:
    return aiokafka.AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.address,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )


async def test_only_what_was_committed_is_read_and_offsets_move_with_it(broker: Running) -> None:
    place = aiokafka.TopicPartition("aio-txn-in", 0)
    async with producer_of(broker, "aio-1") as producer:
        for number in range(4):
            await producer.begin_transaction()
            for _ in range(3):
                await producer.send_and_wait("aio-txn-in", b"%d" % number, partition=0)
            await (producer.abort_transaction() if number % 2 else producer.commit_transaction())
        async with reader_of(broker, "aio-txn-in", "aio-txn") as consumer:
            assert [(await consumer.getone()).value for _ in range(6)] == [b"0"] * 3 + [b"2"] * 3
            async with producer.transaction():
                await producer.send_offsets_to_transaction({place: await consumer.position(place)}, "aio-txn")
                assert await consumer.committed(place) is None
            assert await consumer.committed(place) == await consumer.position(place)


async def test_a_newer_producer_fences_the_older(broker: Running) -> None:
    async with producer_of(broker, "aio-2") as older:
        await older.begin_transaction()
        await older.send_and_wait("aio-fence", b"older")
        async with producer_of(broker, "aio-2") as newer:
            with pytest.raises(aiokafka.errors.ProducerFenced):
                await older.commit_transaction()
            async with newer.transaction():
                await newer.send_and_wait("aio-fence", b"newer")
        async with reader_of(broker, "aio-fence", "aio-fence") as consumer:
            assert (await consumer.getone()).value == b"newer"
