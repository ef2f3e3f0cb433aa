"""`make fuzz`: hostile input to a real node over sockets; it must not crash, grow, or keep another client waiting.

Prints what it did and ends with 0, or with 1 if the node ended, grew by more than 64 MB, or left another connection
without an answer for more than 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import Process, Value
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from random import Random

import psutil
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from headwater.wire.frames import request_frame
from headwater.wire.messages import ApiVersionsRequest
from tests.broker.hostile import TOPIC, inputs

GROWTH_MB = 64
STALL_MS = 100.0
CONNECTIONS = 8
PER_CONNECTION = 25
"""Inputs to a connection, if it lasts: most end it earlier."""
PATIENCE_S = 0.25
"""How long a connection waits for more answers: some requests may wait for long, as they ask for."""
_API_VERSIONS = 18
_SETTINGS = """
[log]
max_partitions = 500
max_partitions_per_topic = 20
topic_defaults = { "retention.bytes" = "10000000", "segment.bytes" = "1000000" }
[kafka]
auto_create_topics = false
"""
"""Bounds what a valid request may make the node keep: that is not what is measured."""


async def send(port: int, source: Iterator[bytes], count: int) -> int:
    """Send inputs over one connection until it ends; how many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    with suppress(OSError):
        while sent < count and not reader.at_eof():
            writer.write(next(source))
            sent += 1
            await writer.drain()
        writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while await reader.read(1 << 16):
                    pass
    writer.transport.abort()
    return sent


async def attack(port: int, wanted: int, seed: str) -> int:
    """Several connections at a time until so many inputs are sent; how many were."""
    sent = 0

    async def one(number: int) -> None:
        nonlocal sent
        source = inputs(Random(f"{seed} {number}"))
        while sent < wanted:
            sent += await send(port, source, PER_CONNECTION)

    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    return sent


def watch(port: int, longest: Synchronized[float], stop: Synchronized[int]) -> None:
    """In a process of its own: ask for ApiVersions every 2 ms and note the longest wait, in ms."""
    asyncio.run(_watch(port, longest, stop))


async def _watch(port: int, longest: Synchronized[float], stop: Synchronized[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = request_frame(_API_VERSIONS, 0, 7, "watch", ApiVersionsRequest())
    while not stop.value:
        began = time.perf_counter()
        writer.write(request)
        size = int.from_bytes(await reader.readexactly(4), "big")
        await reader.readexactly(size)
        longest.value = max(longest.value, (time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.002)


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    inputs: int
    seconds: float
    exit_code: int | None
    """Of the node, if it ended."""
    memory_mb: float
    growth_mb: float
    longest_wait_ms: float
    """Of another connection, whatever else the machine had to do."""
    traceback: str
    """The end of the node's log, if it has one."""


def run(wanted: int, seed: str) -> Outcome:
    """Start a node, send it so many inputs, stop it."""
    with tempfile.TemporaryDirectory(prefix="headwater-hostile-") as folder:
        config = Path(folder, "hostile.toml")
        config.write_text(_SETTINGS)
        command = [sys.executable, "-m", "headwater.cli.main", "up", "--free-ports"]
        options = ["--data", os.path.join(folder, "data"), "--config", str(config)]
        with Path(folder, "node.log").open("w") as log:
            node = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert node.stdout is not None
            ports = {}
            while "ksqldb" not in ports:
                name, _, address = node.stdout.readline().strip().partition(" ")
                ports[name] = int(address.rpartition(":")[2])
            port = ports["kafka"]
            admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
            admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
            outcome = _measured(node, port, wanted, seed)
        finally:
            node.terminate()
            node.communicate()
        text = Path(folder, "node.log").read_text("utf-8", "replace")
        return replace(outcome, traceback=text[-4_000:] if "Traceback" in text else "")


def _measured(node: subprocess.Popen[str], port: int, wanted: int, seed: str) -> Outcome:
    asyncio.run(attack(port, min(wanted // 10, 20_000), f"{seed} warm-up"))
    process = psutil.Process(node.pid)
    before = process.memory_info().rss / 1e6
    longest, stop = Value("d", 0.0), Value("i", 0)
    watcher = Process(target=watch, args=(port, longest, stop), daemon=True)
    watcher.start()
    began = time.perf_counter()
    sent = asyncio.run(attack(port, wanted, seed))
    took = time.perf_counter() - began
    stop.value = 1
    watcher.join(5)
    exit_code = node.poll()
    growth = process.memory_info().rss / 1e6 - before if exit_code is None else 0.0
    return Outcome(sent, took, exit_code, before, growth, longest.value, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", default=str(time.time_ns()))
    args = parser.parse_args()
    outcome = run(args.inputs, args.seed)
    sys.stdout.write(
        f"{outcome.inputs:,} inputs in {outcome.seconds:.0f} s (seed {args.seed}): "
        f"node {'runs' if outcome.exit_code is None else f'ended with {outcome.exit_code}'}, "
        f"memory {outcome.memory_mb:.0f} MB and {outcome.growth_mb:+.1f} MB, "
        f"longest wait of another connection {outcome.longest_wait_ms:.1f} ms\n{outcome.traceback}"
    )
    good = outcome.exit_code is None and outcome.growth_mb <= GROWTH_MB and outcome.longest_wait_ms <= STALL_MS
    raise SystemExit(0 if good and not outcome.traceback else 1)


if __name__ == "__main__":
    main()
