"""CREATE … AS SELECT and INSERT INTO … SELECT: a query and its sink (statements sections 2 to 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headwater.core.errors import AnalysisError
from headwater.core.names import quote, quote_if_needed
from headwater.core.schema import Column, Schema
from headwater.formats.registration import avro_key_name
from headwater.plan import serdes
from headwater.plan.casts import widens
from headwater.plan.catalog import DataSource, MetaStore, QueryLink
from headwater.plan.create import TopicSpec, already_exists, check_retention, timestamp_column
from headwater.plan.problems import problem
from headwater.plan.queries import PlannedQuery, plan_query, similar_sources
from headwater.plan.registered_schemas import SchemaSpec, schemas_of_sink
from headwater.plan.relation import Context
from headwater.plan.replace import check_query, check_replaceable, check_source
from headwater.plan.steps import FormatSpec, QueryPlan, Sink, TopicFormats
from headwater.plan.with_properties import SourceProperties, Where, parse_properties
from headwater.sql.ast import CreateAsSelect, InsertInto, Query, SourceKind

TOPIC_PREFIX = "ksql.output.topic.name.prefix"

_QUERY_ID = re.compile(r"[A-Z0-9_]+\Z")
_RESERVED_IDS = ("INSERTQUERY_", "CTAS_", "CSAS_", "CST_")


@dataclass(frozen=True)
class CreateAsPlan:
    """A source to put into the catalog, its topic, and the query that feeds it. See `CreateSourcePlan` for the flags.

    `query` is None when the source exists already (IF NOT EXISTS).
    """

    source: DataSource
    query_id: str
    query: QueryPlan | None
    topic: TopicSpec | None = None
    replaces: bool = False
    exists: bool = False
    schemas: tuple[SchemaSpec, ...] = ()

    @property
    def link(self) -> QueryLink:
        """What to enter into the catalog about the query."""
        reads = self.query.sources if self.query else ()
        return QueryLink(self.query_id, reads, self.source.name, plan=self.query)


@dataclass(frozen=True)
class InsertIntoPlan:
    """A query that writes into an existing stream."""

    target: DataSource
    query_id: str
    query: QueryPlan

    @property
    def link(self) -> QueryLink:
        return QueryLink(self.query_id, self.query.sources, self.target.name, is_insert=True, plan=self.query)


def plan_create_as(statement: CreateAsSelect, query_id: str, context: Context) -> CreateAsPlan:
    """Plan the query, derive the sink from the statement and the left-most source. Raises AnalysisError."""
    existing = context.metastore.get(statement.name)
    if existing is not None and statement.if_not_exists:
        return CreateAsPlan(existing, query_id, None, exists=True)
    if existing is not None:
        if not statement.or_replace:
            raise already_exists(statement.kind, existing)
        check_replaceable(existing, statement.kind, False, context)
        query_id = existing.created_by_query or query_id
    props = parse_properties(statement.properties, Where.CREATE_AS)
    _check_persistent(statement.query, f"CREATE {statement.kind.value} AS SELECT")
    planned = plan_query(statement.query, context, sink=statement.name)
    if planned.kind is not statement.kind:
        raise AnalysisError(
            f"Invalid result type. Your SELECT query produces a {planned.kind.value}. "
            f"Please use CREATE {planned.kind.value} AS SELECT statement instead."
        )
    sink = _sink(statement, props, planned, context)
    source = DataSource(
        name=statement.name,
        kind=statement.kind,
        schema=sink.schema,
        topic=sink.topic,
        formats=sink.formats,
        window=sink.window,
        timestamp=sink.timestamp,
        sql=statement.text,
        created_by_query=query_id,
        materialized_by=query_id if statement.kind is SourceKind.TABLE else None,
        partitions=sink.partitions,
    )
    query = QueryPlan(planned.projection, sink.schema, planned.source_names, sink, None)
    topic = TopicSpec(
        sink.topic, sink.partitions, sink.replicas, sink.retention_ms, compact=statement.kind is SourceKind.TABLE
    )
    if existing is not None:
        _check_replacement(existing, source, query, context)
    schemas = schemas_of_sink(sink.topic, sink.schema, sink.formats, context)
    return CreateAsPlan(source, query_id, query, topic, replaces=existing is not None, schemas=schemas)


def _check_replacement(old: DataSource, new: DataSource, query: QueryPlan, context: Context) -> None:
    check_source(old, new)
    writers = context.metastore.writers(old.name)
    if len(writers) > 1:
        raise AnalysisError(
            f"Cannot add {new.kind_word} '{old.name}': several queries write to it ({', '.join(writers)}). "
            "Terminate the others before replacing it."
        )
    link = context.metastore.queries.get(str(old.created_by_query))
    if link is not None and link.plan is not None:
        check_query(link.plan, query)


def _check_persistent(query: Query, statement: str) -> None:
    if query.limit is not None:
        raise problem(f"{statement} statements don't support LIMIT clause.", query.position)


def _sink(statement: CreateAsSelect, props: SourceProperties, planned: PlannedQuery, context: Context) -> Sink:
    schema = planned.projection.schema
    formats = _formats(props, planned, schema, statement.name, context)
    prefix = str(context.settings.get(TOPIC_PREFIX, ""))
    topic = props.topic if props.topic is not None else prefix + statement.name
    partitions = _partitions(props, topic, planned, context)
    return Sink(
        source_name=statement.name,
        topic=topic,
        kind=statement.kind,
        schema=schema,
        formats=formats,
        window=planned.projection.windowed,
        timestamp=timestamp_column(props, schema),
        partitions=partitions,
        replicas=props.replicas,
        retention_ms=_retention(props, statement, planned),
    )


def _with_id(spec: FormatSpec, schema_id: int | None) -> FormatSpec:
    if schema_id is None:
        return spec
    return replace(spec, properties={**spec.properties, "SCHEMA_ID": str(schema_id)})


def _formats(
    props: SourceProperties, planned: PlannedQuery, schema: Schema, sink: str, context: Context
) -> TopicFormats:
    left = planned.sources[0].formats
    key = _key_format(props, planned.key_format, schema, context)
    if key.name == "AVRO" and "SCHEMA_FULL_NAME" not in key.properties:
        key = replace(key, properties={**key.properties, "SCHEMA_FULL_NAME": avro_key_name(sink)})
    value = serdes.inherited_spec(props.value_format, props.value_properties, left.value)
    key, value = _with_id(key, props.key_schema_id), _with_id(value, props.value_schema_id)
    value = serdes.wrapped(props, value, schema.value, context.settings)
    serdes.check_key(schema.key, key)
    serdes.check_value(schema.value, value)
    return TopicFormats(key, value)


def _key_format(props: SourceProperties, inherited: FormatSpec, schema: Schema, context: Context) -> FormatSpec:
    if props.key_format is not None:
        serdes.capabilities(props.key_format)
    if not schema.key:
        if props.key_format not in (None, "NONE"):
            raise AnalysisError(
                f"Key format specified for stream without key columns: {props.key_format}. "
                "The result has no key: use KEY_FORMAT='NONE' or leave it out."
            )
        return serdes.NONE
    if props.key_format is None and inherited.name == "NONE":
        inherited = FormatSpec(serdes.default_key_format(context.settings))
    return serdes.inherited_spec(props.key_format, props.key_properties, inherited)


def _partitions(props: SourceProperties, topic: str, planned: PlannedQuery, context: Context) -> int | None:
    existing = context.topics.partitions(topic)
    if existing is not None and props.partitions is not None and existing != props.partitions:
        raise AnalysisError(
            f"A Kafka topic with the name '{topic}' already exists, with different partition/replica configuration "
            f"than required. KSQL expects {props.partitions} partitions (topic has {existing})."
        )
    if existing is not None:
        return existing
    return props.partitions or context.topics.partitions(planned.sources[0].topic) or planned.sources[0].partitions


def _retention(props: SourceProperties, statement: CreateAsSelect, planned: PlannedQuery) -> int | None:
    check_retention(props, windowed_or_stream=planned.window is not None or statement.kind is SourceKind.STREAM)
    if planned.window is not None:
        return max(props.retention_ms or 0, planned.window.retention_ms)
    return props.retention_ms


# --- INSERT INTO ----------------------------------------


def plan_insert_into(statement: InsertInto, query_id: str, context: Context) -> InsertIntoPlan:
    """Plan the query and check that its rows fit the target. Raises AnalysisError."""
    target = _target(statement, context.metastore)
    props = parse_properties(statement.properties, Where.INSERT)
    _check_persistent(statement.query, "INSERT INTO")
    planned = plan_query(statement.query, context, sink=target.name)
    if planned.kind is not SourceKind.STREAM:
        raise AnalysisError(
            "Incompatible data sink and query result. Data sink "
            f"({target.name}) type is {target.kind.value} but select query result is {planned.kind.value}."
        )
    _check_fits(planned.projection.schema, target.schema)
    sink = Sink(
        source_name=target.name,
        topic=target.topic,
        kind=target.kind,
        schema=target.schema,
        formats=target.formats,
        window=planned.projection.windowed,
        timestamp=target.timestamp,
        partitions=target.partitions,
    )
    chosen = _insert_id(props.query_id, query_id, context.metastore)
    return InsertIntoPlan(target, chosen, QueryPlan(planned.projection, target.schema, planned.source_names, sink))


def _target(statement: InsertInto, metastore: MetaStore) -> DataSource:
    target = metastore.get(statement.target)
    if target is None:
        raise problem(
            f"Source {quote(statement.target)} does not exist.{similar_sources(metastore, statement.target)}",
            statement.position,
        )
    if target.is_table:
        raise AnalysisError(
            f"INSERT INTO can only be used to insert into a stream. {quote_if_needed(target.name)} is a table."
        )
    if target.read_only:
        raise AnalysisError(f"Cannot insert into read-only {target.kind_word}: {target.name}")
    if target.schema.headers:
        raise AnalysisError(f"Cannot insert into {target.name} because it has header columns")
    return target


def _insert_id(written: str | None, given: str, metastore: MetaStore) -> str:
    if written is None:
        return given
    chosen = written.upper()
    if not _QUERY_ID.match(chosen):
        raise AnalysisError(f"Query IDs may contain only alphanumeric characters and '_'. Got: '{chosen}'")
    for prefix in _RESERVED_IDS:
        if chosen.startswith(prefix):
            raise AnalysisError(f"Query IDs must not start with a reserved query ID prefix ({prefix}). Got: '{chosen}'")
    if chosen in metastore.queries:
        raise AnalysisError(f"Query ID '{chosen}' already exists.")
    return chosen


def _check_fits(result: Schema, sink: Schema) -> None:
    if not (_same(result.key, sink.key, widen=False) and _same(result.value, sink.value, widen=True)):
        raise AnalysisError(
            f"Incompatible schema between results and sink.\nResult schema is {result}\nSink schema is {sink}"
        )


def _same(given: Sequence[Column], wanted: Sequence[Column], *, widen: bool) -> bool:
    return len(given) == len(wanted) and all(
        g.name == w.name and (g.type == w.type or (widen and widens(g.type, w.type)))
        for g, w in zip(given, wanted, strict=True)
    )
