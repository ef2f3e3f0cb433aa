"""What statements answer: the entities of the REST API (section 4 of its sheet), as they go over the wire.

Every struct's tag is its `@type`; member names are camel case on the wire. `Entity` is the base of those that stand in
a response's array.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field


class Notice(Struct, rename="camel"):
    """Something to know about a statement that was carried out nevertheless."""

    message: str


class Entity(Struct, tag_field="@type", rename="camel", kw_only=True):
    """Base. `statement_text` is masked: inserted values and connector settings are replaced."""

    statement_text: str
    warnings: list[Notice] = field(default_factory=list)


class CommandStatus(Struct, rename="camel"):
    """`status` is one of QUEUED, PARSING, EXECUTING, RUNNING, TERMINATED, SUCCESS, ERROR."""

    status: str
    message: str
    query_id: str | None = None


class CurrentStatus(Entity, tag="currentStatus", kw_only=True):
    command_id: str
    command_status: CommandStatus
    command_sequence_number: int = -1


class WarningEntity(Entity, tag="warning_entity", kw_only=True):
    message: str


class SchemaInfo(Struct, rename="camel"):
    """A type, as REST clients read it."""

    type: str
    fields: list[FieldInfo] | None = None
    member_schema: SchemaInfo | None = None
    parameters: dict[str, int] | UnsetType = UNSET


class FieldInfo(Struct, rename="camel"):
    """A column or a struct's field; `type` is KEY or HEADER, absent for values."""

    name: str
    schema: SchemaInfo
    type: str | UnsetType = UNSET
    header_key: str | UnsetType = UNSET


class StreamRow(Struct, rename="camel", tag_field="type", tag="STREAM"):
    name: str
    topic: str
    key_format: str
    value_format: str
    is_windowed: bool


class TableRow(Struct, rename="camel", tag_field="type", tag="TABLE"):
    name: str
    topic: str
    key_format: str
    value_format: str
    is_windowed: bool


class StreamsList(Entity, tag="streams", kw_only=True):
    streams: list[StreamRow]


class TablesList(Entity, tag="tables", kw_only=True):
    tables: list[TableRow]


class TopicRow(Struct, rename="camel"):
    """`replica_info` has the replica count of each partition."""

    name: str
    replica_info: list[int]


class ExtendedTopicRow(Struct, rename="camel"):
    name: str
    replica_info: list[int]
    consumer_count: int
    consumer_group_count: int


class TopicsList(Entity, tag="kafka_topics", kw_only=True):
    topics: list[TopicRow]


class ExtendedTopicsList(Entity, tag="kafka_topics_extended", kw_only=True):
    topics: list[ExtendedTopicRow]


class QueryRow(Struct, rename="camel"):
    query_string: str
    sinks: list[str]
    sink_kafka_topics: list[str]
    id: str
    status_count: dict[str, int]
    query_type: str
    state: str


class QueriesList(Entity, tag="queries", kw_only=True):
    queries: list[QueryRow]


class QueryErrorInfo(Struct, rename="camel"):
    timestamp: int
    error_message: str
    type: str


class QueryDescription(Struct, rename="camel", kw_only=True):
    id: str
    statement_text: str
    window_type: str | None = None
    fields: list[FieldInfo]
    sources: list[str]
    sinks: list[str]
    topology: str
    execution_plan: str
    overridden_properties: dict[str, str]
    ksql_host_query_status: dict[str, str]
    query_type: str
    query_errors: list[QueryErrorInfo]
    tasks_metadata: list[str]
    consumer_group_id: str | None = None
    state: str | None = None


class QueryDescriptionEntity(Entity, tag="queryDescription", kw_only=True):
    query_description: QueryDescription


class QueryDescriptionsList(Entity, tag="query_descriptions", kw_only=True):
    query_descriptions: list[QueryDescription]


class PartitionOffsets(Struct, rename="camel"):
    partition: int
    log_start_offset: int
    log_end_offset: int
    consumer_offset: int


