"""Statements that make, change and drop streams, tables and custom types (statements 1 to 4 and 7 to 12)."""

from __future__ import annotations

from dataclasses import replace

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import PSEUDO_COLUMNS, WINDOW_COLUMNS, Column, Schema
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
from headwater.engine.replacing import check_replaced_query, check_replaced_source
from headwater.formats.registry import get as get_format
from headwater.plan.catalog import DataSource
from headwater.plan.create_as import CreateAsPlan
from headwater.plan.custom_types import resolve_type
from headwater.sql import ast

_REPLACE_FLAG = "ksql.create.or.replace.enabled"


def create_source(statement: ast.CreateSource, context: Deciding) -> Change | Unchanged:
    """(1, 2) CREATE STREAM or TABLE over a topic."""
    _check_replace_allowed(statement, context)
    plan = context.planner().plan_create(statement)
    kind = statement.kind.value.lower()
    if plan.exists:
        return _exists(statement, plan.source)
    edits: list[Edit] = []
    if plan.replaces:
        old = context.source(statement.name)
        if statement.read_only or old.read_only:
            raise AnalysisError(
                f"Cannot add {kind} '{statement.name}': CREATE OR REPLACE is not supported on SOURCE sources."
            )
        check_replaced_source(old, plan.source)
    edits.append(PutSource(plan.source))
    topics = (topic_spec(plan.topic),) if plan.topic is not None else ()
    return Change(CommandId.create(kind, statement.name), f"{kind.capitalize()} created", tuple(edits), topics)


def create_as_select(statement: ast.CreateAsSelect, context: Deciding) -> Change | Unchanged:
    """(3, 4) CREATE STREAM or TABLE AS SELECT."""
    _check_replace_allowed(statement, context)
    kind = statement.kind.value.lower()
    old = context.metastore.get(statement.name)
    kept = old.created_by_query if old is not None and statement.or_replace else None
    prefix = "CSAS" if statement.kind is ast.SourceKind.STREAM else "CTAS"
    query_id = kept or context.new_query_id(f"{prefix}_{statement.name.upper()}")
    plan = context.planner().plan_create_as(statement, query_id)
    if plan.exists or plan.query is None:
        return _exists(statement, plan.source)
    query = QuerySpec(query_id, plan.query, statement.text, context.overrides, plan.link)
    if plan.replaces:
        _check_replaceable(plan, context)
    else:
        check_query_limit(context)
    missing = plan.topic is not None and context.topics.partitions(plan.topic.name) is None
    return Change(
        CommandId.create(kind, statement.name),
        f"Created query with ID {query_id}",
        (PutSource(plan.source), StartQuery(query, replaces=plan.replaces)),
        (topic_spec(plan.topic),) if plan.topic is not None and missing else (),
        query_id=query_id,
        numbered=kept is None,
    )


def _check_replace_allowed(statement: ast.CreateSource | ast.CreateAsSelect, context: Deciding) -> None:
    if statement.or_replace and not context.flag(_REPLACE_FLAG):
        raise AnalysisError(f"CREATE OR REPLACE is disabled: set '{_REPLACE_FLAG}' to true.")
    read_only = isinstance(statement, ast.CreateSource) and statement.read_only
    if statement.or_replace and read_only:
        raise AnalysisError("CREATE OR REPLACE cannot be combined with SOURCE: drop the source and create it again.")


def _check_replaceable(plan: CreateAsPlan, context: Deciding) -> None:
    old = context.source(plan.source.name)
    writers = context.metastore.writers(old.name)
    if old.created_by_query is None:
        raise AnalysisError(f"Cannot replace {old.kind_word} '{old.name}': it was not created by a query.")
    if len(writers) > 1:
        raise AnalysisError(
            f"Cannot replace {old.kind_word} '{old.name}': several queries write to it: {', '.join(writers)}. "
            "Terminate the others first."
        )
    check_replaced_source(old, plan.source)
    running = context.state.queries.get(old.created_by_query)
    if running is not None and plan.query is not None:
        check_replaced_query(running.plan, plan.query)


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
            f"Not executing statement(s) as it would cause the number of active, persistent queries to exceed the "
            f"configured limit. Current persistent query count: {running}. Configured limit: {limit}. "
            "Use TERMINATE to stop queries, or raise 'ksql.query.persistent.active.limit'."
        )


def drop_source(statement: ast.DropSource, context: Deciding) -> Change | Unchanged:
    """(7, 8) DROP STREAM or TABLE. The query that feeds the source ends with it."""
    kind = statement.kind.value.lower()
    source = context.metastore.get(statement.name)
    if source is None:
        message = f"{kind.capitalize()} {statement.name} does not exist."
        if statement.if_exists:
            return Unchanged(f"Source {quote(statement.name)} does not exist.", CommandId(kind, statement.name, "drop"))
        similar = context.metastore.same_but_for_case(statement.name)
        hint = f" Did you mean {' or '.join(quote(s.name) for s in similar)}?" if similar else ""
        raise AnalysisError(message + hint)
    if source.kind is not statement.kind:
        raise AnalysisError(
            f"Incompatible data source type is {source.kind.value}, but statement was DROP {statement.kind.value}"
        )
    _check_unused(source, context)
    edits: list[Edit] = [StopQuery(query_id) for query_id in _own_queries(source)]
    edits.append(RemoveSource(source.name))
    if statement.delete_topic:
        edits.append(_delete_topic(source, context))
    return Change(
        CommandId(kind, statement.name, "drop"), f"Source {quote(source.name)} (topic: {source.topic}) was dropped.",
        tuple(edits),
    )  # fmt: skip


