"""`TaskRun`: the life of one task, the same for sources and sinks: starting, working, resting, failing, stopping."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.cluster.api import Cluster, Commit
from headwater.cluster.remote.errors import AuthenticationError, FencedError
from headwater.connect.config import Config
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.spi import SinkTask, SourceTask
from headwater.connect.state.offsets import SourceOffsets
from headwater.connect.state.statuses import State, Status, Statuses
from headwater.connect.tasks.counts import AllCounts, TaskName
from headwater.connect.tasks.failures import Failure, Tolerance, trace
from headwater.connect.tasks.interrupts import Interrupted, Interrupts
from headwater.connect.tasks.retry import Retrier, RetryPolicy
from headwater.core.clock import Clock
from headwater.core.errors import ClusterError, LogError
from headwater.formats.api import SchemaRegistry
from headwater.log.errors import InvalidTopicConfigError, InvalidTopicError, RecordTooLargeError

GRACE_SECONDS = 5.0
"""How long a task may take to finish what it is doing when it is stopped: Connect's
`task.shutdown.graceful.timeout.ms`. Then it is cancelled."""

_PERMANENT = (AuthenticationError, FencedError, RecordTooLargeError, InvalidTopicError, InvalidTopicConfigError)
_LOGGER = logging.getLogger(__name__)


def transactional_id(group_id: str, task: TaskName) -> str:
    """Under which a source's task commits: one at a time can (KIP-618)."""
    return f"connect-{group_id}-{task}"


@dataclass(frozen=True)
class TaskServices:
    """What the tasks of a worker share."""

    cluster: Cluster
    clock: Clock
    offsets: SourceOffsets
    statuses: Statuses
    folder: Path
    """Of embedded services."""
    group_id: str
    """Of the worker; begins the transactional ids of its sources."""
    registry: SchemaRegistry | None = None
    counts: AllCounts = field(default_factory=AllCounts)


@dataclass(frozen=True)
class TaskSettings:
    """What one task is made with: its configuration with secrets looked up, and those secrets, to be hidden."""

    name: TaskName
    config: Config
    secrets: Sequence[str]