class TopicOffsets(Struct, rename="camel"):
    kafka_topic: str
    offsets: list[PartitionOffsets]


class QueryOffsetSummary(Struct, rename="camel"):
    group_id: str
    topic_summaries: list[TopicOffsets]


class SourceDescription(Struct, rename="camel", kw_only=True):
    name: str
    window_type: str | None = None
    read_queries: list[QueryRow]
    write_queries: list[QueryRow]
    fields: list[FieldInfo]
    type: str
    timestamp: str
    statistics: str
    error_stats: str
    extended: bool
    key_format: str
    value_format: str
    topic: str
    partitions: int
    replication: int
    statement: str
    query_offset_summaries: list[QueryOffsetSummary]
    source_constraints: list[str]
    cluster_statistics: list[str] = field(default_factory=list)
    cluster_error_stats: list[str] = field(default_factory=list)


class SourceDescriptionEntity(Entity, tag="sourceDescription", kw_only=True):
    source_description: SourceDescription


class SourceDescriptionsList(Entity, tag="source_descriptions", kw_only=True):
    source_descriptions: list[SourceDescription]


class PropertyRow(Struct, rename="camel"):
    name: str
    scope: str
    value: str | None
    editable: bool
    level: str


class PropertiesList(Entity, tag="properties", kw_only=True):
    properties: list[PropertyRow]
    overwritten_properties: list[str]
    default_properties: list[str]


class FunctionRow(Struct, rename="camel"):
    """`type` is SCALAR, AGGREGATE or TABLE."""

    name: str
    type: str
    category: str


class FunctionNamesList(Entity, tag="function_names", kw_only=True):
    functions: list[FunctionRow]


class ArgumentInfo(Struct, rename="camel"):
    name: str
    type: str
    description: str
    is_variadic: bool


class FunctionVariant(Struct, rename="camel"):
    arguments: list[ArgumentInfo]
    return_type: str
    description: str


class FunctionDescription(Entity, tag="describe_function", kw_only=True):
    name: str
    description: str
    author: str
    version: str
    path: str
    functions: list[FunctionVariant]
    type: str


class TypesList(Entity, tag="type_list", kw_only=True):
    types: dict[str, SchemaInfo]


class VariableRow(Struct, rename="camel"):
    name: str
    value: str


class VariablesList(Entity, tag="variables", kw_only=True):
    variables: list[VariableRow]


class TerminateQueryEntity(Entity, tag="terminate_query", kw_only=True):
    query_id: str
    was_terminated: bool


class AssertTopicEntity(Entity, tag="assert_topic", kw_only=True):
    topic_name: str
    exists: bool


class AssertSchemaEntity(Entity, tag="assert_schema", kw_only=True):
    subject: str | None
    id: int | None
    exists: bool


class ConnectorRow(Struct, rename="camel"):
    """`type` is source, sink or unknown; `state` such as `RUNNING (1/1 tasks RUNNING)`."""

    name: str
    type: str
    class_name: str
    state: str


class ConnectorsList(Entity, tag="connector_list", kw_only=True):
    connectors: list[ConnectorRow]


class ConnectorPluginRow(Struct, rename="camel"):
    class_name: str
    type: str
    version: str


class ConnectorPluginsList(Entity, tag="connector_plugins_list", kw_only=True):
    connectors_plugins: list[ConnectorPluginRow]


class ConnectorInfo(Entity, tag="connector_info", kw_only=True):
    """`info` is Connect's: name, config, tasks, type."""

    info: dict[str, Any]


class ConnectorDescription(Entity, tag="connector_description", kw_only=True):
    """`status` is Connect's: name, connector, tasks, type."""

    connector_class: str
    status: dict[str, Any]
    sources: list[SourceDescription]
    topics: list[str]


class DropConnectorEntity(Entity, tag="drop_connector", kw_only=True):
    connector_name: str


def encode(entities: list[Entity]) -> bytes:
    """The entities as a response body."""
    return msgspec.json.encode(entities)