def _own_queries(source: DataSource) -> list[str]:
    return sorted({query for query in (source.created_by_query, source.materialized_by) if query is not None})


def _check_unused(source: DataSource, context: Deciding) -> None:
    store = context.metastore
    derived = store.dependents(source.name)
    if derived:
        raise AnalysisError(
            f"Cannot drop {source.name}.\nThe following streams and/or tables read from this source: "
            f"[{', '.join(derived)}].\nYou need to drop them before dropping {source.name}."
        )
    own = set(_own_queries(source))
    readers = [query for query in store.readers(source.name) if query not in own]
    writers = [query for query in store.writers(source.name) if query not in own]
    if readers or writers:
        raise AnalysisError(
            f"Cannot drop {source.name}.\nThe following queries read from this source: [{', '.join(readers)}].\n"
            f"The following queries write into this source: [{', '.join(writers)}].\n"
            f"You need to terminate them before dropping {source.name}."
        )


def _delete_topic(source: DataSource, context: Deciding) -> DeleteTopic:
    if source.read_only:
        raise AnalysisError(f"Cannot delete topic of read-only source: {source.name}. DROP it without DELETE TOPIC.")
    others = sorted(s.name for s in context.metastore.on_topic(source.topic) if s.name != source.name)
    if others:
        raise AnalysisError(
            f"Refusing to delete topic. Found other data sources ({', '.join(others)}) using topic {source.topic}"
        )
    sides = (("key", source.formats.key.name), ("value", source.formats.value.name))
    subjects = tuple(f"{source.topic}-{side}" for side, name in sides if get_format(name).capabilities.needs_registry)
    return DeleteTopic(source.topic, subjects)


def alter_source(statement: ast.AlterSource, context: Deciding) -> Change | Unchanged:
    """(9, 10) ALTER … ADD COLUMN. Queries that run keep the schema they were made with."""
    source = context.source(statement.name)
    kind = statement.kind.value.lower()
    if source.kind is not statement.kind:
        raise AnalysisError(
            f"Incompatible data source type is {source.kind.value}, but statement was ALTER {statement.kind.value}"
        )
    if source.created_by_query is not None:
        raise AnalysisError(
            f"ALTER command is not supported for CREATE ... AS statements: {source.name} is fed by query "
            f"{source.created_by_query}."
        )
    if source.read_only:
        raise AnalysisError(
            f"Cannot alter {kind} '{source.name}': ALTER operations are not supported on source {kind}s."
        )
    columns = list(source.schema.columns)
    for definition in statement.columns:
        if definition.name in PSEUDO_COLUMNS or definition.name in WINDOW_COLUMNS:
            raise AnalysisError(
                f"'{definition.name}' is a reserved column name. You cannot use it as a name for a column."
            )
        if any(column.name == definition.name for column in columns):
            raise AnalysisError(
                f"Cannot add column {quote(definition.name)} to schema. A column with the same name already exists."
            )
        columns.append(Column(definition.name, resolve_type(definition.type, context.metastore.types)))
    altered = replace(source, schema=Schema(tuple(columns)))
    check_replaced_source(source, altered)
    return Change(
        CommandId(kind, statement.name, "alter"),
        f"{kind.capitalize()} {statement.name} altered.",
        (PutSource(altered),),
    )


def create_type(statement: ast.CreateType, context: Deciding) -> Change | Unchanged:
    """(11) CREATE TYPE: the name stands for the definition in the statements that follow."""
    found = context.metastore.types.get(statement.name)
    command = CommandId("type", statement.name, "create")
    if found is not None:
        if statement.if_not_exists:
            return Unchanged(f"{statement.name} is already registered with type {found}", command)
        raise AnalysisError(
            f"Cannot register custom type '{statement.name}' since it is already registered with type: {found}"
        )
    resolved = resolve_type(statement.type, context.metastore.types)
    return Change(
        command,
        f"Registered custom type with name '{statement.name}' and SQL type {resolved}",
        (PutType(statement.name, resolved),),
    )


def drop_type(statement: ast.DropType, context: Deciding) -> Change | Unchanged:
    """(12) DROP TYPE: sources that were declared with it keep their columns."""
    command = CommandId("type", statement.name, "drop")
    if statement.name not in context.metastore.types:
        if statement.if_exists:
            return Unchanged(f"Type '{statement.name}' does not exist", command)
        raise AnalysisError(f"Type {statement.name} does not exist.")
    return Change(command, f"Dropped type '{statement.name}'", (RemoveType(statement.name),))
