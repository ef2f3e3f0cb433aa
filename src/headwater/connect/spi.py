"""What a connector implements: a `SourceConnector` with a `SourceTask`, or a `SinkConnector` with a `SinkTask`.

A connector is a class that names itself, declares its configuration, and says which task does the work:

    class CounterTask(SourceTask):
        async def start(self, config: Config, context: SourceContext) -> None:
            self.topic, self.clock = config.text("topic"), context.clock
            self.next = (context.offset({"counter": "a"}) or {"next": 0})["next"]

        async def poll(self) -> list[SourceRecord]:
            await self.clock.sleep(1)
            self.next += 1
            return [SourceRecord({"counter": "a"}, {"next": self.next}, self.topic, value={"n": self.next})]

    class CounterConnector(SourceConnector):
        names = ("com.example.Counter", "Counter")
        config = ConfigDef(Key("topic", Type.STRING, "Topic to count into."))
        task = CounterTask

It is found when it stands in a module or package of `headwater.connect.connectors`, or when an installed package names
it under the entry point group `headwater.connectors`.

Everything runs on the node's one event loop: a method may wait, but not compute for longer than a few milliseconds at a
time. Calls of a client library that blocks go through `asyncio.to_thread`. Libraries beyond the base install are
imported in `start` or `validate`, not with the module; a missing one is a `MissingExtraError`.

What a task raises decides: `RetriableError` repeats the call after a growing pause, until `errors.retry.timeout` where
it is set; `ConnectError`, and any other exception, fails the task, with the cause in its status. A worker calls the
methods of one task one after the other, never two at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from headwater.cluster.api import TopicPartition
from headwater.connect.config import Config, ConfigDef
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.core.clock import Clock

SourceOffset = Mapping[str, Any]
"""Where a source is, or which part of a source it is: JSON values by name."""


class TaskContext(Protocol):
    """What the worker gives a task."""

    @property
    def connector(self) -> str:
        """The name that the user gave the connector."""
        ...

    @property
    def task(self) -> int:
        """Number of this task, from 0 on."""
        ...

    @property
    def clock(self) -> Clock:
        """The only source of time and of pauses."""
        ...

    @property
    def folder(self) -> Path:
        """Where embedded services keep their files, one folder for all connectors of the node; it exists."""
        ...

    def report(self, record: SourceRecord | SinkRecord, error: Exception) -> None:
        """One record is bad, the others are not. With `errors.tolerance=all` it is logged and goes to the dead-letter
        topic, and the task goes on as if it had been handled; without, this raises `ConnectError`."""
        ...


class SourceContext(TaskContext, Protocol):
    """What a source's task gets besides."""

    def offset(self, partition: SourceOffset) -> SourceOffset | None:
        """The offset of the last record of this source partition that was written durably; None for none."""
        ...

    def offsets(self) -> list[tuple[SourceOffset, SourceOffset]]:
        """All of the connector's: (partition, offset)."""
        ...


class SinkContext(TaskContext, Protocol):
    """What a sink's task gets besides."""

    @property
    def assignment(self) -> Sequence[TopicPartition]:
        """The partitions that the task reads."""
        ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from this offset, whatever the group committed: for targets that store their own progress. Called in
        `open`, or in `put` before raising `RetriableError`."""
        ...

    def pause(self, *partitions: TopicPartition) -> None:
        """Deliver nothing of these until `resume`."""
        ...

    def resume(self, *partitions: TopicPartition) -> None:
        """Go on with partitions that were paused."""
        ...

    def request_flush(self) -> None:
        """Call `flush` after the `put` under way instead of at the next interval."""
        ...


class SourceTask(ABC):
    """Brings records in. One object lives from `start` to `stop`; a restart makes a new one."""

    @abstractmethod
    async def start(self, config: Config, context: SourceContext) -> None:
        """Connect, and find the place to go on from. `config` has what `task_configs` gave this task, secrets
        included. After a `RetriableError` it is called again on the same object."""

    @abstractmethod
    async def poll(self) -> Sequence[SourceRecord]:
        """The next records, a batch of a size that is good for the source (up to some thousand).

        Waits until there are some; it may also return none after a while. It is cancelled when the task is stopped or
        paused: what was not returned must be found again after `commit`ted offsets, so change no state before the last
        `await`. The worker writes records and their offsets all or nothing before it polls again: after kill -9 a new
        task starts from the offset of the last batch that was written.
        """

    async def commit(self, offsets: Sequence[tuple[SourceOffset, SourceOffset]]) -> None:  # noqa: B027 - optional
        """The records up to these offsets are durable, (partition, offset) each: a source may be told to forget
        them."""

    async def stop(self) -> None:  # noqa: B027 - optional
        """Give up connections. Called once, also after a failure of `start` or `poll`; nothing is called after it."""


class SinkTask(ABC):
    """Takes records out. One object lives from `start` to `stop`; a restart makes a new one."""

    @abstractmethod
    async def start(self, config: Config, context: SinkContext) -> None:
        """Connect. `config` has what `task_configs` gave this task, secrets included. After a `RetriableError` it is
        called again on the same object."""

    @abstractmethod
    async def put(self, records: Sequence[SinkRecord]) -> None:
        """Take a batch, in the order of each partition: write it, or keep it until `flush`.

        A `RetriableError` repeats the same batch. A batch can come twice after a crash, so write by key,
        topic-partition-offset or whatever makes the second time harmless where the target can. An empty batch comes now
        and then when there is nothing to read, for work that depends on time.
        """

    async def flush(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int] | None:
        """Make everything durable that was put. `offsets` are exclusive ends of what was.

        Returns the ends that are durable, to be committed: fewer or lower ones where something is still kept; None
        stands for all of `offsets`.
        """
        return None

    async def open(self, partitions: Sequence[TopicPartition]) -> None:  # noqa: B027 - optional
        """These will be read from now on: called after `start`, and when a topic or partition is new."""

    async def close(self, partitions: Sequence[TopicPartition]) -> None:  # noqa: B027 - optional
        """These will not be read any more; `flush` was called before, unless the task failed."""

    async def stop(self) -> None:  # noqa: B027 - optional
        """Give up connections. Called once, also after a failure; nothing is called after it."""


class Connector(ABC):
    """What both kinds declare, as class attributes; objects have no state."""

    names: ClassVar[tuple[str, ...]]
    """All values of `connector.class` that select it: first the original's full class name, then short names of the
    cloud's (`MongoDbAtlasSink`). The last part of a full name selects it too."""
    version: ClassVar[str] = "1.0.0"
    title: ClassVar[str] = ""
    """A few words for people: "PostgreSQL CDC". The first line of the class's docstring says more."""
    config: ClassVar[ConfigDef]
    """The connector's own keys. Those that every connector has (`name`, `tasks.max`, converters, transforms, errors,
    topics of a sink) are the worker's."""

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        """Errors by key that only the outside world can tell: a host that does not answer, a wrong password. Called
        when every value is right by itself; a few seconds at most."""
        return {}

    async def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """What each task is told besides the connector's configuration, one entry per task, at most `max_tasks`.

        One task unless overridden. A task finds its entry in its `config` (`config.raw["task.tables"]`).
        """
        return [{}]


class SourceConnector(Connector):
    """Brings records in."""

    task: ClassVar[type[SourceTask]]


class SinkConnector(Connector):
    """Takes records out. By default it may have `tasks.max` tasks, which share the partitions of the topics."""

    task: ClassVar[type[SinkTask]]

    async def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{} for _ in range(max_tasks)]
