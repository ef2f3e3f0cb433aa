"""DROP, ALTER, CREATE TYPE and DROP TYPE: what they would change (statements section 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column, Schema
from headwater.core.types import SqlType
from headwater.plan import serdes
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.custom_types import resolve_type
from headwater.plan.problems import did_you_mean, problem
from headwater.plan.queries import similar_sources
from headwater.plan.relation import Context
from headwater.plan.scope import SYSTEM_COLUMNS
from headwater.sql.ast import AlterSource, ColumnKind, CreateType, DropSource, DropType, SourceKind


@dataclass(frozen=True)
class DropPlan:
    """The source to remove and the queries to end first; `source` None when there is none (IF EXISTS)."""

    source: DataSource | None
    delete_topic: bool = False
    terminate: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreateTypePlan:
    """A custom type to register; `exists` when IF NOT EXISTS found it there (`type` is then the old one)."""

    name: str
    type: SqlType
    exists: bool = False


def plan_drop(statement: DropSource, metastore: MetaStore) -> DropPlan:
    """DROP STREAM or TABLE. Raises AnalysisError while others depend on the source."""
    source = metastore.get(statement.name)
    if source is None:
        if statement.if_exists:
            return DropPlan(None)
        raise problem(
            f"{statement.kind.value.capitalize()} {statement.name} does not exist."
            f"{similar_sources(metastore, statement.name)}",
            statement.position,
        )
    _check_kind(source, statement.kind, "DROP")
    derived = metastore.dependents(source.name)
    if derived:
        raise AnalysisError(
            f"Cannot drop {source.name}.\nThe following streams and/or tables read from this source: "
            f"[{', '.join(derived)}].\n"
            f"You need to drop them before dropping {source.name}."
        )
    _check_inserts(source, metastore)
    if statement.delete_topic:
        _check_topic_deletable(source, metastore)
    own = {source.created_by_query, source.materialized_by} - {None}
    return DropPlan(source, statement.delete_topic, tuple(sorted(q for q in own if q in metastore.queries)))


def _check_kind(source: DataSource, kind: SourceKind, verb: str) -> None:
    if source.kind is not kind:
        raise AnalysisError(
            f"Incompatible data source type is {source.kind.value}, but statement was {verb} {kind.value}: "
            f"{source.name} is a {source.kind_word}."
        )


def _check_inserts(source: DataSource, metastore: MetaStore) -> None:
    inserts = [q for q in metastore.queries.values() if q.is_insert]
    readers = sorted(q.query_id for q in inserts if source.name in q.reads)
    writers = sorted(q.query_id for q in inserts if q.writes == source.name)
    if readers or writers:
        raise AnalysisError(
            f"Cannot drop {source.name}.\nThe following queries read from this source: [{', '.join(readers)}].\n"
            f"The following queries write into this source: [{', '.join(writers)}].\n"
            f"You need to terminate them before dropping {source.name}."
        )


def _check_topic_deletable(source: DataSource, metastore: MetaStore) -> None:
    if source.read_only:
        raise AnalysisError(f"Cannot delete topic for read-only source: {source.name}")
    others = sorted(s.name for s in metastore.on_topic(source.topic) if s.name != source.name)
    if others:
        raise AnalysisError(
            f"Refusing to delete topic. Found other data sources ({', '.join(others)}) using topic {source.topic}"
        )


def plan_alter(statement: AlterSource, context: Context) -> DataSource:
    """ALTER … ADD COLUMN: the source with the columns appended. Running queries keep the old one."""
    source = context.metastore.get(statement.name)
    if source is None:
        raise problem(
            f"Source {statement.name} does not exist.{similar_sources(context.metastore, statement.name)}",
            statement.position,
        )
    _check_kind(source, statement.kind, "ALTER")
    if source.read_only:
        raise AnalysisError(
            f"Cannot alter {source.kind_word} '{source.name}': ALTER operations are not supported on source "
            f"{source.kind_word}s."
        )
    if source.created_by_query is not None:
        raise AnalysisError(
            "ALTER command is not supported for CREATE ... AS statements. "
            f"Use CREATE OR REPLACE {source.kind.value} {source.name} AS SELECT instead."
        )
    columns = list(source.schema.columns)
    for added in statement.columns:
        if added.kind is not ColumnKind.VALUE:
            raise problem("ALTER can add value columns only.", added.position)
        if added.name in SYSTEM_COLUMNS:
            raise problem(
                f"'{added.name}' is a reserved column name. You cannot use it as a name for a column.", added.position
            )
        if any(c.name == added.name for c in columns):
            raise problem(
                f"Cannot add column {quote(added.name)} to schema. A column with the same name already exists.",
                added.position,
            )
        columns.append(Column(added.name, resolve_type(added.type, context.metastore.types)))
    schema = Schema(tuple(columns))
    serdes.check_value(schema.value, source.formats.value)
    return replace(source, schema=schema)


def plan_create_type(statement: CreateType, metastore: MetaStore) -> CreateTypePlan:
    """CREATE TYPE: names inside the definition are expanded now, so that later changes do not reach it."""
    known = metastore.types.get(statement.name)
    if known is not None:
        if statement.if_not_exists:
            return CreateTypePlan(statement.name, known, exists=True)
        raise problem(
            f"Cannot register custom type '{statement.name}' since it is already registered with type: {known}",
            statement.position,
        )
    return CreateTypePlan(statement.name, resolve_type(statement.type, metastore.types))


def plan_drop_type(statement: DropType, metastore: MetaStore) -> str | None:
    """The type to remove; None when there is none (IF EXISTS)."""
    if statement.name in metastore.types:
        return statement.name
    if statement.if_exists:
        return None
    raise problem(
        f"Type {statement.name} does not exist.{did_you_mean(statement.name, metastore.types)}", statement.position
    )
