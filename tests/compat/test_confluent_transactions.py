"""Transactions through librdkafka: all or nothing for readers of committed records, offsets included, one owner."""

from __future__ import annotations

from typing import Any

import pytest

from tests.broker.server import Running
from tests.compat.test_confluent_kafka import consumer, create, produce, quiet, take
from tests.conftest import required

kafka = required("confluent_kafka")

pytestmark = pytest.mark.compat
SECONDS = 20


def transactional(broker: Running, name: str, **config: Any) -> Any:
    """A producer in charge of the transactional id."""
    producer = kafka.Producer(quiet(broker, transactional_id=name, **config))
    producer.init_transactions(SECONDS)
    return producer


def values(messages: list[Any]) -> list[bytes]:
    return [message.value() for message in messages]


def test_committed_records_are_read_and_aborted_ones_are_not(broker: Running) -> None:
    create(broker, "txn", 2)
    producer = transactional(broker, "txn-1")
    for number in range(6):
        producer.begin_transaction()
        for index in range(2):
            for _ in range(3):
                producer.produce("txn", b"%d" % number, partition=index)
        if number % 2:
            producer.abort_transaction(SECONDS)
        else:
            producer.commit_transaction(SECONDS)
    with consumer(broker, "txn", "txn-committed", isolation_level="read_committed") as client:
        assert sorted(values(take(client, 18))) == sorted([b"0", b"2", b"4"] * 6)
        assert client.consume(1, 0.2) == []
    with consumer(broker, "txn", "txn-all", isolation_level="read_uncommitted") as client:
        # librdkafka purges what it has not sent yet when it aborts, so only what it did send is sure to be there.
        assert {b"0", b"2", b"4"} <= set(values(take(client, 18)))


def test_an_open_transaction_holds_back_readers_of_committed_records(broker: Running) -> None:
    create(broker, "txn-open")
    producer = transactional(broker, "txn-2")
    producer.begin_transaction()
    producer.produce("txn-open", b"held")
    producer.flush(SECONDS)
    produce(broker, "txn-open", [("k", "behind")])
    with consumer(broker, "txn-open", "txn-open", isolation_level="read_committed") as client:
        place = kafka.TopicPartition("txn-open", 0)
        assert client.get_watermark_offsets(place, timeout=SECONDS) == (0, 0)
        assert client.consume(1, 0.3) == []
        producer.commit_transaction(SECONDS)
        assert values(take(client, 2)) == [b"held", b"behind"]


def test_a_newer_producer_fences_the_older_and_aborts_its_transaction(broker: Running) -> None:
    create(broker, "txn-fence")
    older = transactional(broker, "txn-3")
    older.begin_transaction()
    older.produce("txn-fence", b"older")
    older.flush(SECONDS)
    newer = transactional(broker, "txn-3")
    with pytest.raises(kafka.KafkaException) as caught:
        older.commit_transaction(SECONDS)
    assert caught.value.args[0].fatal()
    newer.begin_transaction()
    newer.produce("txn-fence", b"newer")
    newer.commit_transaction(SECONDS)
    with consumer(broker, "txn-fence", "txn-fence", isolation_level="read_committed") as client:
        assert values(take(client, 1)) == [b"newer"]


def test_consume_transform_produce_moves_offsets_only_with_the_commit(broker: Running) -> None:
    create(broker, "txn-in")
    create(broker, "txn-out")
    produce(broker, "txn-in", [("k", str(i)) for i in range(10)])
    producer = transactional(broker, "txn-4")
    for attempt in ("abort", "commit"):
        with consumer(broker, "txn-in", "txn-group", isolation_level="read_committed") as client:
            messages = take(client, 10)
            producer.begin_transaction()
            for message in messages:
                producer.produce("txn-out", message.value() + b"!")
            producer.send_offsets_to_transaction(
                client.position(client.assignment()), client.consumer_group_metadata(), SECONDS
            )
            if attempt == "abort":
                producer.abort_transaction(SECONDS)
            else:
                producer.commit_transaction(SECONDS)
            committed = client.committed([kafka.TopicPartition("txn-in", 0)], SECONDS)[0].offset
            assert committed == (10 if attempt == "commit" else kafka.OFFSET_INVALID)
    with consumer(broker, "txn-out", "txn-out", isolation_level="read_committed") as client:
        assert values(take(client, 10)) == [b"%d!" % i for i in range(10)]
        assert client.consume(1, 0.2) == []


def test_a_transaction_left_open_is_aborted_after_its_timeout(broker: Running) -> None:
    create(broker, "txn-late")
    producer = transactional(broker, "txn-5", transaction_timeout_ms=1_000)
    producer.begin_transaction()
    producer.produce("txn-late", b"late")
    producer.flush(SECONDS)
    produce(broker, "txn-late", [("k", "behind")])
    with consumer(broker, "txn-late", "txn-late", isolation_level="read_committed") as client:
        assert values(take(client, 1)) == [b"behind"]
    with pytest.raises(kafka.KafkaException):
        producer.commit_transaction(SECONDS)
