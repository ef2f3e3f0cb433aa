"""Clients of the broker measures: `python -m bench.load WHAT BOOTSTRAP TOPIC …` prints one line of JSON.

Each runs in a process of its own, with the same client library, confluent-kafka, whatever the broker.
"""

from __future__ import annotations

import json
import statistics
import struct
import sys
import threading
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

SIZE = 150
_QUEUE = {"queue.buffering.max.messages": 2_000_000, "queue.buffering.max.kbytes": 2_000_000}


def produce(bootstrap: str, topic: str, count: int, codec: str) -> float:
    """Records a second, from the first record given to the client to the last one acknowledged (acks=all)."""
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 5, **_QUEUE})
    producer.list_topics(topic, timeout=30)
    # Text that compresses as events do, in a few variants, so that no codec sees one record only.
    payloads = [(f'{{"order":{n},"customer":"c{n % 97}","amount":{n % 1000}.50,"note":"' + "x" * SIZE)[:SIZE].encode()
                for n in range(1000)]  # fmt: skip
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    started = time.perf_counter()
    for n in range(count):
        while True:
            try:
                producer.produce(topic, payloads[n % 1000], on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.05)
        if n % 10_000 == 0:
            producer.poll(0)
    producer.flush(120)
    elapsed = time.perf_counter() - started
    if failed:
        raise SystemExit(f"{len(failed)} records failed: {failed[0]}")
    return count / elapsed


def consume(bootstrap: str, topic: str, count: int) -> float:
    """Records a second, from the first batch to the last record."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": f"bench-{uuid.uuid4()}", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "fetch.queue.backoff.ms": 5, "queued.min.messages": 1_000_000,
        "queued.max.messages.kbytes": 1_000_000,
    })  # fmt: skip
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    seen = len(consumer.consume(1, 30))
    started = time.perf_counter()
    while seen < count:
        seen += len(consumer.consume(10_000, 1.0))
    elapsed = time.perf_counter() - started
    consumer.close()
    return count / elapsed


def latency(bootstrap: str, topic: str, seconds: int, rate: int) -> dict[str, float]:
    """Produce-to-consume milliseconds at `rate` records a second: p50, p99 and the longest, after a warm-up of 2 s."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": f"bench-{uuid.uuid4()}", "auto.offset.reset": "latest",
        "fetch.wait.max.ms": 500, "fetch.min.bytes": 1,
    })  # fmt: skip
    producer.list_topics(topic, timeout=30)
    end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]
    consumer.assign([TopicPartition(topic, 0, end)])
    total, warm_up = rate * (seconds + 2), rate * 2
    taken: list[float] = []

    def read() -> None:
        while len(taken) < total:
            message = consumer.poll(1.0)  # one at a time: `consume` waits until it has as many as it was asked for
            if message is not None:
                taken.append(time.perf_counter() - struct.unpack_from("d", message.value())[0])

    reader = threading.Thread(target=read)
    reader.start()
    started = time.perf_counter() + 0.5
    for n in range(total):
        due = started + n / rate
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        producer.produce(topic, struct.pack("d", time.perf_counter()) + b"x" * (SIZE - 8))
        producer.poll(0)
    producer.flush(30)
    reader.join(30)
    counted = sorted(value * 1000 for value in taken[warm_up:])
    return {"p50": statistics.median(counted), "p99": counted[int(len(counted) * 0.99)], "longest": counted[-1]}


def main() -> None:
    what, bootstrap, topic, *rest = sys.argv[1:]
    if what == "produce":
        result: object = produce(bootstrap, topic, int(rest[0]), rest[1])
    elif what == "consume":
        result = consume(bootstrap, topic, int(rest[0]))
    else:
        result = latency(bootstrap, topic, int(rest[0]), int(rest[1]))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
