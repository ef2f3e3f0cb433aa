"""Reads searches, says what kind of stay each is for, and writes them on: an application beside the platform.

Any number of agents share the work: each takes part of the topic's partitions, and when one dies the others take over.
Every batch is a transaction of what was written and how far was read, so each search counts exactly once all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterable
from datetime import date
from typing import Any

from common.kafka import client_config
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from data import ENRICHED, SOURCE, STAYS

BATCH = 1000
TAKEOVER_MS = 6_000
"""For so long after it fell silent an agent keeps its partitions, and a transaction it left open holds up readers."""


def stay_category(check_in: str | None, check_out: str | None) -> str:
    """What kind of stay lies between two dates; what is no date, or no night at all, is an error."""
    try:
        nights = (date.fromisoformat(check_out or "") - date.fromisoformat(check_in or "")).days
    except (TypeError, ValueError):
        nights = -1
    if nights <= 0:
        return "Erroneous data"
    if nights <= 4:
        return "Short stay"
    if nights <= 10:
        return "Standard stay"
    if nights <= 14:
        return "Standard extended stay"
    return "Long stay"


def search_in(message: Message) -> dict[str, Any] | None:
    """The search of a record. None, and a line on stderr, if it is no JSON object: nobody else could read it either."""
    try:
        search = json.loads(message.value() or b"")
    except ValueError:
        search = None
    if not isinstance(search, dict):
        print(f"skipped: {message.topic()} [{message.partition()}] offset {message.offset()}", file=sys.stderr)
        return None
    return search


class Agent:
    """One member of the group."""

    def __init__(self, bootstrap_servers: str, name: str) -> None:
        config = client_config(bootstrap_servers)
        self._consumer = Consumer({
            **config, "group.id": "kafkastreams", "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "session.timeout.ms": TAKEOVER_MS, "isolation.level": "read_committed",
        })  # fmt: skip
        # The next agent of this name ends a transaction that this one may leave open.
        self._producer = Producer({
            **config, "transactional.id": f"kafkastreams-{name}", "transaction.timeout.ms": TAKEOVER_MS,
        })  # fmt: skip
        self._stopped = False

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopped = True

    def run(self) -> None:
        """Work until stopped."""
        self._producer.init_transactions()
        self._consumer.subscribe([SOURCE])
        while not self._stopped:
            messages = self._consumer.consume(BATCH, timeout=0.2)
            if messages:
                self._batch(messages)
        self._consumer.close()

    def _batch(self, messages: list[Message]) -> None:
        """All of a batch or nothing: if the partitions have gone to another agent, it will do it."""
        self._producer.begin_transaction()
        try:
            self._write(messages)
            positions = self._consumer.position(self._consumer.assignment())
            read = [place for place in positions if place.offset >= 0]
            self._producer.send_offsets_to_transaction(read, self._consumer.consumer_group_metadata())
            self._producer.commit_transaction()
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if not error.txn_requires_abort():
                raise
            self._producer.abort_transaction()
            for place in self._consumer.committed(self._consumer.assignment(), timeout=10):
                self._consumer.seek(place)

    def _write(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            search = search_in(message)
            if search is None:
                continue
            category = stay_category(search.get("srch_ci"), search.get("srch_co"))
            stay = {"hotel_id": search.get("hotel_id"), "stay_category": category}
            _, at = message.timestamp()
            self._producer.produce(ENRICHED, json.dumps(search | {"stay_category": category}).encode(), timestamp=at)
            self._producer.produce(STAYS, json.dumps(stay).encode(), timestamp=at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--name", default="1", help="of this agent; no two may run under one name")
    args = parser.parse_args()
    agent = Agent(args.bootstrap_servers, args.name)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: agent.stop())
    agent.run()


if __name__ == "__main__":
    main()
