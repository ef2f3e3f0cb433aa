"""How fast a sink connector is fed, and what that takes in memory: a topic of JSON records into a local file.

    python bench/connect_sink.py [--records 1000000] [--rounds 5]

Each round produces the records into one topic, in 140-byte JSON, and waits until `JsonLinesSink` has them and its
offsets are committed; the resident memory after each round says whether it grows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

import psutil

from headwater.cluster.api import Append, Commit, TopicPartition, TopicSpec
from headwater.cluster.local import LocalCluster
from headwater.connect.worker import Worker, WorkerSettings
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, Log, LogSettings
from headwater.log.offsets import OffsetStore
from headwater.wire.records import build_batch

BATCH = 2_000


def value(n: int) -> bytes:
    found = {
        "order_id": n,
        "customer": f"customer-{n % 1000:06d}",
        "price": n % 997 / 10,
        "status": "PLACED",
        "pad": "",
    }
    found["pad"] = "x" * (130 - len(json.dumps(found)))
    return json.dumps(found).encode()


def counted(path: Path) -> int:
    with path.open("rb") as file:
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))


async def round_(cluster, worker, records: int, end: int) -> tuple[float, float]:
    place = TopicPartition("orders", 0)
    started = time.perf_counter()
    values = [value(n) for n in range(BATCH)]
    batch = build_batch([(b"%d" % (n % 1000), v, 1, ()) for n, v in enumerate(values)])
    for _ in range(records // BATCH):
        await cluster.commit(Commit([Append(place, batch)]))
    produced = time.perf_counter() - started
    while True:
        found = await worker.offsets("lines")
        if found and found[0]["offset"]["kafka_offset"] >= end:
            return produced, time.perf_counter() - started
        await asyncio.sleep(0.01)


async def main(records: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = SystemClock()
        log = Log(DiskStorage(Path(folder) / "log"), clock, LogSettings())
        log.open()
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        worker = Worker(cluster, clock, WorkerSettings(Path(folder)))
        await worker.start()
        await cluster.create_topics([TopicSpec("orders")])
        config = {"connector.class": "JsonLinesSink", "topics": "orders", "file": f"{folder}/lines.json"}
        await worker.create("lines", config)
        process = psutil.Process()
        for number in range(rounds):
            produced, took = await round_(cluster, worker, records, records * (number + 1))
            lines = counted(Path(folder, "lines.json")) if number == rounds - 1 else None
            print(
                f"round {number + 1}: {records / took:,.0f} records/s from topic to file "
                f"(producing took {produced:.1f} s of {took:.1f} s), {process.memory_info().rss >> 20} MB resident"
                + (f", {lines:,} lines in the file" if lines is not None else "")
            )
        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")
        await worker.close()
        log.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    asyncio.run(main(options.records, options.rounds))
