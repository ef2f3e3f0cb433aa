"""A process for the test of crashes: a worker over a log on disk, with the CDC connector.

    python -m tests.connect.postgres.worker_process FOLDER CONFIG

CONFIG is the connector's configuration as JSON. As the topic `data.public.items` grows it prints its end, and operation
and id of its last record. When its input ends it stops in order.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from headwater.cluster.api import LATEST, TopicPartition
from headwater.cluster.local import LocalCluster
from headwater.connect.plugins import Plugins
from headwater.connect.worker import Worker, WorkerSettings
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, Log, LogSettings
from headwater.log.offsets import OffsetStore
from headwater.wire.records import read_records

ITEMS = TopicPartition("data.public.items", 0)


async def last(cluster: LocalCluster, offset: int) -> str:
    """Operation and id of the record at an offset."""
    for fetched in await cluster.fetch({ITEMS: offset}):
        for record in read_records(fetched.data, offset):
            value = json.loads(record.value or b"")
            return f"{value['op']} {value['after']['id']}"
    return "? -1"


async def run(folder: Path, config: Mapping[str, str]) -> None:
    clock = SystemClock()
    log = Log(DiskStorage(folder), clock, LogSettings())
    log.open()
    cluster = LocalCluster(log, OffsetStore(log, clock), clock)
    await cluster.start()
    worker = Worker(cluster, clock, WorkerSettings(folder / "services"), Plugins())
    await worker.start()
    await worker.put_config("cdc", config)
    stopped = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    end = -1
    while not stopped.done():
        if cluster.topic(ITEMS.topic) is not None:
            now = await cluster.list_offset(ITEMS, LATEST)
            if now != end:
                end = now
                sys.stdout.write(f"{end} {await last(cluster, end - 1)}\n")
                sys.stdout.flush()
        for task in worker.status("cdc")["tasks"]:
            if task["state"] == "FAILED":
                sys.exit(task["trace"])
        await asyncio.sleep(0.01)
    await worker.close()
    await cluster.close()
    log.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), json.loads(sys.argv[2])))
