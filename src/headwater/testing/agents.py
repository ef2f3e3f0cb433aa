"""`AgentRig`: an app over a log in memory whose time stands still, for tests of agents without a node."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Self

import msgspec

from headwater.agents.app import App
from headwater.agents.runner import Runner
from headwater.cluster.api import EARLIEST, Commit, TopicPartition, TopicSpec
from headwater.cluster.batches import OutputRecord as Batched
from headwater.cluster.batches import Partitioner, appends
from headwater.cluster.local import LocalCluster
from headwater.core.errors import UnknownTopicError
from headwater.library.loop import BackgroundLoop
from headwater.log import Log, LogSettings, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.testing.clock import START_MS, ManualClock
from headwater.testing.record import OutputRecord, Payload, Record, payload
from headwater.wire.records import read_records

PATIENCE_SECONDS = 100.0
"""How long the app may take to settle: only a broken one takes so long."""


class AgentRig:
    """Use it with `with`. `restart` is what a new process would do: tables come back from their changelogs."""

    def __init__(self, app: App, *, partitions: int = 1, now_ms: int = START_MS) -> None:
        """`partitions` is for topics that `feed` makes."""
        self.app = app
        self.clock = ManualClock(now_ms)
        self._partitions = partitions
        self._loop = BackgroundLoop("agent-rig")
        self._log = Log(MemoryStorage(), self.clock, LogSettings())
        self._log.open()
        self._cluster = LocalCluster(self._log, OffsetStore(self._log, self.clock), self.clock)
        self._runner: Runner | None = None

    def __enter__(self) -> Self:
        try:
            self._loop.run(self._cluster.start())
            self._loop.run(self._start())
        except BaseException:
            self._loop.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.run(self._stop())
        self._loop.stop()
        self._log.close()

    def feed(self, topic: str, records: Iterable[Record | Payload]) -> None:
        """Put records on a topic, which is made if it is missing, and wait until the app has dealt with all. What is no
        `Record` is a value. Raises `AssertionError` with the reason if the app cannot."""
        self._loop.run(self._produce(topic, [r if isinstance(r, Record) else Record(r) for r in records]))
        self.settle()

    def output(self, topic: str) -> list[OutputRecord]:
        """All records of a topic, partition by partition; values and keys are bytes. Raises `UnknownTopicError`."""
        return self._loop.run(self._read(topic))

    def values(self, topic: str) -> list[Any]:
        """The values of a topic's records, as JSON."""
        return [None if record.value is None else msgspec.json.decode(record.value) for record in self.output(topic)]

    def advance(self, seconds: float) -> None:
        """Let time pass; timers that are due go off, and what they put out is committed."""

        async def move() -> None:
            self.clock.advance(round(seconds * 1000))

        self._loop.run(move())
        self.settle()

    def advance_until_settled(self, seconds: float = 60.0, times: int = 10) -> None:
        """Let time pass until what had failed has been tried again with success. Raises `AssertionError` if it is not
        within so many steps."""
        for _ in range(times):
            try:
                self.advance(seconds)
            except AssertionError:
                continue
            return
        self.settle()

    def restart(self) -> None:
        """Stop the app and begin it again on the same topics."""
        self._loop.run(self._stop())
        self._loop.run(self._start())
        self.settle()

    def settle(self) -> None:
        """Wait until everything has been read and committed. Raises `AssertionError` with the reason if not."""
        self._loop.run(self._settle())

    @property
    def problems(self) -> list[str]:
        """Why parts of the app stand still."""
        return [] if self._runner is None else self._runner.problems

    async def _start(self) -> None:
        self._runner = Runner(self.app, self._cluster, self.clock)
        self._runner.start()

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.close()

    async def _settle(self) -> None:
        assert self._runner is not None
        end = time.monotonic() + PATIENCE_SECONDS
        quiet = 0
        while quiet < _QUIET_TURNS:
            quiet = quiet + 1 if await self._runner.settled() else 0
            await self.clock.sleep(0)
            if self._runner.problems or time.monotonic() > end:
                raise AssertionError("; ".join(self._runner.problems) or "the app does not settle")

    async def _produce(self, topic: str, records: list[Record]) -> None:
        info = self._cluster.topic(topic)
        if info is None:
            declared = self.app.topics.get(topic)
            count = (declared.partitions if declared is not None else None) or self._partitions
            await self._cluster.create_topics([TopicSpec(topic, count)])
        else:
            count = info.partitions
        now = self.clock.now_ms()
        encoded: list[Batched] = [
            (payload(r.key), payload(r.value), r.timestamp if isinstance(r.timestamp, int) else now, r.headers)
            for r in records
        ]
        parts = Partitioner(count).split(encoded)
        await self._cluster.commit(Commit([a for index, part in parts for a in appends(topic, index, part)]))

    async def _read(self, topic: str) -> list[OutputRecord]:
        info = self._cluster.topic(topic)
        if info is None:
            raise UnknownTopicError(f"There is no topic {topic}.")
        found: list[OutputRecord] = []
        for partition in range(info.partitions):
            place = TopicPartition(topic, partition)
            at = await self._cluster.list_offset(place, EARLIEST)
            while batches := await self._cluster.fetch({place: at}):
                found += [
                    OutputRecord(r.key, r.value, None, r.timestamp, tuple(r.headers), partition, r.offset)
                    for r in read_records(batches[0].data, at)
                ]
                at = batches[0].next_offset
        return found


_QUIET_TURNS = 5
"""Turns of the loop without anything to do after which nothing is under way."""
