"""Producing events with confluent-kafka: what all producers of this example share."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from data import Event

TOPICS = {"order_placed": 6, "job_created": 6, "job_status": 6, "joblocation": 6, "truck_tracker": 6}


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


def producer(bootstrap_servers: str) -> Producer:
    """An idempotent producer that places keys as Java clients do."""
    return Producer({
        **client_config(bootstrap_servers), "enable.idempotence": True, "partitioner": "murmur2_random", "linger.ms": 5,
    })  # fmt: skip


def create_topics(bootstrap_servers: str) -> None:
    """The topics that must be there before the statements run; existing ones are left alone."""
    admin = AdminClient(client_config(bootstrap_servers))
    known = admin.list_topics(timeout=10).topics
    missing = [NewTopic(name, partitions) for name, partitions in TOPICS.items() if name not in known]
    if missing:
        for future in admin.create_topics(missing).values():
            future.result(timeout=10)


class DeliveryError(RuntimeError):
    """The cluster did not take a message."""


def send(target: Producer, events: Iterable[Event]) -> int:
    """Produce all and wait until all are acknowledged; returns how many."""
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


if __name__ == "__main__":
    create_topics(options("Create the topics of this example.").bootstrap_servers)
