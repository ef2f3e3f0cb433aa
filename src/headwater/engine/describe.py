"""Descriptions of what the catalog holds, as entities: types, columns, sources, queries."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from headwater.core import types
from headwater.core.schema import Column, Role, Schema
from headwater.core.types import SqlType
from headwater.engine.changes import QuerySpec
from headwater.engine.entities import (
    FieldInfo,
    QueryDescription,
    QueryErrorInfo,
    QueryRow,
    SchemaInfo,
    SourceDescription,
    StreamRow,
    TableRow,
)
from headwater.plan.catalog import DataSource
from headwater.plan.describe import describe_plan
from headwater.plan.steps import QueryPlan


def schema_info(sql_type: SqlType) -> SchemaInfo:
    """A type, as REST clients read it."""
    if isinstance(sql_type, types.Decimal):
        parameters = {"precision": sql_type.precision, "scale": sql_type.scale}
        return SchemaInfo("DECIMAL", parameters=parameters)
    if isinstance(sql_type, types.Array):
        return SchemaInfo("ARRAY", member_schema=schema_info(sql_type.element))
    if isinstance(sql_type, types.Map):
        return SchemaInfo("MAP", member_schema=schema_info(sql_type.value))
    if isinstance(sql_type, types.Struct):
        return SchemaInfo("STRUCT", [FieldInfo(f.name, schema_info(f.type)) for f in sql_type.fields])
    return SchemaInfo(str(sql_type))


def field_infos(schema: Schema) -> list[FieldInfo]:
    """The columns, keys first."""
    ordered = (*schema.key, *(c for c in schema.columns if c.role is not Role.KEY))
    return [_field_info(column) for column in ordered]


def _field_info(column: Column) -> FieldInfo:
    kind = UNSET if column.role is Role.VALUE else column.role.value
    header_key = UNSET if column.header_key is None else column.header_key
    return FieldInfo(column.name, schema_info(column.type), kind, header_key)


def source_row(source: DataSource) -> StreamRow | TableRow:
    """A line of SHOW STREAMS or SHOW TABLES."""
    kind = TableRow if source.is_table else StreamRow
    formats = source.formats
    return kind(source.name, source.topic, formats.key.name, formats.value.name, source.window is not None)


def query_row(spec: QuerySpec, state: str) -> QueryRow:
    """A line of SHOW QUERIES."""
    sink = spec.plan.sink
    return QueryRow(
        query_string=f"{spec.sql};",
        sinks=[sink.source_name] if sink is not None else [],
        sink_kafka_topics=[sink.topic] if sink is not None else [],
        id=spec.query_id,
        status_count={state: 1},
        query_type="PERSISTENT",
        state=state,
    )


def source_description(
    source: DataSource,
    *,
    partitions: int,
    replication: int,
    readers: list[QueryRow],
    writers: list[QueryRow],
    constraints: list[str],
    extended: bool,
) -> SourceDescription:
    """DESCRIBE of one source; what only EXTENDED shows is filled in by the caller."""
    return SourceDescription(
        name=source.name,
        window_type=None if source.window is None else source.window.kind.value,
        read_queries=readers,
        write_queries=writers,
        fields=field_infos(source.schema),
        type=source.kind.value,
        timestamp=source.timestamp.name if source.timestamp is not None else "",
        statistics="",
        error_stats="",
        extended=extended,
        key_format=source.formats.key.name,
        value_format=source.formats.value.name,
        topic=source.topic,
        partitions=partitions,
        replication=replication,
        statement=f"{source.sql};",
        query_offset_summaries=[],
        source_constraints=constraints,
    )


def query_description(
    *,
    query_id: str,
    sql: str,
    plan: QueryPlan,
    program: str,
    properties: dict[str, str],
    host: str | None = None,
    state: str | None = None,
    group: str | None = None,
    errors: Iterable[QueryErrorInfo] = (),
) -> QueryDescription:
    """EXPLAIN of a query: `program` is the generated Python. `host` and `state` only for one that runs."""
    window = plan.root.windowed
    sink = plan.sink
    return QueryDescription(
        id=query_id,
        statement_text=f"{sql};",
        window_type=None if window is None else window.kind.value,
        fields=field_infos(plan.schema if sink is None else sink.schema),
        sources=sorted(set(plan.sources)),
        sinks=[] if sink is None else [sink.source_name],
        topology=program,
        execution_plan=describe_plan(plan),
        overridden_properties=properties,
        ksql_host_query_status={host: state} if host is not None and state is not None else {},
        query_type="PUSH" if sink is None else "PERSISTENT",
        query_errors=list(errors),
        tasks_metadata=[],
        consumer_group_id=group,
        state=state,
    )
