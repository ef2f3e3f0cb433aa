"""CREATE STREAM and CREATE TABLE over a topic (statements sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column, Role, Schema
from headwater.core.types import BIGINT, BYTES, STRING, TIMESTAMP, Array, Field, SqlType, Struct
from headwater.plan import serdes
from headwater.plan.catalog import DataSource, QueryLink
from headwater.plan.custom_types import resolve_type
from headwater.plan.problems import problem
from headwater.plan.registered_schemas import SchemaSpec, schemas_of_source, with_inferred_columns
from headwater.plan.relation import Context
from headwater.plan.replace import check_replaceable, check_source
from headwater.plan.scope import SYSTEM_COLUMNS
from headwater.plan.steps import FormatSpec, Project, QueryPlan, SourceStep, TimestampColumn, TopicFormats
from headwater.plan.with_properties import SourceProperties, Where, parse_properties
from headwater.sql.ast import ColumnDef, ColumnKind, ColumnRef, CreateSource, SourceKind

HEADERS_TYPE = Array(Struct((Field("KEY", STRING), Field("VALUE", BYTES))))
"""What a column of all headers must be declared as."""

SOURCE_TABLES_MATERIALIZED = "ksql.source.table.materialization.enabled"

DEFAULT_RETENTION_MS = 604_800_000
"""Seven days, Kafka's default; for topics of newly created streams."""


@dataclass(frozen=True)
class TopicSpec:
    """A topic to create unless it exists; None leaves the choice to the broker. `retention_ms` None for compacted
    topics.
    """

    name: str
    partitions: int | None
    replicas: int | None = None
    retention_ms: int | None = None
    compact: bool = False


@dataclass(frozen=True)
class CreateSourcePlan:
    """A source to put into the catalog. `topic` is set when the topic is to be created; `replaces` on OR REPLACE.

    `exists` (IF NOT EXISTS): there is such a source already and nothing is to be done. `query` materializes a SOURCE
    TABLE.
    """

    source: DataSource
    topic: TopicSpec | None = None
    replaces: bool = False
    exists: bool = False
    query_id: str | None = None
    query: QueryPlan | None = None
    schemas: tuple[SchemaSpec, ...] = ()

    @property
    def link(self) -> QueryLink | None:
        """What to enter into the catalog about the materializing query, where there is one."""
        if self.query is None or self.query_id is None:
            return None
        return QueryLink(self.query_id, self.query.sources, None, plan=self.query)


def plan_create_source(statement: CreateSource, context: Context, query_id: str | None = None) -> CreateSourcePlan:
    """Check the statement and build the source. Raises AnalysisError."""
    existing = context.metastore.get(statement.name)
    if existing is not None and statement.if_not_exists:
        return CreateSourcePlan(existing, exists=True)
    _check_free(statement, existing, context)
    props = parse_properties(statement.properties, Where.CREATE)
    declared = _columns(statement, context)
    schema, formats = _schema_and_formats(statement, props, declared, context)
    source = DataSource(
        name=statement.name,
        kind=statement.kind,
        schema=schema,
        topic=str(props.topic),
        formats=formats,
        window=props.window,
        timestamp=timestamp_column(props, schema),
        read_only=statement.read_only,
        sql=statement.text,
        partitions=props.partitions,
    )
    if existing is not None:
        check_source(existing, source)
    topic = _topic(props, statement, context)
    query = None
    if _is_materialized(source, context):
        query = _materialization(source)
        source = replace(source, materialized_by=query_id)
    schemas = schemas_of_source(source.topic, schema, formats, declared, context)
    return CreateSourcePlan(
        source, topic, replaces=existing is not None, query_id=query_id, query=query, schemas=schemas
    )


def _check_free(statement: CreateSource, existing: DataSource | None, context: Context) -> None:
    if existing is not None:
        if not statement.or_replace:
            raise already_exists(statement.kind, existing)
        check_replaceable(existing, statement.kind, statement.read_only, context)
    if statement.or_replace and statement.read_only:
        word = statement.kind.value.lower()
        raise AnalysisError(
            f"Cannot add {word} '{statement.name}': CREATE OR REPLACE is not supported on source {word}s."
        )


