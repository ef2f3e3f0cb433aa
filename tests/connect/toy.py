"""Connectors for the tests of the runtime: a source of numbers and a sink into a list, both able to fail on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from headwater.cluster.api import TopicPartition
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask, SourceConnector, SourceContext, SourceTask

PARTITION = {"numbers": "all"}


@dataclass
class Numbers:
    """What the sources of one test give: numbers from 0 to before `end`. `errors` are raised by the next polls."""

    end: int = 0
    errors: list[Exception] = field(default_factory=list)
    polls: int = 0
    committed: list[Any] = field(default_factory=list)
    stopped: int = 0


class NumbersTask(SourceTask):
    """In batches of ten."""

    world: ClassVar[Numbers] = Numbers()

    async def start(self, config: Config, context: SourceContext) -> None:
        if config.flag("fail"):
            raise ConnectError(f"no entry with {config.text('secret')}")
        self.topic = config.text("topic")
        self.next = (context.offset(PARTITION) or {"next": 0})["next"]

    async def poll(self) -> list[SourceRecord]:
        world = type(self).world
        world.polls += 1
        if world.errors:
            raise world.errors.pop(0)
        while self.next >= world.end:  # noqa: ASYNC110 - a test moves it
            await asyncio.sleep(0.002)
        numbers = range(self.next, min(self.next + 10, world.end))
        self.next = numbers.stop
        return [SourceRecord(PARTITION, {"next": n + 1}, self.topic, key={"k": n}, value={"n": n}) for n in numbers]

    async def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        type(self).world.committed += offsets

    async def stop(self) -> None:
        type(self).world.stopped += 1


class NumbersConnector(SourceConnector):
    """Numbers."""

    names = ("com.example.toy.NumbersConnector", "Numbers")
    config = ConfigDef(
        Key("topic", Type.STRING, "Where to.", importance=Importance.HIGH),
        Key("secret", Type.PASSWORD, "Not to be seen.", default=""),
        Key("fail", Type.BOOLEAN, "Do not start.", default=False),
        ignored=("legacy.*",),
    )
    task = NumbersTask


@dataclass
class Held:
    """What the sinks of one test were given. `errors` are raised by the next puts; `refused` are ids to report."""

    records: list[SinkRecord] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    flushed: list[Mapping[TopicPartition, int]] = field(default_factory=list)
    keep_back: bool = False
    seek_to: int | None = None
    gate: asyncio.Event | None = None
    """Where a put waits, if it is there."""
    waiting: int = 0

    @property
    def ids(self) -> list[int]:
        return [record.value["id"] for record in self.records if record.value is not None]


class HeldTask(SinkTask):
    world: ClassVar[Held] = Held()

    async def start(self, config: Config, context: SinkContext) -> None:
        self.context = context

    async def open(self, partitions: Sequence[TopicPartition]) -> None:
        world = type(self).world
        if world.seek_to is not None:
            for partition in partitions:
                self.context.seek(partition, world.seek_to)

    async def put(self, records: Sequence[SinkRecord]) -> None:
        world = type(self).world
        if world.errors and records:
            raise world.errors.pop(0)
        if world.gate is not None:
            world.waiting += 1
            await world.gate.wait()
        for record in records:
            if record.value is not None and record.value.get("id") in world.refused:
                self.context.report(record, ValueError("the target wants no such thing"))
            else:
                world.records.append(record)

    async def flush(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int] | None:
        world = type(self).world
        world.flushed.append(offsets)
        return {} if world.keep_back else None


class HeldConnector(SinkConnector):
    """Into a list."""

    names = ("com.example.toy.HeldConnector", "Held")
    config = ConfigDef()
    task = HeldTask


AWAY = RetriableError("the target is away")
SOURCE = {"connector.class": "Numbers", "topic": "numbers"}
SINK = {
    "connector.class": "Held",
    "topics": "items",
    "offset.flush.interval.ms": "20",
    "errors.retry.delay.max.ms": "5",
}
