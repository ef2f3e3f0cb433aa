"""Statements that make, change and drop streams, tables and custom types (statements 1 to 4 and 7 to 12)."""

from __future__ import annotations

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.engine.changes import (
    Change,
    CommandId,
    DeleteTopic,
    Edit,
    PutSource,
    PutType,
    QuerySpec,
    RemoveSource,
    RemoveType,
    StartQuery,
    StopQuery,
    Unchanged,
)
from headwater.engine.deciding import Deciding, topic_spec
from headwater.formats.registry import get as get_format
from headwater.plan.catalog import DataSource
from headwater.sql import ast


def create_source(statement: ast.CreateSource, context: Deciding) -> Change | Unchanged:
    """(1, 2) CREATE STREAM or TABLE over a topic."""
    query_id = context.new_query_id(f"CST_{statement.name.upper()}")
    plan = context.planner().plan_create(statement, query_id)
    if plan.exists:
        return _exists(statement, plan.source)
    edits: list[Edit] = [PutSource(plan.source)]
    if plan.query is not None and plan.link is not None:
        query = QuerySpec(query_id, plan.query, statement.text, context.overrides, plan.link, internal=True)
        edits.append(StartQuery(query))
    kind = statement.kind.value.lower()
    return Change(
        CommandId.create(kind, statement.name),
        f"{kind.capitalize()} created",
        tuple(edits),
        (topic_spec(plan.topic),) if plan.topic is not None else (),
        plan.schemas,
        query_id=query_id if plan.query is not None else None,
        numbered=plan.query is not None,
    )


def create_as_select(statement: ast.CreateAsSelect, context: Deciding) -> Change | Unchanged:
    """(3, 4) CREATE STREAM or TABLE AS SELECT. OR REPLACE keeps the query's id, and with it its state and offsets."""
    old = context.metastore.get(statement.name)
    kept = old.created_by_query if old is not None and statement.or_replace else None
    prefix = "CSAS" if statement.kind is ast.SourceKind.STREAM else "CTAS"
    query_id = kept or context.new_query_id(f"{prefix}_{statement.name.upper()}")
    plan = context.planner().plan_create_as(statement, query_id)
    if plan.exists or plan.query is None:
        return _exists(statement, plan.source)
    if kept is None:
        check_query_limit(context)
    missing = plan.topic is not None and context.topics.partitions(plan.topic.name) is None
    query = QuerySpec(query_id, plan.query, statement.text, context.overrides, plan.link)
    return Change(
        CommandId.create(statement.kind.value.lower(), statement.name),
        f"Created query with ID {query_id}",
        (PutSource(plan.source), StartQuery(query, replaces=plan.replaces)),
        (topic_spec(plan.topic),) if plan.topic is not None and missing else (),
        plan.schemas,
        query_id=query_id,
        numbered=kept is None,
    )


def _exists(statement: ast.CreateSource | ast.CreateAsSelect, found: DataSource) -> Unchanged:
    return Unchanged(
        f"Cannot add {statement.kind.value.lower()} {quote(statement.name)}: "
        f"A {found.kind_word} with the same name already exists."
    )


def check_query_limit(context: Deciding) -> None:
    """Raises `AnalysisError` when one more persistent query would be too many."""
    limit = context.settings.integer("ksql.query.persistent.active.limit")
    running = sum(not query.internal for query in context.state.queries.values())
    if running >= limit:
        raise AnalysisError(
            "Not executing statement(s) as it would cause the number of active, persistent queries to exceed the "
            f"configured limit. Current persistent query count: {running}. Configured limit: {limit}. "
            "Use TERMINATE to stop queries, or raise 'ksql.query.persistent.active.limit'."
        )


def drop_source(statement: ast.DropSource, context: Deciding) -> Change | Unchanged:
    """(7, 8) DROP STREAM or TABLE. The query that feeds the source ends with it."""
    plan = context.planner().plan_drop(statement)
    command = CommandId(statement.kind.value.lower(), statement.name, "drop")
    if plan.source is None:
        return Unchanged(f"Source {quote(statement.name)} does not exist.", command)
    edits: list[Edit] = [StopQuery(query_id) for query_id in plan.terminate]
    edits.append(RemoveSource(plan.source.name))
    if plan.delete_topic:
        edits.append(_delete_topic(plan.source))
    message = f"Source {quote(plan.source.name)} (topic: {plan.source.topic}) was dropped."
    return Change(command, message, tuple(edits))


def _delete_topic(source: DataSource) -> DeleteTopic:
    sides = (("key", source.formats.key.name), ("value", source.formats.value.name))
    subjects = tuple(f"{source.topic}-{side}" for side, name in sides if get_format(name).capabilities.needs_registry)
    return DeleteTopic(source.topic, subjects)


def alter_source(statement: ast.AlterSource, context: Deciding) -> Change | Unchanged:
    """(9, 10) ALTER … ADD COLUMN. Queries that run keep the schema they were made with."""
    altered = context.planner().plan_alter(statement)
    kind = statement.kind.value
    command = CommandId(kind.lower(), statement.name, "alter")
    return Change(command, f"{kind.capitalize()} {statement.name} altered.", (PutSource(altered),))


def create_type(statement: ast.CreateType, context: Deciding) -> Change | Unchanged:
    """(11) CREATE TYPE: the name stands for the definition in the statements that follow."""
    plan = context.planner().plan_create_type(statement)
    command = CommandId("type", statement.name, "create")
    if plan.exists:
        return Unchanged(f"{plan.name} is already registered with type {plan.type}", command)
    message = f"Registered custom type with name '{plan.name}' and SQL type {plan.type}"
    return Change(command, message, (PutType(plan.name, plan.type),))


def drop_type(statement: ast.DropType, context: Deciding) -> Change | Unchanged:
    """(12) DROP TYPE: sources that were declared with it keep their columns."""
    name = context.planner().plan_drop_type(statement)
    command = CommandId("type", statement.name, "drop")
    if name is None:
        return Unchanged(f"Type '{statement.name}' does not exist", command)
    return Change(command, f"Dropped type '{name}'", (RemoveType(name),))
