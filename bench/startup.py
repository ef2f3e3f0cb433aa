"""How long a node takes to be useful, and what it holds when idle."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

SQL = """
CREATE STREAM readings (sensor VARCHAR KEY, celsius DOUBLE)
  WITH (KAFKA_TOPIC='readings', VALUE_FORMAT='JSON', PARTITIONS=6);
CREATE TABLE latest AS SELECT sensor, LATEST_BY_OFFSET(celsius) AS celsius, COUNT(*) AS n FROM readings GROUP BY sensor;
INSERT INTO readings (sensor, celsius) VALUES ('roof', 21.5);
"""
QUERY = "SELECT * FROM latest WHERE sensor = 'roof';"


@contextmanager
def node(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """A node; gives its process, its REST address, and when it was started."""
    command = [sys.executable, "-m", "headwater.cli.main", "up", "--free-ports", *options]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            name, _, address = line.strip().partition(" ")
            if name == "ksqldb":
                yield process, address.strip(), started
                return
        raise RuntimeError("the node did not start")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def post(url: str, path: str, body: dict[str, object]) -> str:
    request = urllib.request.Request(url + path, json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        text: str = response.read().decode()
    return text


def rows(url: str) -> list[str]:
    """Rows of the pull query: its lines after the header."""
    return post(url, "/query-stream", {"sql": QUERY}).strip().splitlines()[1:]


def await_row(url: str) -> None:
    """Ask until the row is there."""
    while not rows(url):
        pass


def measure(rounds: int) -> dict[str, float]:
    """Seconds from process start to a row of a pull query on an existing folder (median), and idle memory in MB."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        with node("--data", folder) as (_, url, _started):
            post(url, "/ksql", {"ksql": SQL, "streamsProperties": {"auto.offset.reset": "earliest"}})
            await_row(url)
        for _ in range(rounds):
            with node("--data", folder) as (process, url, started):
                await_row(url)
                times.append(time.perf_counter() - started)
                memory = psutil.Process(process.pid).memory_info().rss / 1e6
    with node("--memory") as (process, _, _started):
        idle = psutil.Process(process.pid).memory_info().rss / 1e6
    return {
        "cold start s": round(statistics.median(times), 2),
        "idle MB": round(idle, 1),
        "with a query MB": round(memory, 1),
    }
