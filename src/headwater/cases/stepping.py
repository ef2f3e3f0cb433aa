"""A query runtime for test cases: queries run only when they are fed, record by record, in one task each.

It stands in the place of `engine.runtime.QueryRuntime`, with the same compiled programs; what it leaves out is fetching,
scheduling and committing. Time stands still and every topic counts as one partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headwater.core.clock import Clock
from headwater.engine.compiler import CompileOptions, compile_plan
from headwater.engine.processing_log import ProcessingLogger
from headwater.engine.program import OutputRecord, Program
from headwater.engine.task import Task
from headwater.formats.api import SchemaRegistry
from headwater.plan.expressions import ExpressionOptions
from headwater.plan.functions import FunctionRegistry
from headwater.plan.steps import QueryPlan


@dataclass(frozen=True, slots=True)
class FedRecord:
    """A record on its way into a query."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()
    offset: int = 0


@dataclass
class SteppedQuery:
    """A persistent query whose inputs are fed by hand."""

    id: str
    plan: QueryPlan
    sql: str
    properties: Mapping[str, str]
    program: Program
    task: Task
    state: str = "RUNNING"
    errors: list[object] = field(default_factory=list)

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
        """Topics that the query reads."""
        return [stage_input.topic for stage_input in self.program.units[0].inputs]


class SteppingRuntime:
    """Persistent queries in order of creation, fed by the runner of a test case."""

    def __init__(
        self, functions: FunctionRegistry, registry: SchemaRegistry | None, clock: Clock, log: ProcessingLogger
    ) -> None:
        self._functions = functions
        self._registry = registry
        self._clock = clock
        self._log = log
        self.queries: dict[str, SteppedQuery] = {}

    def __iter__(self) -> Iterator[SteppedQuery]:
        return iter(self.queries.values())

    def compile(self, plan: QueryPlan, properties: Mapping[str, str], name: str) -> Program:
        def flag(key: str, default: str) -> bool:
            return str(properties.get(key, default)).lower() == "true"

        options = CompileOptions(
            single_task=True,
            expressions=ExpressionOptions(
                preserve_null_strings=flag("ksql.cast.strings.preserve.nulls", "true"),
                nested_error_null=flag("ksql.nested.error.set.null", "true"),
                clock=self._clock,
            ),
            throw_on_invalid_timestamp=flag("ksql.timestamp.throw.on.invalid", "false"),
        )
        return compile_plan(plan, self._functions, self._registry, options, name)

    async def start_query(
        self, query_id: str, plan: QueryPlan, sql: str, properties: Mapping[str, str]
    ) -> SteppedQuery:
        program = self.compile(plan, properties, query_id)
        fail = str(properties.get("ksql.fail.on.deserialization.error", "")).lower() == "true"
        task = Task(program, 0, 0, query_id, self._log, fail_on_bad_record=fail)
        query = SteppedQuery(query_id, plan, sql, dict(properties), program, task)
        self.queries[query_id] = query
        return query

    async def replace_query(
        self, query_id: str, plan: QueryPlan, sql: str, properties: Mapping[str, str]
    ) -> SteppedQuery:
        """Swap the definition, keep place and state."""
        old = self.queries[query_id]
        new = await self.start_query(query_id, plan, sql, properties)
        for mine, before in zip(new.task.stores, old.task.stores, strict=False):
            if type(mine) is type(before):
                mine.__dict__.update(before.__dict__)
        return new

    async def stop_query(self, query_id: str, *, cleanup: bool) -> None:
        self.queries.pop(query_id, None)

    def pause(self, query_id: str) -> None:
        self.queries[query_id].state = "PAUSED"

    def resume(self, query_id: str) -> None:
        self.queries[query_id].state = "RUNNING"
