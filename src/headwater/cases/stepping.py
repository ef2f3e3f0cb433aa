"""A query runtime that runs queries only when they are fed: record by record, each query in one task.

It executes the same compiled programs as `engine.runtime`; what it leaves out is fetching, scheduling and committing.
Every topic counts as one partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headwater.engine.program import OutputRecord, Program
from headwater.engine.query import PersistentQuery, QueryContext
from headwater.engine.runtime import QueryRuntime
from headwater.engine.task import Task
from headwater.plan.steps import QueryPlan

_FAIL_ON_BAD_RECORD = "ksql.fail.on.deserialization.error"


@dataclass(frozen=True, slots=True)
class FedRecord:
    """A record of a topic, ready to be fed into a query."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()
    offset: int = 0


class SteppedQuery(PersistentQuery):
    """A persistent query whose inputs are fed by hand."""

    def __init__(
        self,
        query_id: str,
        plan: QueryPlan,
        sql: str,
        properties: Mapping[str, str],
        program: Program,
        context: QueryContext,
    ) -> None:
        super().__init__(query_id, plan, sql, properties, program, context)
        strict = str(properties.get(_FAIL_ON_BAD_RECORD, "")).lower() == "true"
        self.task = Task(program, 0, 0, query_id, context.log, fail_on_bad_record=strict)
        self.tasks = [self.task]

    def feed(self, topic: str, record: FedRecord) -> list[OutputRecord]:
        """Process one record; returns what the query writes to its sink. Raises what makes the query fail."""
        for stage_input in self.program.units[0].inputs:
            if stage_input.topic == topic:
                self.program.stage(stage_input)(self.task, (record,))
        written = [item for output in self.task.outputs for item in output]
        for output in self.task.outputs:
            output.clear()
        return written

    @property
    def topics(self) -> list[str]:
        """Topics that the query reads, each once, in the plan's order."""
        return list(dict.fromkeys(stage_input.topic for stage_input in self.program.units[0].inputs))

    @property
    def sink(self) -> str | None:
        """The topic that the query writes."""
        return self.plan.sink.topic if self.plan.sink is not None else None

    async def start(self) -> None:
        """Nothing runs on its own."""

    async def stop(self) -> None:
        """Nothing runs on its own."""

    async def cleanup(self) -> None:
        """There are no internal topics and no offsets."""


class SteppingRuntime(QueryRuntime):
    """Persistent queries that wait to be fed, in order of creation."""

    @property
    def stepped(self) -> list[SteppedQuery]:
        """The queries; a replaced one keeps its place."""
        return [query for query in self._queries.values() if isinstance(query, SteppedQuery)]

    def _single_partition(self, plan: QueryPlan) -> bool:
        return True

    async def start_query(
        self, query_id: str, plan: QueryPlan, sql: str, properties: Mapping[str, str]
    ) -> SteppedQuery:
        """Compile the query and keep it."""
        program = self.compile(plan, properties, query_id)
        query = SteppedQuery(query_id, plan, sql, properties, program, self.context)
        self._queries[query_id] = query
        return query

    async def replace_query(
        self, query_id: str, plan: QueryPlan, sql: str, properties: Mapping[str, str]
    ) -> SteppedQuery:
        """Swap the definition; place and state stay."""
        old = self._queries.get(query_id)
        new = await self.start_query(query_id, plan, sql, properties)
        if isinstance(old, SteppedQuery):
            for mine, before in zip(new.task.stores, old.task.stores, strict=False):
                if type(mine) is type(before):
                    mine.__dict__.update(before.__dict__)
        return new
