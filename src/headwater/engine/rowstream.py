"""Results of SELECT: rows in batches, from a transient query over topics or from a table's state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from headwater.cluster.api import EARLIEST, LATEST, TopicPartition
from headwater.core.schema import Schema
from headwater.engine.program import Program
from headwater.engine.query import QueryContext
from headwater.engine.task import Feed, Task
from headwater.log.slices import SLICE_SECONDS, next_turn

_FETCH_BYTES = 1 << 20
_IDLE_SECONDS = 5.0
_ROWS_PER_BATCH = 500


class ResultRow(NamedTuple):
    """Values in the schema's order; a tombstone has its key columns only."""

    values: tuple[object, ...]
    tombstone: bool = False


class RowStream(Protocol):
    """An async iterator over batches of rows. `close` may be called at any time and more than once."""

    query_id: str
    schema: Schema
    is_table: bool
    limit_reached: bool

    def __aiter__(self) -> AsyncIterator[list[ResultRow]]: ...

    async def __anext__(self) -> list[ResultRow]: ...

    async def close(self) -> None: ...


class TransientQuery:
    """A push query (endless or to its LIMIT), or with `bounded` a scan of what is there now.

    It runs in its reader: records are fetched and processed when the next batch of rows is asked for, all partitions
    in one task.
    """

    def __init__(self, query_id: str, program: Program, context: QueryContext, *, bounded: bool = False) -> None:
        self.query_id = query_id
        self.program = program
        self.schema = program.plan.schema
        self.is_table = program.plan.root.is_table
        self.limit_reached = False
        self._context = context
        self._left = program.plan.limit
        self._bounded = bounded
        self._ends: dict[TopicPartition, int] = {}
        self._closed = False
        self._before_cut: list[int] | None = None
        self._task = Task(program, 0, 0, query_id, context.log)

    async def start(self, properties: Mapping[str, str], starts: Sequence[int] | None = None) -> None:
        """Find where to start: the latest unless `auto.offset.reset` says earliest; tables always the earliest.

        `starts` has an offset for each partition, of which records may be gone by now.
        """
        cluster = self._context.cluster
        from_start = self._bounded or properties.get("auto.offset.reset") == "earliest"
        for stage_input in self.program.units[0].inputs:
            info = cluster.topic(stage_input.topic)
            timestamp = EARLIEST if from_start or stage_input.table else LATEST
            for partition in range(info.partitions if info is not None else 0):
                place = TopicPartition(stage_input.topic, partition)
                start = await cluster.list_offset(place, timestamp)
                if starts is not None and partition < len(starts):
                    first, end = await cluster.list_offset(place, EARLIEST), await cluster.list_offset(place, LATEST)
                    start = min(max(starts[partition], first), end)
                self._task.read(place, self.program.stage(stage_input), start)
                if self._bounded:
                    self._ends[place] = await cluster.list_offset(place, LATEST)
        self._context.reading.join(self._task.feeds)

    def positions(self) -> list[int]:
        """The next offset of each partition, after the batch that was given last.

        Before it if LIMIT has cut it: who goes on from there gets rows again, and misses none.
        """
        if self._before_cut is not None:
            return self._before_cut
        return [feed.position for feed in sorted(self._task.feeds, key=lambda feed: feed.place)]

    def __aiter__(self) -> AsyncIterator[list[ResultRow]]:
        return self

    async def __anext__(self) -> list[ResultRow]:
        while not self._closed and self._left != 0:
            before = self.positions()
            rows = await self._more()
            if rows:
                return self._within_limit(rows, before)
            if self._bounded and self._finished():
                break
        self.limit_reached = self._left == 0
        raise StopAsyncIteration

    def _within_limit(self, rows: list[ResultRow], before: list[int]) -> list[ResultRow]:
        if self._left is not None:
            if len(rows) > self._left:
                self._before_cut = before
            rows = rows[: self._left]
            self._left -= len(rows)
        return rows

    def _finished(self) -> bool:
        return not self._task.has_input and all(feed.position >= self._ends[feed.place] for feed in self._task.feeds)

    async def _more(self) -> list[ResultRow]:
        """Rows of one slice of work; waits for input if there is none."""
        task, cluster = self._task, self._context.cluster
        wanted = self._wanted()
        if wanted:
            feeds = {feed.place: feed for feed in task.feeds}
            for stretch in await self._context.reading.fetch(wanted, _FETCH_BYTES):
                task.accept(stretch)
                self._cut(feeds[stretch.place])
        if task.has_input:
            task.run(SLICE_SECONDS)
            for output in task.outputs:
                output.clear()
            for store in task.stores:
                for _ in store.changes():
                    pass
            rows = [ResultRow(values, tombstone) for values, tombstone in task.rows]
            task.rows.clear()
            await next_turn()
            return rows
        if not (self._bounded and self._finished()):
            await cluster.wait(self._wanted(), _IDLE_SECONDS)
        return []

    def _wanted(self) -> dict[TopicPartition, int]:
        wanted = self._task.wanted()
        if self._bounded:
            return {place: offset for place, offset in wanted.items() if offset < self._ends[place]}
        return wanted

    def _cut(self, feed: Feed) -> None:
        """A bounded scan stops at the end seen when it began."""
        if self._bounded and feed.fetched_to > self._ends[feed.place]:
            end = self._ends[feed.place]
            feed.records = [record for record in feed.records if record.offset < end]

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._context.reading.leave(self._task.feeds)


class StateRows:
    """Rows read from a table's state at one moment, handed out in batches."""

    is_table = True
    limit_reached = False

    def __init__(self, query_id: str, schema: Schema, rows: Sequence[tuple[object, ...]]) -> None:
        self.query_id = query_id
        self.schema = schema
        self._rows = rows
        self._at = 0

    def __aiter__(self) -> AsyncIterator[list[ResultRow]]:
        return self

    async def __anext__(self) -> list[ResultRow]:
        batch = self._rows[self._at : self._at + _ROWS_PER_BATCH]
        if not batch:
            raise StopAsyncIteration
        self._at += len(batch)
        return [ResultRow(values) for values in batch]

    async def close(self) -> None:
        self._rows = ()
