"""All agents of an app at one partition: one position per topic, one part of each table, one commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from headwater.agents.app import App, Timer
from headwater.agents.codec import decoder
from headwater.agents.context import CURRENT, Context
from headwater.agents.errors import AgentError
from headwater.agents.execution import Execution, execution
from headwater.agents.outbox import Outbox
from headwater.agents.outputs import Outputs
from headwater.agents.store import Store
from headwater.cluster.api import EARLIEST, LATEST, Append, Cluster, Commit, Fetched, TopicPartition
from headwater.cluster.remote.errors import FencedError
from headwater.core.clock import Clock
from headwater.log.slices import next_turn
from headwater.wire.records import read_records

_LOGGER = logging.getLogger(__name__)
COMMIT_SECONDS = 0.05
"""A busy partition commits so often: its output is that much late while there is a backlog, at once when there is
none."""
_COMMIT_OUTPUTS = 50_000
_FETCH_BYTES = 1 << 20
_RESTORE_BYTES = 1 << 19
_IDLE_SECONDS = 5.0
_PATIENCE_SECONDS = 1.0


class Observer(Protocol):
    """Who is told what an app reads and writes: lineage, where the app is not seen on the wire."""

    def committed(self, topics: Sequence[str], appends: Sequence[Append]) -> None:
        """Positions in the topics, and these records."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """What all tasks of an app share."""

    app: App
    cluster: Cluster
    clock: Clock
    outputs: Outputs
    observer: Observer | None = None


class _Input:
    """A source topic's partition with the agents that read it."""

    def __init__(self, place: TopicPartition, position: int, agents: Sequence[Execution]) -> None:
        self.place = place
        self.position = position
        self.agents = agents


