"""Running one agent over the records of one partition: plain functions in a loop, asynchronous ones as a task."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, Protocol

from headwater.agents.app import SKIP, Agent
from headwater.agents.codec import decoder
from headwater.agents.context import CURRENT, Context
from headwater.agents.errors import AgentError
from headwater.agents.outbox import Outbox, output
from headwater.agents.store import Store
from headwater.agents.stream import Stream
from headwater.log.slices import SLICE_SECONDS
from headwater.wire.records import Record as RawRecord

_LOGGER = logging.getLogger(__name__)
STREAM_SECONDS = 0.05
"""How long an asynchronous agent is given records before the partition may commit; it gives up the loop by itself
whenever it waits, and every `SLICE_SECONDS` when it does not."""
_LOOK_EVERY = 32
"""Records between two looks at the clock."""
_PLACE = "__headwater.agents."


class Execution(Protocol):
    """An agent at a partition."""

    async def step(self, records: Sequence[RawRecord], start: int, end: int) -> int:
        """Process `records[start:end]`, or the first of them until the time is up; returns where to go on.

        Whatever is put out is in the outbox. Raises `AgentError` when a record fails and is not to be left out.
        """
        ...

    async def close(self) -> None: ...


def execution(agent: Agent, context: Context) -> Execution:
    """The agent at the context's partition."""
    return StreamExecution(agent, context) if agent.is_stream else PlainExecution(agent, context)


class _Records:
    """What both ways of running share: the end of a record, good or bad."""

    def __init__(self, agent: Agent, context: Context) -> None:
        self._agent = agent
        self._context = context
        self._outbox: Outbox = context.outbox
        self._stores: Sequence[Store] = tuple(context.stores.values())
        self._sinks = agent.sinks

    def done(self, record: RawRecord) -> None:
        """Keep what the record put out and changed."""
        if self._outbox.pending:
            self._outbox.settle()
        for store in self._stores:
            store.settle()

    def failed(self, record: RawRecord, error: Exception) -> None:
        """Undo what the record did. Raises `AgentError` unless it goes to the dead letters or is left out."""
        self._outbox.pending.clear()
        for store in self._stores:
            store.undo()
        agent, context = self._agent, self._context
        place = f"{context.topic}, partition {context.partition}, offset {record.offset}"
        reason = f"{type(error).__name__}: {error}"
        if agent.dead_letter is not None:
            self._outbox.pending.append((agent.dead_letter, _dead(agent, context, record, reason)))
            self._outbox.settle()
        elif agent.errors == SKIP:
            _LOGGER.warning("Agent %s of app %s skipped a record (%s): %s", agent.name, context.app, place, reason)
        else:
            raise AgentError(
                f"agent {agent.name} of app {context.app} failed at a record ({place}): {reason}"
            ) from error

    def emit(self, value: Any) -> None:
        """An output of the record in hand, to every sink."""
        if self._sinks:
            made = output(value, self._context)
            for sink in self._sinks:
                self._outbox.pending.append((sink, made))


def _dead(agent: Agent, context: Context, record: RawRecord, reason: str) -> Any:
    headers = [
        *record.headers,
        (f"{_PLACE}app", context.app.encode()),
        (f"{_PLACE}agent", agent.name.encode()),
        (f"{_PLACE}topic", context.topic.encode()),
        (f"{_PLACE}partition", str(context.partition).encode()),
        (f"{_PLACE}offset", str(record.offset).encode()),
        (f"{_PLACE}error", reason.encode()),
    ]
    return record.key, record.value, record.timestamp, headers


class PlainExecution(_Records):
    """Calls a plain function record by record."""

    def __init__(self, agent: Agent, context: Context) -> None:
        super().__init__(agent, context)
        self._decode = decoder(agent.value)
        self._function: Callable[[Any], Any] = agent.function

    async def step(self, records: Sequence[RawRecord], start: int, end: int) -> int:
        """See `Execution`."""
        token = CURRENT.set(self._context)
        try:
            return self._run(records, start, end)
        finally:
            self._context.record = None
            CURRENT.reset(token)

    def _run(self, records: Sequence[RawRecord], start: int, end: int) -> int:
        context, outbox, decode, function = self._context, self._outbox, self._decode, self._function
        pending, stores = outbox.pending, self._stores
        deadline = time.perf_counter() + SLICE_SECONDS
        for index in range(start, end):
            record = context.record = records[index]
            try:
                out = function(decode(record.value))
                if out is not None and self._sinks:
                    self._emit(out)
            except Exception as error:  # noqa: BLE001 - what to do about a bad record is declared
                self.failed(record, error)
            else:
                if pending:
                    outbox.settle()
                for store in stores:
                    store.settle()
            if not index % _LOOK_EVERY and time.perf_counter() > deadline:
                return index + 1
        return end

    def _emit(self, out: Any) -> None:
        kind = type(out)
        if kind is list or (kind is not dict and isinstance(out, Iterator)):
            for each in out:
                self.emit(each)
        else:
            self.emit(out)

    async def close(self) -> None:
        """Nothing runs between two steps."""


class StreamExecution(_Records):
    """Runs an asynchronous agent as a task, which rests in `Stream.__anext__` between two steps."""

    def __init__(self, agent: Agent, context: Context) -> None:
        super().__init__(agent, context)
        self._stream: Stream[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    async def step(self, records: Sequence[RawRecord], start: int, end: int) -> int:
        """See `Execution`."""
        given = records if end == len(records) else records[:end]
        deadline = time.perf_counter() + STREAM_SECONDS
        while True:
            stream, task = self._running()
            stream.give(given, start, deadline)
            parked = asyncio.ensure_future(stream.parked.wait())
            await asyncio.wait((parked, task), return_when=asyncio.FIRST_COMPLETED)
            parked.cancel()
            if stream.parked.is_set():
                return stream.at
            self._stream = self._task = None
            self._ended(task, stream.context.record)
            start = stream.at

    def _running(self) -> tuple[Stream[Any], asyncio.Task[None]]:
        if self._stream is None or self._task is None:
            self._stream = Stream(self._context, decoder(self._agent.value), self.done, self.failed)
            run = copy_context()
            run.run(CURRENT.set, self._context)
            self._task = asyncio.create_task(self._drive(self._stream), name=f"agent {self._agent.name}", context=run)
        return self._stream, self._task

    async def _drive(self, stream: Stream[Any]) -> None:
        running = self._agent.function(stream)
        if not isinstance(running, AsyncIterator):
            await running
            return
        async for out in running:
            if out is not None:
                self.emit(out)

    def _ended(self, task: asyncio.Task[None], record: RawRecord | None) -> None:
        """An agent that ended by itself is begun anew; one that failed too, unless its record's failure stops it."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, AgentError):
            raise error
        self._context.record = None
        if isinstance(error, Exception) and record is not None:
            self.failed(record, error)
        elif error is not None:
            raise AgentError(f"agent {self._agent.name} of app {self._context.app} failed: {error!r}") from error
        elif record is not None:
            self.done(record)
        else:
            raise AgentError(f"agent {self._agent.name} of app {self._context.app} ended without reading its stream")

    async def close(self) -> None:
        """Cancel the task: what it was in the middle of was not committed."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
