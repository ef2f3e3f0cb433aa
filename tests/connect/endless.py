"""A process for the test of crashes: a worker over a log on disk, with a source that counts without end.

    python -m tests.connect.endless FOLDER

It prints a line for each batch that its source was told to be durable.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headwater.cluster.local import LocalCluster
from headwater.connect.config import Config, ConfigDef
from headwater.connect.plugins import Plugins
from headwater.connect.record import SourceRecord
from headwater.connect.spi import SourceConnector, SourceContext, SourceTask
from headwater.connect.worker import Worker, WorkerSettings
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, Log, LogSettings
from headwater.log.offsets import OffsetStore

TOPIC = "counted"
PARTITION = {"all": 1}
BATCH = 50


class EndlessTask(SourceTask):
    async def start(self, config: Config, context: SourceContext) -> None:
        self.next = (context.offset(PARTITION) or {"next": 0})["next"]

    async def poll(self) -> list[SourceRecord]:
        await asyncio.sleep(0)
        numbers = range(self.next, self.next + BATCH)
        self.next = numbers.stop
        return [SourceRecord(PARTITION, {"next": n + 1}, TOPIC, key=n % 7, value=n) for n in numbers]

    async def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        sys.stdout.write(f"{offsets[-1][1]['next']}\n")
        sys.stdout.flush()


class EndlessConnector(SourceConnector):
    """Counts."""

    names = ("tests.Endless",)
    config = ConfigDef()
    task = EndlessTask


async def run(folder: Path) -> None:
    clock = SystemClock()
    log = Log(DiskStorage(folder), clock, LogSettings())
    log.open()
    cluster = LocalCluster(log, OffsetStore(log, clock), clock)
    await cluster.start()
    worker = Worker(cluster, clock, WorkerSettings(folder / "services"), Plugins([EndlessConnector]))
    await worker.start()
    config = {"connector.class": "tests.Endless", "topic.creation.default.partitions": "3"}
    await worker.put_config("endless", config)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
