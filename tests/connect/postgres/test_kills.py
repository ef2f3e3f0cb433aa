"""kill -9 in the middle of a snapshot and of the stream: nothing lost, nothing doubled, the order of each key kept.

`HEADWATER_CDC_KILLS` says how often, instead of three times each.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from headwater.cluster.local import LocalCluster
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, Log, LogSettings
from headwater.log.offsets import OffsetStore
from headwater.wire.records import read_records
from tests.connect.postgres.running import settings
from tests.connect.postgres.worker_process import ITEMS
from tests.postgres_fixture import Database

KILLS = int(os.environ.get("HEADWATER_CDC_KILLS", "3"))
ROOT = Path(__file__).parents[3]
ROWS = 4_000
END = 1_000_000
JSON = "org.apache.kafka.connect.json.JsonConverter"
Told = list[tuple[str, int, int]]
"""Operation, key and version of each record, in order."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 10 * KILLS)]


@contextmanager
def worker(folder: Path, config: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The process, killed at the end if it is still there."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-m", "tests.connect.postgres.worker_process", str(folder), json.dumps(config)]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, text=True, env=env, stdin=pipe, stdout=pipe, stderr=null) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], enough: Callable[[int, str], bool]) -> int:
    """Read what it prints (the topic's end, the last record) until that is enough; the last end."""
    assert process.stdout is not None
    while True:
        line = process.stdout.readline()
        assert line, "the process ended by itself"
        end, _, record = line.rstrip().partition(" ")
        if enough(int(end), record):
            return int(end)


def reaches(goal: int) -> Callable[[int, str], bool]:
    """Whether the topic has so many records."""
    return lambda end, _: end >= goal


@contextmanager
def updates(database: Database, keys: range) -> Iterator[None]:
    """Rows change all the time: each update raises the version of some rows by one."""
    stop, moments = threading.Event(), random.Random(7)

    def write() -> None:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            while not stop.is_set():
                first = moments.choice(keys)
                connection.execute(
                    "UPDATE items SET version = version + 1 WHERE id BETWEEN %s AND %s", (first, first + 9)
                )
                stop.wait(0.002)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def told(folder: Path) -> Told:
    """What the topic tells."""
    clock = SystemClock()
    log = Log(DiskStorage(folder), clock, LogSettings())
    log.open()
    try:
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        out: Told = []
        at = 0
        while fetched := await cluster.fetch({ITEMS: at}):
            for record in read_records(fetched[0].data, at):
                value = json.loads(record.value or b"")
                out.append((value["op"], value["after"]["id"], value["after"]["version"]))
            at = fetched[0].next_offset
        await cluster.close()
        return out
    finally:
        log.close()


def check(records: Told, rows: list[tuple[int, int]]) -> None:
    """Every version of each row in its order; before a snapshot that was taken again, some may be left out."""
    by_key: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for op, key, version in records:
        by_key[key].append((op, version))
    for key, version in rows:
        found = by_key[key]
        for (_, before), (op, now) in pairwise(found):
            assert now >= before if op == "r" else now == before + 1, (key, found)
        assert found[-1][1] == version, (key, found, version)


def config(database: Database) -> dict[str, str]:
    converters = {f"{side}.converter": JSON for side in ("key", "value")}
    plain = {f"{side}.converter.schemas.enable": "false" for side in ("key", "value")}
    given = {**settings(database), **converters, **plain, "snapshot.fetch.size": "200", "max.batch.size": "200"}
    del given["name"]
    return given


def prepare(database: Database) -> None:
    database.execute(
        "CREATE TABLE items (id int PRIMARY KEY, version int NOT NULL)",
        f"INSERT INTO items SELECT i, 0 FROM generate_series(0, {ROWS - 1}) i",
    )


async def finish(database: Database, folder: Path) -> None:
    """Let a last process read everything, and check what all of them have told."""
    # A change that comes after all others: when the stream tells of it, it has told of all.
    database.execute(f"INSERT INTO items VALUES ({END}, 0)")
    with worker(folder, config(database)) as process, updates(database, range(END, END + 1)):
        until(process, lambda _, record: record == f"u {END}")
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)
    check(await told(folder), [(key, v) for key, v in database.execute("SELECT id, version FROM items") if key != END])


async def test_nothing_is_lost_when_the_node_is_killed_during_the_snapshot(postgres: Database, tmp_path: Path) -> None:
    prepare(postgres)
    moments = random.Random(6)
    end = 0
    with updates(postgres, range(ROWS)):
        for _ in range(KILLS):
            with worker(tmp_path, config(postgres)) as process:
                end = until(process, reaches(end + 1))
                end = until(process, reaches(end + moments.randrange(ROWS)))
    await finish(postgres, tmp_path)


async def test_nothing_is_lost_when_the_node_is_killed_while_streaming(postgres: Database, tmp_path: Path) -> None:
    prepare(postgres)
    moments = random.Random(9)
    end = ROWS
    with updates(postgres, range(ROWS)):
        for _ in range(KILLS):
            with worker(tmp_path, config(postgres)) as process:
                end = until(process, reaches(end + moments.randrange(1, 2_000)))
    await finish(postgres, tmp_path)
