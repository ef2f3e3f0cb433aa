"""Runs queries: compiles plans, starts and stops persistent queries, opens push and pull queries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from headwater.core.errors import SqlError
from headwater.engine import pull
from headwater.engine.compiler import CompileOptions, compile_plan
from headwater.engine.disk_state import clear_abandoned
from headwater.engine.placement import needs_one_task
from headwater.engine.program import Program
from headwater.engine.query import PersistentQuery, QueryContext
from headwater.engine.rowstream import RowStream, StateRows, TransientQuery
from headwater.formats.api import SchemaRegistry
from headwater.plan.expressions import ExpressionOptions
from headwater.plan.functions import FunctionRegistry
from headwater.plan.functions.types import Limits
from headwater.plan.pull import PullPlan
from headwater.plan.steps import QueryPlan, SourceStep, Step


class QueryRuntime:
    """All queries of a node."""

    def __init__(
        self, context: QueryContext, functions: FunctionRegistry, registry: SchemaRegistry | None = None
    ) -> None:
        self.context = context
        self._cluster = context.cluster
        self._clock = context.clock
        self._functions = functions
        self._registry = registry
        self._queries: dict[str, PersistentQuery] = {}
        self._compiled: tuple[QueryPlan, CompileOptions, Program] | None = None

    @property
    def queries(self) -> Mapping[str, PersistentQuery]:
        """Persistent queries by id, in order of creation."""
        return self._queries

    async def start(self) -> None:
        """Queries are started one by one as the command topic is replayed. Raises `StartupError`."""
        if self.context.state_folder is not None:
            clear_abandoned(self.context.state_folder)

    async def close(self) -> None:
        """Stop all queries; they go on from their last commit at the next start."""
        await asyncio.gather(*(query.stop() for query in self._queries.values()))
        self._queries.clear()

    def compile(self, plan: QueryPlan, properties: Mapping[str, str], name: str) -> Program:
        """The plan's program: for one task where repartitioning has nothing to do, or where it could not help.

        A plan that is compiled to be checked and then to be started is compiled once.
        """
        single = self._single_partition(plan) or needs_one_task(plan) or self.context.keeps_state_in_one_task(name)
        options = self._options(properties, single_task=single)
        last = self._compiled
        if last is not None and last[0] is plan and last[1] == options:
            return last[2]
        program = compile_plan(plan, self._functions, self._registry, options, name)
        self._compiled = plan, options, program
        return program

    def _options(self, properties: Mapping[str, str], *, single_task: bool, pull: bool = False) -> CompileOptions:
        def flag(name: str, default: bool) -> bool:
            return str(properties.get(name, default)).lower() == "true"

        return CompileOptions(
            single_task=single_task,
            expressions=ExpressionOptions(
                preserve_null_strings=flag("ksql.cast.strings.preserve.nulls", default=True),
                nested_error_null=flag("ksql.nested.error.set.null", default=True),
                null_concat_is_text=not pull,
                clock=self._clock,
                limits=Limits(
                    collect_list=int(properties.get("ksql.functions.collect_list.limit", -1)),
                    collect_set=int(properties.get("ksql.functions.collect_set.limit", -1)),
                ),
            ),
            throw_on_invalid_timestamp=flag("ksql.timestamp.throw.on.invalid", default=False),
            json_under_schema=flag("ksql.json_sr.converter.deserializer.enabled", default=True),
        )

    def _single_partition(self, plan: QueryPlan) -> bool:
        infos = [self._cluster.topic(topic) for topic in source_topics(plan.root)]
        return all(info is None or info.partitions == 1 for info in infos)

    async def start_query(
        self, query_id: str, plan: QueryPlan, sql: str, properties: Mapping[str, str]
    ) -> PersistentQuery:
        """Compile and start; resumes where a query of this id left off."""
        program = self.compile(plan, properties, query_id)
        query = PersistentQuery(query_id, plan, sql, properties, program, self.context)
        self._queries[query_id] = query
        try:
            await query.start()
        except BaseException:
            del self._queries[query_id]
            raise
        return query

    async def replace_query(
        self, query_id: str, plan: QueryPlan, sql: str, properties: Mapping[str, str]
    ) -> PersistentQuery:
        """Stop the query and go on with a new plan from the same positions and state."""
        old = self._queries.get(query_id)
        if old is not None:
            await old.stop()
        query = PersistentQuery(query_id, plan, sql, properties, self.compile(plan, properties, query_id), self.context)
        self._queries[query_id] = query
        await query.start()
        return query

    async def stop_query(self, query_id: str, *, cleanup: bool) -> None:
        """Stop; with `cleanup` also delete the query's internal topics and offsets."""
        query = self._queries.pop(query_id, None)
        if query is not None:
            await query.stop()
            if cleanup:
                await query.cleanup()

    def pause(self, query_id: str) -> None:
        self._queries[query_id].pause()

    def resume(self, query_id: str) -> None:
        self._queries[query_id].resume()

    async def push(
        self, plan: QueryPlan, properties: Mapping[str, str], query_id: str, starts: Sequence[int] | None = None
    ) -> TransientQuery:
        """Open a push query; `starts` are the offsets where it begins, by partition."""
        program = compile_plan(
            plan, self._functions, self._registry, self._options(properties, single_task=True), query_id
        )
        stream = TransientQuery(query_id, program, self.context)
        await stream.start(properties, starts)
        return stream

    async def pull(self, plan: PullPlan, properties: Mapping[str, str], query_id: str) -> RowStream:
        """Read the present state of a table, or scan a stream up to its present end."""
        options = self._options(properties, single_task=True, pull=True)
        if not plan.source.is_table:
            program = compile_plan(pull.scan_plan(plan), self._functions, self._registry, options, query_id)
            stream = TransientQuery(query_id, program, self.context, bounded=True)
            await stream.start(properties)
            return stream
        query = self._queries.get(plan.source.materialized_by or "")
        if query is None or query.program.materialized is None:
            raise SqlError(
                f"Table '{plan.source.name}' cannot be read by a pull query: no running query keeps its state."
            )
        if query.state == "ERROR":
            raise SqlError(
                f"Table '{plan.source.name}' cannot be read now: its query {query.id} is in state ERROR. "
                f"{query.errors[-1].message if query.errors else ''}"
            )
        found = await pull.read_rows(plan, query.program, query.tasks, self._functions, self._registry, options)
        return StateRows(query_id, plan.schema, found)

    async def settle(self) -> None:
        """Return once every running query has consumed and committed everything there is."""
        while True:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.context.waiting.append(waiter)
            if all([await query.caught_up() for query in self._queries.values()]):
                waiter.cancel()
                return
            await waiter


def source_topics(step: Step) -> list[str]:
    """Topics of the sources below a step, left to right."""
    if isinstance(step, SourceStep):
        return [step.topic]
    return [topic for child in step.inputs for topic in source_topics(child)]
