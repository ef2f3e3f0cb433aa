"""What the four services have in common: read a record, work on it, pass it on, and only then commit it.

A service that is killed in between does that record's work again when it is back; one that is told to stop (SIGTERM or
Ctrl-C) ends the work in hand and leaves its group, so that another member takes over at once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.kafka import DeliveryError, client_config, producer
from confluent_kafka import Consumer, KafkaException, Message
from stores import opened

Record = dict[str, Any]
Handler = Callable[[str, Record], None]


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than in a real shop")
    parser.add_argument("--folder", type=Path, default=Path("shop"), help="where the shop keeps its orders and logs")
    parser.add_argument("--store", default="stores:SqliteStore", help="class that keeps the orders, as module:Class")
    return parser


class Service:
    """A member of the consumer group of its name on this host."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name = name
        self.speed: float = options.speed
        self.store = opened(options.store, options.folder)
        self._log = options.folder / "logs" / f"{name}.log"
        self._log.parent.mkdir(exist_ok=True)
        self._stopping = False
        self._consumer = Consumer({
            **client_config(options.bootstrap_servers), "group.id": group_of(name), "client.id": name,
            "auto.offset.reset": "earliest", "enable.auto.commit": False,
        })  # fmt: skip
        self._producer = producer(options.bootstrap_servers)

    def run(self, handlers: Mapping[str, Handler], between: Callable[[], None] = lambda: None) -> None:
        """Give every record's key and value to its topic's handler until told to stop; call `between` in between."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._consumer.subscribe(list(handlers))
        try:
            while not self._stopping:
                between()
                message = self._consumer.poll(0.1)
                if message is None:
                    continue
                if message.error() is not None:
                    print(f"{self.name}: {message.error()}", file=sys.stderr)
                else:
                    handlers[message.topic()](*decoded(message))
                    self._consumer.commit(message=message, asynchronous=False)
        except (DeliveryError, KafkaException) as error:
            sys.exit(f"{self.name}: {error}")
        finally:
            self._consumer.close()

    def work(self, seconds: float) -> None:
        """Take the time that it takes in a real shop."""
        time.sleep(seconds / self.speed)

    def emit(self, topic: str, order_id: str, value: Record) -> None:
        """Produce `value` with the present time; returns when the record is stored."""
        place(self._producer, topic, order_id, {**value, "timestamp": now_ms()})

    def say(self, order_id: str, what: str) -> None:
        """A line in the service's log, which the web application shows, and on the screen."""
        moment = now_ms()
        time_of_day = time.strftime("%H:%M:%S", time.localtime(moment / 1000))
        line = f"{time_of_day}.{moment % 1000:03} {self.name:<8} order {order_id} {what}"
        print(line, flush=True)
        with self._log.open("a") as log:
            log.write(line + "\n")

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True


def decoded(message: Message) -> tuple[str, Record]:
    """The order's id and the value."""
    key, value = message.key() or b"", message.value() or b"{}"
    return key.decode(), json.loads(value)


def place(target: Any, topic: str, order_id: str, value: Record) -> None:
    """Produce one record and wait for the acknowledgement. Raises `DeliveryError`."""
    failures: list[Any] = []
    target.produce(topic, json.dumps(value), order_id, on_delivery=lambda error, _: failures.append(error))
    if target.flush(30) or failures != [None]:
        raise DeliveryError(f"A record for {topic} was not delivered: {failures}")


def group_of(name: str) -> str:
    return f"pizza-{name}-{socket.gethostname()}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000
