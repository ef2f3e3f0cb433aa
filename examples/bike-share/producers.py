"""The five producers, each with a client id of its own: JSON with a schema, which the serializer registers by itself.

As a program it is one of them, without end: `python producers.py stations.status`.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

from common.kafka import DeliveryError, Event, client_config
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from data import FEEDS, customers, regions, station_status, stations, stations_info
from schemas import schema_of

ROUND_SECONDS = 10
"""How often each station reports."""
INFO_SECONDS = 60
"""How often regions and stations are published again."""


def client_id(feed: str) -> str:
    return f"{feed.replace('.', '-')}-producer"


class FeedProducer:
    """The producer of one feed: idempotent, waits for all acknowledgements; its first record registers its schema."""

    def __init__(self, feed: str, servers: str, registry: str, *, evolved: bool = False) -> None:
        self._feed = feed
        self._producer = Producer({
            **client_config(servers), "client.id": client_id(feed), "enable.idempotence": True, "acks": "all",
            "partitioner": "murmur2_random", "linger.ms": 5,
        })  # fmt: skip
        self._serialize = JSONSerializer(
            schema_of(feed, evolved=evolved), SchemaRegistryClient({"url": registry}),
            conf={"auto.register.schemas": True, "validate": False},
        )  # fmt: skip

    def send(self, events: Iterable[Event]) -> int:
        """Produce all and wait until all are acknowledged; returns how many. Raises `DeliveryError`."""
        failures: list[str] = []

        def delivered(error: Any, _message: Any) -> None:
            if error is not None:
                failures.append(str(error))

        count = 0
        for event in events:
            value = self._serialize(event.value, SerializationContext(self._feed, MessageField.VALUE))
            while True:
                try:
                    self._producer.produce(
                        self._feed, value, event.key, timestamp=event.timestamp, on_delivery=delivered
                    )
                    break
                except BufferError:
                    self._producer.poll(0.1)
            count += 1
        left = self._producer.flush(60)
        if failures or left:
            raise DeliveryError(f"{len(failures) + left} of {count} messages were not delivered: {failures[:1]}")
        return count


def of_feed(feed: str, events: Iterable[Event]) -> Iterator[Event]:
    return (event for event in events if event.topic == feed)


def now_ms() -> int:
    return int(time.time() * 1000)


def endless(feed: str) -> Iterator[tuple[Iterable[Event], float]]:
    """What a feed publishes, part by part, and the seconds until the next part."""
    rng, known = random.Random(), stations(300)
    if feed.startswith("customers."):
        yield of_feed(feed, customers(range(1000), now_ms(), rng.randrange(1 << 30))), 1.0
        while True:
            yield of_feed(feed, customers([rng.randrange(1000)], now_ms(), rng.randrange(1 << 30))), 1.0
    elif feed == "system.regions":
        while True:
            yield regions(now_ms()), INFO_SECONDS
    elif feed == "stations.info":
        while True:
            yield stations_info(known, now_ms()), INFO_SECONDS
    else:
        part = len(known) // ROUND_SECONDS
        while True:
            for first in range(0, len(known), part):
                yield [station_status(info, now_ms(), rng) for info in known[first : first + part]], 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feed", choices=FEEDS)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--registry", default=os.environ.get("REGISTRY", "http://127.0.0.1:8081"))
    args = parser.parse_args()
    target = FeedProducer(args.feed, args.bootstrap_servers, args.registry)
    for events, seconds in endless(args.feed):
        target.send(events)
        time.sleep(seconds)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
