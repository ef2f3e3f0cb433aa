"""What the broker takes on its own: starting, recovering, many partitions, connections and groups, a busy query."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bench.brokers import Broker, headwater
from bench.kafka_peer import create, load
from bench.startup import post

_GIB = 1 << 30
_BUSY_SQL = """
CREATE STREAM busy (id INT, amount DOUBLE, note VARCHAR) WITH (KAFKA_TOPIC='busy', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE busiest AS SELECT id, COUNT(*) AS n, SUM(amount) AS total FROM busy GROUP BY id;
"""


def measure() -> list[Mapping[str, object]]:
    """One row per measure, with what is asked of it."""
    return [
        _row("start to first accepted produce, empty folder (s)", first_produce(), "< 0.7"),
        _row("recovery of a 2 GB log after kill -9 (s)", recovery(), "< 3"),
        _row("idle RSS with 1,000 partitions (MB)", thousand_partitions(), "< 120"),
        _row("p99 at 1,000/s beside a busy query (ms)", beside_a_query(), "<= 15"),
        _row("longest request, 1,000 connections and 200 groups (s)", crowd(), "< 1"),
    ]


def _row(name: str, value: float, asked: str) -> Mapping[str, object]:
    return {"measure": name, "value": round(value, 2), "asked": asked}


def first_produce() -> float:
    """Seconds from the start of the process to an acknowledged record, by a client that connects as soon as it can."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    with headwater(None, "--kafka-port", str(port), ready=False):
        while not _listens(port):
            time.sleep(0.001)
        acknowledged = threading.Event()
        producer = Producer({"bootstrap.servers": f"127.0.0.1:{port}", "linger.ms": 0})
        producer.produce("first", b"1", on_delivery=lambda error, _: acknowledged.set() if error is None else None)
        while not acknowledged.is_set():
            producer.poll(0.001)
        return time.perf_counter() - started


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def recovery() -> float:
    """Seconds from the start on a folder whose writer was killed, with 2 GB in it, to its endpoints."""
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        with headwater(Path(folder)) as broker:
            create(broker, "large", 1)
            producer = Producer({"bootstrap.servers": broker.bootstrap, "batch.size": 900_000, "linger.ms": 20})
            payload = os.urandom(1 << 16)
            for _ in range(2 * _GIB >> 16):
                while len(producer) > 2_000:
                    producer.poll(0.1)
                producer.produce("large", payload)
            producer.flush(120)
            os.kill(broker.pid, signal.SIGKILL)
        started = time.perf_counter()
        with headwater(Path(folder)):
            return time.perf_counter() - started


def thousand_partitions() -> float:
    """MB resident, on disk, with 100 topics of 10 partitions that hold a record each."""
    with headwater() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        topics = [NewTopic(f"many-{number}", 10, 1) for number in range(100)]
        for future in admin.create_topics(topics).values():
            future.result(60)
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        for topic in topics:
            for partition in range(10):
                producer.produce(topic.topic, b"x", partition=partition)
        producer.flush(60)
        return psutil.Process(broker.pid).memory_info().rss / 1e6


def beside_a_query() -> float:
    """p99 in ms of records that pass while an aggregation reads as fast as it can."""
    with headwater() as broker:
        post(broker.ksql, "/ksql", {"ksql": _BUSY_SQL, "streamsProperties": {"auto.offset.reset": "earliest"}})
        create(broker, "quick", 1)
        feeder = subprocess.Popen([sys.executable, "-m", "bench.broker_node", broker.bootstrap])
        try:
            measured: float = load("latency", broker.bootstrap, "quick", 10, 1000)["p99"]
        finally:
            feeder.terminate()
            feeder.wait()
        return measured


def feed(bootstrap: str) -> None:
    """Keep the query behind: JSON records into its topic until killed, 20,000 in every tenth of a second."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    batch = [b'{"ID":%d,"AMOUNT":%d.5,"NOTE":"as long as a note is"}' % (n % 1000, n) for n in range(20_000)]
    while True:
        began = time.perf_counter()
        for value in batch:
            producer.produce("busy", value, partition=0)
        producer.flush(30)
        time.sleep(max(0.0, 0.1 - (time.perf_counter() - began)))


def crowd() -> float:
    """The longest of many requests, seconds, while 1,000 connections are open and 200 groups of one commit."""
    with headwater() as broker:
        create(broker, "crowd", 10)
        host, _, port = broker.bootstrap.rpartition(":")
        sockets = [socket.create_connection((host, int(port))) for _ in range(1_000)]
        consumers = [_member(broker) for _ in range(200)]
        longest = 0.0
        try:
            producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0})
            for round_number in range(5):
                for consumer in consumers:
                    began = time.perf_counter()
                    consumer.commit(offsets=[TopicPartition("crowd", 0, round_number)], asynchronous=False)
                    longest = max(longest, time.perf_counter() - began)
                began = time.perf_counter()
                producer.produce("crowd", b"x")
                producer.flush(30)
                longest = max(longest, time.perf_counter() - began)
        finally:
            for consumer in consumers:
                consumer.close()
            for one in sockets:
                one.close()
        return longest


def _member(broker: Broker) -> Consumer:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": f"crowd-{uuid.uuid4()}"})
    consumer.subscribe(["crowd"])
    while not consumer.assignment():
        consumer.poll(0.1)
    return consumer


if __name__ == "__main__":
    feed(sys.argv[1])
