"""Change data capture: our connector and real Debezium on the same database and workload, and how late changes arrive.

Ours is a worker over a log on disk: records end durable in their topic, as JSON. Debezium's engine makes the same JSON
and writes it to a file. Both begin with the changes waiting for them; the time is from the first record to the last.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg

from headwater.app.loop import tune_process
from headwater.cluster.api import LATEST, TopicPartition
from headwater.cluster.local import LocalCluster
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, Log, LogSettings
from headwater.log.offsets import OffsetStore
from headwater.testing.connect_rig import ConnectRig
from headwater.wire.records import read_records
from tests.debezium_fixture import debezium_program
from tests.ports import take_ports
from tests.postgres_fixture import PASSWORD, USER, Database, fresh_database, running_postgres

TOPIC = TopicPartition("data.public.orders", 0)
TABLE = (
    "CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, amount numeric(10,2) NOT NULL, "
    "placed timestamptz NOT NULL, note text, paid boolean NOT NULL DEFAULT false)"
)
CHANGES_PER_SECOND = 500
JSON = "org.apache.kafka.connect.json.JsonConverter"


def config(database: Database, slot: str) -> dict[str, str]:
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": database.server.host, "database.port": str(database.server.port),
        "database.user": USER, "database.password": PASSWORD, "database.dbname": database.name,
        "topic.prefix": "data", "slot.name": slot, "plugin.name": "pgoutput", "snapshot.mode": "no_data",
        "tombstones.on.delete": "false",
    }  # fmt: skip


def prepare(database: Database, changes: int) -> None:
    """Half of the changes are new rows, then four of ten update one, and the rest delete one; 1,000 per transaction."""
    database.execute(TABLE, "CREATE PUBLICATION dbz_publication FOR ALL TABLES")
    for slot in ("ours", "theirs"):
        database.execute(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    new, updated, gone = changes // 2, changes * 4 // 10, changes // 10
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        for first in range(0, new, 1000):
            connection.execute(
                "INSERT INTO orders SELECT i, 'customer ' || i %% 1000, i * 1.25, now(), repeat('x', 30), false "
                "FROM generate_series(%s::int, %s) i", (first, min(first + 999, new - 1)),
            )  # fmt: skip
        for first in range(0, updated, 1000):
            connection.execute("UPDATE orders SET paid = true WHERE id BETWEEN %s AND %s", (first, first + 999))
        for first in range(0, gone, 1000):
            connection.execute("DELETE FROM orders WHERE id BETWEEN %s AND %s", (first, first + 999))


@asynccontextmanager
async def worker(folder: Path) -> AsyncIterator[ConnectRig]:
    """A worker over a log on disk."""
    clock = SystemClock()
    log = Log(DiskStorage(folder / "log"), clock, LogSettings())
    log.open()
    try:
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        async with ConnectRig(folder / "services", cluster=cluster) as rig:
            yield rig
    finally:
        log.close()


async def ours(database: Database, changes: int, folder: Path) -> float:
    """Changes per second into the topic."""
    async with worker(folder) as rig:
        given = {**config(database, "ours"), "value.converter": JSON, "value.converter.schemas.enable": "false"}
        given |= {"key.converter": JSON, "key.converter.schemas.enable": "false"}
        await rig.worker.create("cdc", given)
        begin = None
        end = 0
        while end < changes:
            await asyncio.sleep(0.005)
            if rig.cluster.topic(TOPIC.topic) is not None:
                end = await rig.cluster.list_offset(TOPIC, LATEST)
            elif "FAILED" in rig.states("cdc"):
                raise AssertionError(rig.trace("cdc"))
            if end and begin is None:
                begin, first = time.perf_counter(), end
        assert begin is not None
        return (end - first) / (time.perf_counter() - begin)


def theirs(database: Database, changes: int, folder: Path) -> float:
    """Changes per second into a file."""
    given: Mapping[str, str] = {**config(database, "theirs"), "max.batch.size": "2048"}
    with debezium_program().running(folder, given, schemas=False) as engine:
        begin, first, count = None, 0, 0
        with (folder / "records.jsonl").open("rb") as file:
            while count < changes:
                count += file.read().count(b"\n")
                if count and begin is None:
                    begin, first = time.perf_counter(), count
                if engine.ended():
                    raise AssertionError(engine.log_text()[-2000:])
                time.sleep(0.005)
        assert begin is not None
        return (count - first) / (time.perf_counter() - begin)


async def delays(database: Database, seconds: int, folder: Path) -> list[float]:
    """How long after its commit began each change was to be had in the topic, in ms, at a steady rate."""
    database.execute("TRUNCATE orders", "SELECT pg_replication_slot_advance('ours', pg_current_wal_lsn())")
    count = seconds * CHANGES_PER_SECOND
    found: list[float] = []
    async with worker(folder) as rig:
        given = {**config(database, "ours"), "value.converter": JSON, "value.converter.schemas.enable": "false"}
        await rig.create("cdc", given)
        # The server first reads its log again from before the slot's place: that is over when this row has come.
        database.execute("INSERT INTO orders VALUES (-1, 'c', 1.5, now(), 'warm')")
        await rig.until(lambda: rig.cluster.topic(TOPIC.topic) is not None, "the first change")
        at = await rig.cluster.list_offset(TOPIC, LATEST)
        writing = asyncio.create_task(asyncio.to_thread(write_steadily, database, count))
        while len(found) < count:
            await rig.cluster.wait({TOPIC: at}, 1.0)
            for fetched in await rig.cluster.fetch({TOPIC: at}):
                now = time.time()
                for record in read_records(fetched.data, at):
                    row: Any = json.loads(record.value or b"")["after"]
                    if row is not None and row["id"] >= 0:
                        found.append((now - float(row["note"])) * 1000)
                at = fetched.next_offset
        await writing
    return sorted(found)


def write_steadily(database: Database, count: int) -> None:
    """One committed row after the other, each with the time it was sent."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        begin = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, begin + number / CHANGES_PER_SECOND - time.perf_counter()))
            connection.execute(
                "INSERT INTO orders VALUES (%s, 'c', 1.5, now(), %s)", (number, repr(time.time())), prepare=True
            )


def measure(changes: int, seconds: int = 20) -> list[dict[str, object]]:
    """All of it, as rows of a table."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-cdc-"))
    rows: list[dict[str, object]] = []
    try:
        with running_postgres(take_ports(1)[0]) as server, fresh_database(server) as database:
            prepare(database, changes)
            mine = asyncio.run(ours(database, changes, folder / "ours"))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            other = theirs(database, changes, folder / "theirs")
            rows += [
                {"measure": f"{changes:,} changes, ours, changes/s", "value": round(mine)},
                {"measure": f"{changes:,} changes, Debezium, changes/s", "value": round(other)},
                {"measure": "ours / Debezium", "value": f"{mine / other:.2f}"},
                {"measure": "peak memory of the process with ours, MB", "value": round(peak)},
            ]
            late = asyncio.run(delays(database, seconds, folder / "late"))
            rows += [
                {"measure": f"delay at {CHANGES_PER_SECOND} changes/s, p{part}, ms",
                 "value": f"{late[min(len(late) - 1, len(late) * part // 100)]:.1f}"}
                for part in (50, 99, 100)
            ]  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


if __name__ == "__main__":
    tune_process()  # as a node's process does
    for line in measure(200_000):
        print(line["measure"], line["value"])