class PartitionTask:
    """`round` again and again (by `Supervised`), then `close`. A round that failed makes the next one begin from the
    last commit."""

    def __init__(self, around: Surroundings, partition: int) -> None:
        self.partition = partition
        self.processed = 0
        """Records since the process began."""
        self.caught_up = False
        """Whether the last look found nothing to read, and everything was committed."""
        self.polled = around.clock.monotonic()
        """When it last went on: an agent that waits for something for too long stands still."""
        self._around = around
        self._ready = False
        self._owned = False
        """Whether the partition has been taken over. That is done once: it may be somebody else's by now."""
        self._fenced = False
        self._inputs: list[_Input] = []
        self._outbox = Outbox()
        self._stores: dict[str, Store] = {}
        self._timers: list[tuple[Timer, Context]] = []
        self._due: list[float] = []
        self._committed: dict[TopicPartition, int] = {}
        self._committed_at = 0.0

    @property
    def transactional_id(self) -> str:
        """One per partition: whoever has the partition now shuts out whoever had it before."""
        return f"{self._around.app.name}-{self.partition}"

    async def round(self) -> None:
        """Build up what is needed, or process what has arrived and commit it, or wait for it."""
        if self._fenced:
            await asyncio.Event().wait()  # the group will give the partition to whoever is to have it
        self.polled = self._around.clock.monotonic()
        try:
            if not self._ready:
                await self._build()
                self._ready = True
            await self._work()
        except FencedError as error:
            self._fenced = True
            _LOGGER.warning("App %s lost partition %d: %s", self._around.app.name, self.partition, error)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give up everything since the last commit."""
        self._ready = self.caught_up = False
        for source in self._inputs:
            for agent in source.agents:
                await agent.close()
        self._inputs = []

    # Beginning

    async def _build(self) -> None:
        around = self._around
        if self._owned:
            await around.cluster.regain(self.transactional_id)
        else:
            await around.cluster.take_over(self.transactional_id)
            self._owned = True
        self._outbox = Outbox()
        self._stores = {name: table.new_store() for name, table in around.app.tables.items()}
        for name, table in around.app.tables.items():
            await self._restore(self._stores[name], TopicPartition(table.changelog, self.partition))
            table.restored(self._stores[name])
        await self._position()
        self._build_timers()
        self._committed_at = around.clock.monotonic()

    async def _restore(self, store: Store, place: TopicPartition) -> None:
        cluster = self._around.cluster
        position, end = await cluster.list_offset(place, EARLIEST), await cluster.list_offset(place, LATEST)
        while position < end:
            fetched = await cluster.fetch({place: position}, _RESTORE_BYTES)
            for batch in fetched:
                store.restore(read_records(batch.data, position))
                position = batch.next_offset
            self.polled = self._around.clock.monotonic()
            if not fetched and position < end:
                await cluster.wait({place: position}, _PATIENCE_SECONDS)
            await next_turn()

    async def _position(self) -> None:
        app, cluster = self._around.app, self._around.cluster
        places: dict[TopicPartition, list[Execution]] = {}
        for agent in app.agents:
            info = cluster.topic(agent.source.name)
            if info is not None and self.partition < info.partitions:
                place = TopicPartition(agent.source.name, self.partition)
                places.setdefault(place, []).append(execution(agent, self._context(agent.name, agent.source.name)))
        self._committed = await cluster.committed(app.name, list(places))
        for place, agents in places.items():
            self._inputs.append(_Input(place, await self._start(place), agents))

    async def _start(self, place: TopicPartition) -> int:
        cluster, app = self._around.cluster, self._around.app
        position = self._committed.get(place)
        if position is None:
            return await cluster.list_offset(place, EARLIEST if app.start == "earliest" else LATEST)
        if position > await cluster.list_offset(place, LATEST):
            _LOGGER.warning("App %s begins %s-%d anew: the topic was made anew", app.name, *place)
            return await cluster.list_offset(place, EARLIEST)
        return position

    def _context(self, agent: str, topic: str) -> Context:
        app = self._around.app
        key = next((a.source.key for a in app.agents if a.source.name == topic), bytes)
        return Context(app.name, agent, topic, self.partition, self._outbox, self._stores, decoder(key))

    def _build_timers(self) -> None:
        now = self._around.clock.monotonic()
        mine = [t for t in self._around.app.timers if not t.once or self.partition == 0]
        self._timers = [(timer, self._context(timer.name, "")) for timer in mine]
        self._due = [now + timer.seconds for timer in mine]

    # Working

    async def _work(self) -> None:
        await self._tick()
        cluster = self._around.cluster
        positions = {source.place: source.position for source in self._inputs}
        fetched = await cluster.fetch(positions, _FETCH_BYTES) if positions else []
        if fetched:
            self.caught_up = False
            for batch in fetched:
                await self._process(batch)
        elif self._is_uncommitted:
            await self._commit()
        else:
            self.caught_up = True
            await self._wait(positions)

    async def _wait(self, positions: dict[TopicPartition, int]) -> None:
        clock = self._around.clock
        timeout = max(0.0, min([_IDLE_SECONDS, *(due - clock.monotonic() for due in self._due)]))
        if positions:
            await self._around.cluster.wait(positions, timeout)
        else:
            await clock.sleep(timeout)

    async def _process(self, batch: Fetched) -> None:
        source = next(source for source in self._inputs if source.place == batch.partition)
        records = read_records(batch.data, source.position)
        first, *others = source.agents
        at = 0
        while at < len(records):
            end = await first.step(records, at, len(records))
            for other in others:
                done = at
                while done < end:
                    done = await other.step(records, done, end)
            self.processed += end - at
            at = end
            source.position = records[at].offset if at < len(records) else batch.next_offset
            await self._between()
        source.position = batch.next_offset

    async def _between(self) -> None:
        """After a slice: others' turn, timers, a commit if it is time."""
        await self._tick()
        self.polled = self._around.clock.monotonic()
        busy = self.polled - self._committed_at
        if busy >= COMMIT_SECONDS or self._outbox.count >= _COMMIT_OUTPUTS:
            await self._commit()
        await next_turn()

    async def _tick(self) -> None:
        """Call the timers that are due; what they put out is part of the next commit."""
        clock = self._around.clock
        for number, (timer, context) in enumerate(self._timers):
            if clock.monotonic() < self._due[number]:
                continue
            self._due[number] = clock.monotonic() + timer.seconds
            context.clock_ms = clock.now_ms()
            token = CURRENT.set(context)
            try:
                result = timer.function()
                if asyncio.iscoroutine(result):
                    await result
            except Exception as error:
                where = f"timer {timer.name} of app {self._around.app.name}, partition {self.partition}"
                raise AgentError(f"{where}: {type(error).__name__}: {error}") from error
            finally:
                CURRENT.reset(token)
            self._outbox.settle()
            for store in self._stores.values():
                store.settle()

    # Committing

    @property
    def _is_uncommitted(self) -> bool:
        return (
            bool(self._outbox.topics)
            or any(self._committed.get(s.place) != s.position for s in self._inputs)
            or any(store.changed for store in self._stores.values())
        )

    async def _commit(self) -> None:
        around = self._around
        self._committed_at = around.clock.monotonic()
        if not self._is_uncommitted:
            return
        appends = await around.outputs.appends(self._outbox.take())
        now = around.clock.now_ms()
        for name, table in around.app.tables.items():
            table.expire(self._stores[name])
            appends += around.outputs.changes(table.changelog, self.partition, self._stores[name].changes(now))
        offsets = {s.place: s.position for s in self._inputs if self._committed.get(s.place) != s.position}
        await around.cluster.commit(Commit(appends, around.app.name, offsets, self.transactional_id))
        self._committed |= offsets
        if around.observer is not None:
            around.observer.committed([place.topic for place in offsets], appends)
