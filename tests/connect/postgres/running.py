"""Runs the connector's task against a real server as a worker does, and keeps what it gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.connect.connectors.postgres import PostgresConnector, PostgresTask
from headwater.connect.converters.json_converter import JsonConverter
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.spi import SourceOffset
from headwater.core.clock import Clock, SystemClock
from tests.postgres_fixture import PASSWORD, USER, Database

PATIENCE = 30.0
"""Seconds that records may take to come on a busy machine."""


def settings(database: Database, **given: str) -> dict[str, str]:
    """A configuration for a database; `table_include_list` stands for `table.include.list`."""
    return {
        "name": "cdc",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": database.server.host,
        "database.port": str(database.server.port),
        "database.user": USER,
        "database.password": PASSWORD,
        "database.dbname": database.name,
        "topic.prefix": "data",
        "slot.name": database.slot,
        "plugin.name": "pgoutput",
        "poll.interval.ms": "50",
        **{name.replace("_", "."): value for name, value in given.items()},
    }


@dataclass
class StoredOffsets:
    """What a worker would have written: it outlives the task."""

    by_partition: dict[str, tuple[SourceOffset, SourceOffset]] = field(default_factory=dict)

    def store(self, record: SourceRecord) -> None:
        key = json.dumps(dict(record.source_partition), sort_keys=True)
        # Offsets go through JSON, as they do on their way into a topic.
        self.by_partition[key] = (record.source_partition, json.loads(json.dumps(dict(record.source_offset))))


class Context:
    """A worker's context over stored offsets."""

    def __init__(self, stored: StoredOffsets, folder: Path) -> None:
        self._stored = stored
        self.connector, self.task = "cdc", 0
        self.clock: Clock = SystemClock()
        self.folder = folder

    def offset(self, partition: SourceOffset) -> SourceOffset | None:
        found = self._stored.by_partition.get(json.dumps(dict(partition), sort_keys=True))
        return None if found is None else found[1]

    def offsets(self) -> list[tuple[SourceOffset, SourceOffset]]:
        return list(self._stored.by_partition.values())

    def report(self, record: SourceRecord | SinkRecord, error: Exception) -> None:
        raise error


class Running:
    """A started task and the records it gave so far."""

    def __init__(self, config: Mapping[str, str], stored: StoredOffsets, folder: Path = Path()) -> None:
        parsed = PostgresConnector.config.parse(config)
        assert not parsed.errors, parsed.errors
        self.config = parsed.config
        self.stored = stored
        self.task = PostgresTask()
        self.context = Context(stored, folder)
        self.records: list[SourceRecord] = []

    async def start(self) -> None:
        await self.task.start(self.config, self.context)

    async def poll(self) -> list[SourceRecord]:
        """One round of a worker: poll, write, commit."""
        batch = list(await self.task.poll())
        self.records += batch
        for record in batch:
            self.stored.store(record)
        if batch:
            await self.task.commit([(batch[-1].source_partition, batch[-1].source_offset)])
        return batch

    async def until(self, enough: Callable[[list[SourceRecord]], bool] | int) -> list[SourceRecord]:
        """All records so far, as soon as there are so many, or they are enough."""
        async with asyncio.timeout(PATIENCE):
            while not (len(self.records) >= enough if isinstance(enough, int) else enough(self.records)):
                await self.poll()
        return self.records


@asynccontextmanager
async def running(
    config: Mapping[str, str], stored: StoredOffsets | None = None, folder: Path = Path()
) -> AsyncIterator[Running]:
    """A started task, stopped at the end."""
    task = Running(config, StoredOffsets() if stored is None else stored, folder)
    try:
        await task.start()
        yield task
    finally:
        await task.task.stop()


def as_json(record: SourceRecord) -> tuple[str, Any, Any]:
    """Topic, key and value as Connect's JSON converter writes them, schemas included."""
    given = {"schemas.enable": "true", "replace.null.with.default": "false"}
    key = JsonConverter(given, True).encode(record.topic, record.key_schema, record.key)
    value = JsonConverter(given, False).encode(record.topic, record.value_schema, record.value)
    return record.topic, None if key is None else json.loads(key), None if value is None else json.loads(value)
