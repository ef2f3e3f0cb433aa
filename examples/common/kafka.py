"""Producing and reading records with confluent-kafka."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Event:
    """A record to produce; `timestamp` in ms."""

    topic: str
    key: str | None
    value: dict[str, object]
    timestamp: int


class DeliveryError(RuntimeError):
    """The cluster did not take a message, or did not come up with one that was awaited."""


def options(description: str) -> argparse.Namespace:
    """The command line of a producer; SASL_USERNAME and SASL_PASSWORD in the environment log in with an API key."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--every", type=float, default=1.0, help="seconds between messages")
    return parser.parse_args()


def client_config(bootstrap_servers: str) -> dict[str, Any]:
    # Without a broker the client says so many times a second; what fails is reported where it fails.
    config: dict[str, Any] = {"bootstrap.servers": bootstrap_servers, "log_level": 2, "reconnect.backoff.max.ms": 500}
    if "SASL_USERNAME" in os.environ:
        config |= {
            "security.protocol": os.environ.get("SECURITY_PROTOCOL", "SASL_PLAINTEXT"), "sasl.mechanisms": "PLAIN",
            "sasl.username": os.environ["SASL_USERNAME"], "sasl.password": os.environ["SASL_PASSWORD"],
        }  # fmt: skip
    return config


def create_topics(bootstrap_servers: str, topics: Mapping[str, int]) -> None:
    """Create those of the topics (name: partitions) that are not there. Raises `DeliveryError` without a broker."""
    admin = AdminClient(client_config(bootstrap_servers))
    try:
        known = admin.list_topics(timeout=10).topics
        missing = [NewTopic(name, partitions) for name, partitions in topics.items() if name not in known]
        if missing:
            for future in admin.create_topics(missing).values():
                future.result(timeout=10)
    except KafkaException as error:
        raise DeliveryError(f"No Kafka broker answers at {bootstrap_servers}: {error}") from None


def delete_topics(bootstrap_servers: str, topics: Iterable[str]) -> list[str]:
    """Delete those of the topics that are there; returns them. Raises `DeliveryError` without a broker."""
    admin = AdminClient(client_config(bootstrap_servers))
    try:
        there = sorted(set(topics).intersection(admin.list_topics(timeout=10).topics))
        for future in (admin.delete_topics(there) if there else {}).values():
            future.result(timeout=10)
    except KafkaException as error:
        raise DeliveryError(f"Topics were not deleted at {bootstrap_servers}: {error}") from None
    return there


def delete_groups(bootstrap_servers: str, groups: Iterable[str]) -> list[str]:
    """Delete those of the consumer groups that are there and have no members; returns them."""
    deleted = []
    admin = AdminClient(client_config(bootstrap_servers))
    for group, future in (admin.delete_consumer_groups(list(groups)) if groups else {}).items():
        try:
            future.result(timeout=10)
            deleted.append(group)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise DeliveryError(f"Group {group} was not deleted: {error}") from None
    return deleted


def producer(bootstrap_servers: str) -> Producer:
    """An idempotent producer that places keys as Java clients do."""
    return Producer({
        **client_config(bootstrap_servers), "enable.idempotence": True, "partitioner": "murmur2_random", "linger.ms": 5,
    })  # fmt: skip


def send(target: Producer, events: Iterable[Event]) -> int:
    """Produce all and wait until all are acknowledged; returns how many. Raises `DeliveryError`."""
    failures: list[str] = []

    def delivered(error: Any, _message: Any) -> None:
        if error is not None:
            failures.append(str(error))

    count = 0
    for event in events:
        while True:
            try:
                target.produce(
                    event.topic, json.dumps(event.value).encode(), event.key, timestamp=event.timestamp,
                    on_delivery=delivered)  # fmt: skip
                break
            except BufferError:
                target.poll(0.1)
        count += 1
    left = target.flush(60)
    if failures or left:
        raise DeliveryError(f"{len(failures) + left} of {count} messages were not delivered: {failures[:1]}")
    return count


def read(bootstrap_servers: str, topic: str, at_least: int) -> Iterator[Message]:
    """A topic's records from its beginning: `at_least` as many as awaited, and what comes within a moment after them.

    Ends early, with fewer, when nothing has come for as long as patience lasts.
    """
    consumer = Consumer({
        **client_config(bootstrap_servers), "group.id": f"check-{os.getpid()}", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "isolation.level": "read_committed",
    })  # fmt: skip
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    count, patience = 0, time.monotonic() + PATIENCE_SECONDS
    try:
        while time.monotonic() < patience:
            messages = consumer.consume(1000, timeout=0.5)
            if not messages and count >= at_least:
                return
            if messages:
                patience = time.monotonic() + PATIENCE_SECONDS
            for message in messages:
                if message.error() is not None:
                    raise DeliveryError(f"Reading {topic} failed: {message.error()}")
                count += 1
                yield message
    finally:
        consumer.close()


def records_in(bootstrap_servers: str, topics: Iterable[str]) -> dict[str, int]:
    """How many records each topic has, by its offsets."""
    consumer = Consumer({**client_config(bootstrap_servers), "group.id": f"check-{os.getpid()}"})
    counts: dict[str, int] = {}
    try:
        for topic in topics:
            known = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            marks = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in known]
            counts[topic] = sum(high - low for low, high in marks)
    finally:
        consumer.close()
    return counts


def await_records(bootstrap_servers: str, wanted: Mapping[str, int]) -> list[str]:
    """Wait until each topic has that many records; returns what is missing after all patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        counts = records_in(bootstrap_servers, wanted)
        missing = [f"{topic} has {counts[topic]} records, not {n}" for topic, n in wanted.items() if counts[topic] < n]
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(0.1)
