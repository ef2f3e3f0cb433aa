"""The planner: statements against a catalog, in; checked plans, out. Pure: nothing is created, stored or started.

The caller applies a plan: creates topics, registers schemas, puts the source into its `MetaStore`, starts the query.
"""

from __future__ import annotations

from collections.abc import Mapping

from headwater.core.clock import Clock
from headwater.formats.api import SchemaRegistry
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.catalog_changes import (
    CreateTypePlan,
    DropPlan,
    plan_alter,
    plan_create_type,
    plan_drop,
    plan_drop_type,
)
from headwater.plan.create import CreateSourcePlan, plan_create_source
from headwater.plan.create_as import CreateAsPlan, InsertIntoPlan, plan_create_as, plan_insert_into
from headwater.plan.functions import FunctionRegistry
from headwater.plan.insert_values import InsertValuesPlan, plan_insert_values
from headwater.plan.problems import refuse_depth
from headwater.plan.pull import PullPlan, plan_pull_query
from headwater.plan.queries import plan_query, transient_plan
from headwater.plan.relation import Context, TopicLookup
from headwater.plan.steps import QueryPlan
from headwater.sql.ast import (
    AlterSource,
    CreateAsSelect,
    CreateSource,
    CreateType,
    DropSource,
    DropType,
    InsertInto,
    InsertValues,
    Query,
)


class Planner:
    """Plans statements against one state of the catalog. `settings` are the session's properties over the server's."""

    def __init__(
        self,
        metastore: MetaStore,
        functions: FunctionRegistry,
        settings: Mapping[str, str],
        topics: TopicLookup,
        registry: SchemaRegistry | None = None,
    ) -> None:
        self._context = Context(metastore, functions, settings, topics, registry)

    @refuse_depth
    def plan_create(self, statement: CreateSource, query_id: str | None = None) -> CreateSourcePlan:
        """CREATE STREAM or TABLE over a topic. `query_id` is for the query that materializes a SOURCE TABLE."""
        return plan_create_source(statement, self._context, query_id)

    @refuse_depth
    def plan_create_as(self, statement: CreateAsSelect, query_id: str) -> CreateAsPlan:
        """CREATE STREAM or TABLE AS SELECT, fed by the query of the given id."""
        return plan_create_as(statement, query_id, self._context)

    @refuse_depth
    def plan_insert_into(self, statement: InsertInto, query_id: str) -> InsertIntoPlan:
        """INSERT INTO … SELECT; the plan's id is that of WITH (QUERY_ID=…) where given."""
        return plan_insert_into(statement, query_id, self._context)

    @refuse_depth
    def plan_drop(self, statement: DropSource) -> DropPlan:
        """DROP STREAM or TABLE."""
        return plan_drop(statement, self._context.metastore)

    @refuse_depth
    def plan_alter(self, statement: AlterSource) -> DataSource:
        """ALTER … ADD COLUMN: the source as it would be."""
        return plan_alter(statement, self._context)

    def plan_create_type(self, statement: CreateType) -> CreateTypePlan:
        """CREATE TYPE."""
        return plan_create_type(statement, self._context.metastore)

    def plan_drop_type(self, statement: DropType) -> str | None:
        """The name to forget; None when there is nothing to do."""
        return plan_drop_type(statement, self._context.metastore)

    @refuse_depth
    def plan_push(self, query: Query) -> QueryPlan:
        """A SELECT … EMIT CHANGES (or FINAL) of a client."""
        return transient_plan(plan_query(query, self._context, sink=None))

    @refuse_depth
    def plan_pull(self, query: Query) -> PullPlan:
        """A SELECT without EMIT."""
        return plan_pull_query(query, self._context)

    @refuse_depth
    def plan_insert_values(self, statement: InsertValues, clock: Clock) -> InsertValuesPlan:
        """One row for a stream's or table's topic."""
        return plan_insert_values(statement, clock, self._context)