def _schema_and_formats(
    statement: CreateSource, props: SourceProperties, declared: Sequence[Column], context: Context
) -> tuple[Schema, TopicFormats]:
    if props.topic is None:
        raise AnalysisError('Missing required property "KAFKA_TOPIC" which has no default value.')
    value_format = props.value_format or context.settings.get(serdes.DEFAULT_VALUE_FORMAT)
    if not value_format:
        raise AnalysisError(
            "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. "
            f"Either provide one or set a default via the '{serdes.DEFAULT_VALUE_FORMAT}' config."
        )
    key, value = _formats(props, str(value_format), declared, context)
    schema = Schema(tuple(with_inferred_columns(declared, props, key, value, context)))
    if not schema.key and not schema.value:
        raise AnalysisError(
            "The statement does not define any columns. No columns supplied. "
            "Declare them, or use a format whose schemas the schema registry holds."
        )
    formats = TopicFormats(key, serdes.wrapped(props, value, schema.value, context.settings))
    _check_keys(statement.kind, schema, props)
    serdes.check_key(schema.key, formats.key)
    serdes.check_value(schema.value, formats.value)
    return schema, formats


def _is_materialized(source: DataSource, context: Context) -> bool:
    wanted = source.read_only and source.is_table and source.window is None
    return wanted and context.flag(SOURCE_TABLES_MATERIALIZED, default=True)


def _materialization(table: DataSource) -> QueryPlan:
    """The query that keeps a source table readable by pull queries: the table as it is."""
    leaf = SourceStep(table.schema, True, table.name, table.topic, table.formats, table.window, table.timestamp)
    keys = tuple(Column(c.name, c.type, Role.KEY) for c in table.schema.key)
    others = tuple(c for c in table.schema.columns if c.role is not Role.KEY)
    schema = Schema((*keys, *(Column(c.name, c.type) for c in others)))
    root = Project(schema, True, leaf, tuple(c.name for c in keys), tuple((c.name, ColumnRef(c.name)) for c in others))
    return QueryPlan(root, schema, (table.name,), materialize=True)


def already_exists(kind: SourceKind, existing: DataSource) -> AnalysisError:
    word = kind.value.lower()
    return AnalysisError(
        f"Cannot add {word} '{existing.name}': A {existing.kind_word} with the same name already exists"
    )


def _columns(statement: CreateSource, context: Context) -> list[Column]:
    found: list[Column] = []
    names: set[str] = set()
    for definition in statement.columns:
        _check_kind(statement.kind, definition)
        if definition.name in SYSTEM_COLUMNS:
            raise problem(
                f"'{definition.name}' is a reserved column name. You cannot use it as a name for a column.",
                definition.position,
            )
        if definition.name in names:
            raise problem(f"Duplicate column names: {quote(definition.name)}", definition.position)
        names.add(definition.name)
        found.append(_column(definition, resolve_type(definition.type, context.metastore.types)))
    _check_headers(statement.columns)
    return found


def _check_kind(kind: SourceKind, definition: ColumnDef) -> None:
    if kind is SourceKind.TABLE and definition.kind is ColumnKind.KEY:
        raise problem(
            f"Column {quote(definition.name)} is a 'KEY' column: please use 'PRIMARY KEY' for tables.\n"
            "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
            "Streams have KEYs, which have no uniqueness or NON NULL constraints.",
            definition.position,
        )
    if kind is SourceKind.STREAM and definition.kind is ColumnKind.PRIMARY_KEY:
        raise problem(
            f"Column {quote(definition.name)} is a 'PRIMARY KEY' column: please use 'KEY' for streams.\n"
            "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
            "Streams have KEYs, which have no uniqueness or NON NULL constraints.",
            definition.position,
        )


def _column(definition: ColumnDef, sql_type: SqlType) -> Column:
    if definition.kind in (ColumnKind.KEY, ColumnKind.PRIMARY_KEY):
        return Column(definition.name, sql_type, Role.KEY)
    if definition.kind is not ColumnKind.HEADERS:
        return Column(definition.name, sql_type)
    expected: SqlType = HEADERS_TYPE if definition.header_key is None else BYTES
    if sql_type != expected:
        what = "HEADERS" if definition.header_key is None else f"HEADER('{definition.header_key}')"
        raise problem(f"Invalid type for {what} column: expected {expected}, got {sql_type}", definition.position)
    return Column(definition.name, sql_type, Role.HEADER, definition.header_key)


def _check_headers(definitions: Sequence[ColumnDef]) -> None:
    headers = [d for d in definitions if d.kind is ColumnKind.HEADERS]
    seen: set[str | None] = set()
    for header in headers:
        if None in seen:
            raise problem(
                f"Schema already contains a HEADERS column: no further header column {quote(header.name)} may follow.",
                header.position,
            )
        if header.header_key in seen:
            raise problem(f"Schema already contains a HEADER('{header.header_key}') column.", header.position)
        seen.add(header.header_key)
    if None in seen and len(seen) > 1:
        raise problem("Schema already contains a HEADER column: a HEADERS column cannot follow.", headers[-1].position)


