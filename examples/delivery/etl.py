"""Reads what change data capture writes, and writes clean rows of three tables: an application beside the platform.

Every batch is a transaction of what was written and how far was read, so each change counts once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from common.kafka import Event, client_config
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

CLEAN = ("deliveries", "orders", "delivery_details")
"""Tables whose rows go on, each to the topic of its name."""
STATUS = "delivery_status"
CAPTURED = {f"data.public.{table}": table for table in CLEAN}
GROUP = "delivery-etl"
BATCH = 1000
TAKEOVER_MS = 6_000


def payload_of(value: Any) -> dict[str, Any] | None:
    """The change in a record's JSON, which may stand in `payload` beside its `schema`. None if there is no change."""
    if isinstance(value, dict) and value.keys() == {"schema", "payload"}:
        value = value["payload"]
    return value if isinstance(value, dict) and value.get("op") in ("c", "r", "u", "d") else None


def cleaned(table: str, change: dict[str, Any]) -> Iterator[Event]:
    """The row, keyed so that its records stay in order, with transaction and operation; a deleted row as it was.

    Its time is when the row was changed, which a deleted one does not say. A delivery's status goes to a table of its
    own as well, and leaves it with the delivery.
    """
    op, source = change["op"], change["source"]
    row = change["before"] if op == "d" else change["after"]
    at = source["ts_ms"]
    if op != "d" and row["updated_at"] is not None:
        at = round(datetime.fromisoformat(row["updated_at"]).timestamp() * 1000)
    key = str(row["id"])
    yield Event(table, key, row | {"tx_id": source["txId"], "op": op}, at)
    if table == "deliveries":
        status = None if op == "d" else {"status": row["status"], "updated_at": row["updated_at"]}
        yield Event(STATUS, key, status, at)  # type: ignore[arg-type]


def events_in(message: Message) -> Iterator[Event]:
    """What a record of a captured table becomes; nothing if it is no change, as the null after a deletion."""
    text = message.value()
    change = None if text is None else payload_of(json.loads(text))
    if change is not None:
        yield from cleaned(CAPTURED[message.topic()], change)


class Etl:
    """One member of the group."""

    def __init__(self, bootstrap_servers: str) -> None:
        config = client_config(bootstrap_servers)
        self._consumer = Consumer({
            **config, "group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "session.timeout.ms": TAKEOVER_MS, "isolation.level": "read_committed",
            "topic.metadata.refresh.interval.ms": 500, "client.id": GROUP,
        })  # fmt: skip
        self._producer = Producer({
            **config, "transactional.id": GROUP, "transaction.timeout.ms": TAKEOVER_MS, "client.id": GROUP,
            "partitioner": "murmur2_random",
        })  # fmt: skip
        self._stopped = False

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopped = True

    def run(self) -> None:
        """Work until stopped. The topics come with the tables' first rows."""
        self._producer.init_transactions()
        self._consumer.subscribe(list(CAPTURED))
        while not self._stopped:
            messages = [message for message in self._consumer.consume(BATCH, timeout=0.1) if is_record(message)]
            if messages:
                self._batch(messages)
        self._consumer.close()

    def _batch(self, messages: list[Message]) -> None:
        """All of a batch or nothing."""
        self._producer.begin_transaction()
        try:
            for message in messages:
                for event in events_in(message):
                    value = None if event.value is None else json.dumps(event.value).encode()
                    self._producer.produce(event.topic, value, event.key, timestamp=event.timestamp)
            read = [place for place in self._consumer.position(self._consumer.assignment()) if place.offset >= 0]
            self._producer.send_offsets_to_transaction(read, self._consumer.consumer_group_metadata())
            self._producer.commit_transaction()
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if not error.txn_requires_abort():
                raise
            self._producer.abort_transaction()
            for place in self._consumer.committed(self._consumer.assignment(), timeout=10):
                self._consumer.seek(place)


def is_record(message: Message) -> bool:
    """Whether it is one, and not the news that a topic is not there yet. Raises `KafkaException` for other errors."""
    error = message.error()
    if error is None:
        return True
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001 - so it is called
        return False
    raise KafkaException(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    etl = Etl(parser.parse_args().bootstrap_servers)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: etl.stop())
    etl.run()


if __name__ == "__main__":
    main()