class TaskRun(ABC):
    """One task from its start to its stop. `changed` is called after each change of `status`."""

    def __init__(
        self,
        task: SourceTask | SinkTask,
        settings: TaskSettings,
        services: TaskServices,
        changed: Callable[[TaskRun], None],
        *,
        paused: bool = False,
    ) -> None:
        self.settings = settings
        self.services = services
        self.status = Status(State.UNASSIGNED)
        self.counts = services.counts.of(settings.name)
        self._tolerance = Tolerance.of(settings.config)
        self._any_task = task
        self._changed = changed
        self._paused = paused
        self._stopping = False
        self._begun = False
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self.interrupts = Interrupts()
        self.retrier = Retrier(RetryPolicy.of(settings.config), services.clock, self._pause_between, self._notice)

    # For the owner

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._runner = asyncio.get_running_loop().create_task(self._run(), name=f"connector-task {self.settings.name}")

    def pause(self) -> None:
        """Move no records from now on, but keep what the task has opened."""
        self._paused = True
        self._signal()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        self._signal()

    async def stop(self) -> None:
        """Finish what is under way, or give it up after a while, and end. Never raises for what the task does."""
        self._stopping = True
        self._signal()
        if self._runner is None:
            return
        _, late = await asyncio.wait([self._runner], timeout=GRACE_SECONDS)
        for runner in late:
            _LOGGER.warning("Task %s did not stop in %g s and is cancelled", self.settings.name, GRACE_SECONDS)
            runner.cancel()
            await asyncio.wait([runner])
        if self._writing is not None:
            # Whoever comes next has to see what it wrote.
            await asyncio.wait([self._writing])

    # The life

    async def _run(self) -> None:
        try:
            if await self._begin():
                while not self._stopping:
                    await self._turn()
                await self.finish()
        except Interrupted:
            return
        except Exception as error:  # noqa: BLE001 - whatever a connector raises fails its task and nothing else
            self._fail(error)
        finally:
            await self._dispose()

    async def _begin(self) -> bool:
        while not self._stopping:
            try:
                await self.open()
            except Interrupted:
                continue
            else:
                self._begun = True
                self._set(Status(State.PAUSED if self._paused else State.RUNNING))
                return True
        return False

    async def _turn(self) -> None:
        try:
            if self._paused:
                await self._rest()
            else:
                await self.work()
        except Interrupted:
            return

    async def _rest(self) -> None:
        try:
            await self.settle()
        except Interrupted:
            _LOGGER.warning("Task %s pauses before what it moved is known to be durable", self.settings.name)
        self._set(Status(State.PAUSED))
        while self._paused and not self._stopping:
            self._wake.clear()
            await self._wake.wait()
        if not self._stopping:
            self._set(Status(State.RUNNING))

    async def _dispose(self) -> None:
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._any_task.stop()
        except Exception as error:  # noqa: BLE001 - it is being stopped: nobody can do more about it
            _LOGGER.warning("Task %s did not stop cleanly: %s", self.settings.name, error)

    # What a source and a sink do

    @abstractmethod
    async def open(self) -> None:
        """Start the connector's task."""

    @abstractmethod
    async def work(self) -> None:
        """Move some records. Called again and again; ends early with `Interrupted`."""

    async def settle(self) -> None:  # noqa: B027 - optional
        """Make durable what was moved: the task pauses."""

    async def finish(self) -> None:  # noqa: B027 - optional
        """Make durable what was moved: the task ends."""

    # Shared by both

    def refused(self, failure: Failure, record: str) -> None:
        """A record cannot be handled; `record` says which one. Raises `ConnectError` where that is not tolerated."""
        self.counts.failed += 1
        self._tolerance.judge(str(self.settings.name), failure, record)

    async def uninterrupted(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, which goes on to its end when the task is cancelled: a cancellation in the middle of a write
        would part what is written from what is known of it."""
        writing = asyncio.get_running_loop().create_task(work)
        writing.add_done_callback(_look)
        self._writing = writing
        await asyncio.shield(writing)

    async def commit(self, work: Commit) -> None:
        """Write. To be called in `uninterrupted`.

        Raises `RetriableError` for what may be over later, `ConnectError` for what will not.
        """
        try:
            await self.services.cluster.commit(work)
        except _PERMANENT as error:
            raise ConnectError(f"Cannot write to the topics: {error}") from error
        except (ClusterError, LogError) as error:
            raise RetriableError(f"Cannot write to the topics now: {error}") from error

    def _set(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._changed(self)

    def _fail(self, error: Exception) -> None:
        text = trace(error, self.settings.secrets)
        _LOGGER.error("Task %s failed: %s", self.settings.name, text)
        self._set(Status(State.FAILED, text))

    def _notice(self, error: Exception | None) -> None:
        """Show in the status what is being waited out; the log has it once."""
        state = self.status.state
        if error is None:
            self._set(Status(state))
            return
        self.counts.retries += 1
        cause = trace(error, self.settings.secrets)
        waiting = Status(state, f"Trying again: {cause}")
        if waiting != self.status:
            _LOGGER.warning("Task %s tries again: %s", self.settings.name, cause)
        self._set(waiting)

    async def _pause_between(self, seconds: float) -> None:
        await self.interruptible(self.services.clock.sleep(seconds))

    async def interruptible(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What `work` returns, unless the task is told to pause or stop: then `Interrupted`."""
        if self._stopping or (self._paused and self._begun):
            work.close()
            raise Interrupted
        return await self.interrupts.wait(work)

    def _signal(self) -> None:
        self._wake.set()
        self.interrupts.interrupt()


def _look(task: asyncio.Task[None]) -> None:
    """Whoever was cancelled while waiting does not want to hear of it."""
    if not task.cancelled():
        task.exception()


class Context:
    """What both kinds of tasks are given."""

    def __init__(self, run: TaskRun) -> None:
        self._settings = run.settings
        self._services = run.services

    @property
    def connector(self) -> str:
        return self._settings.name.connector

    @property
    def task(self) -> int:
        return self._settings.name.number

    @property
    def clock(self) -> Clock:
        return self._services.clock

    @property
    def folder(self) -> Path:
        self._services.folder.mkdir(parents=True, exist_ok=True)
        return self._services.folder