def _check_keys(kind: SourceKind, schema: Schema, props: SourceProperties) -> None:
    if kind is SourceKind.TABLE and not schema.key:
        raise AnalysisError(
            "Tables require a PRIMARY KEY. Please define the PRIMARY KEY. For example: (ID BIGINT PRIMARY KEY, …)."
        )
    if props.window is not None and not schema.key:
        raise AnalysisError("Windowed sources require a key column.")


def _formats(
    props: SourceProperties, value_format: str, declared: Sequence[Column], context: Context
) -> tuple[FormatSpec, FormatSpec]:
    key_name = props.key_format
    if key_name is None:
        key_name = serdes.default_key_format(context.settings)
        keyless = not any(c.role is Role.KEY for c in declared) and props.key_schema_id is None
        if keyless and not serdes.capabilities(key_name).infers_schema:
            key_name = "NONE"
    key = serdes.format_spec(key_name, _with_id(props.key_properties, props.key_schema_id))
    return key, serdes.format_spec(value_format, _with_id(props.value_properties, props.value_schema_id))


def _with_id(properties: Mapping[str, str], schema_id: int | None) -> dict[str, str]:
    found = dict(properties)
    return found if schema_id is None else found | {"SCHEMA_ID": str(schema_id)}


def timestamp_column(props: SourceProperties, schema: Schema) -> TimestampColumn | None:
    """The TIMESTAMP and TIMESTAMP_FORMAT properties checked against the columns."""
    if props.timestamp is None:
        if props.timestamp_format is not None:
            raise AnalysisError("TIMESTAMP_FORMAT needs the TIMESTAMP property, which names the column.")
        return None
    name = _identifier(props.timestamp)
    column = schema.by_name.get(name)
    if column is None or column.role is Role.HEADER:
        listed = ", ".join(quote(c.name) for c in schema.columns)
        raise AnalysisError(
            f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{name}'. Columns are {listed}."
        )
    if column.type == STRING:
        if props.timestamp_format is None:
            raise AnalysisError(
                "A String timestamp field has been specified without also specifying the TIMESTAMP_FORMAT: "
                f"{quote(name)}"
            )
    elif column.type not in (BIGINT, TIMESTAMP):
        raise AnalysisError(
            f"Timestamp column, {quote(name)}, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format "
            f"specified. It is {column.type}."
        )
    elif props.timestamp_format is not None:
        raise AnalysisError(
            f"TIMESTAMP_FORMAT can be used only when the timestamp column is of type STRING. {quote(name)} is "
            f"{column.type}."
        )
    return TimestampColumn(name, props.timestamp_format)


def _identifier(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in '`"':
        return text[1:-1].replace(text[0] * 2, text[0])
    return text.upper()


def _topic(props: SourceProperties, statement: CreateSource, context: Context) -> TopicSpec | None:
    name = str(props.topic)
    check_retention(props, windowed_or_stream=props.window is not None or statement.kind is SourceKind.STREAM)
    existing = context.topics.partitions(name)
    if existing is not None:
        if props.partitions is not None and props.partitions != existing:
            raise AnalysisError(
                f"A Kafka topic with the name '{name}' already exists, with different partition/replica configuration "
                f"than required. KSQL expects {props.partitions} partitions (topic has {existing})."
            )
        return None
    if props.partitions is None:
        raise AnalysisError(
            f"Topic '{name}' does not exist. If you want to create a new topic for the "
            f"{statement.kind.value.lower()} please re-run the statement providing the required 'PARTITIONS' "
            f"property in the WITH clause (and optionally 'REPLICAS'). For example: {_with_partitions(statement)}"
        )
    is_table = statement.kind is SourceKind.TABLE
    retention = props.retention_ms
    if retention is None and not is_table:
        retention = DEFAULT_RETENTION_MS
    return TopicSpec(name, props.partitions, props.replicas, retention, compact=is_table)


def check_retention(props: SourceProperties, *, windowed_or_stream: bool) -> None:
    """Raise AnalysisError for RETENTION_MS on a table that keeps its rows for good."""
    if props.retention_ms is not None and not windowed_or_stream:
        raise AnalysisError(
            "Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do not support retention."
        )


def _with_partitions(statement: CreateSource) -> str:
    text = statement.text.rstrip().rstrip(";").rstrip()
    return f"{text[:-1]}, PARTITIONS=2);" if text.endswith(")") else f"{text} WITH (PARTITIONS=2);"
