"""SHOW, DESCRIBE and EXPLAIN (statements 20 to 35)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from headwater.cluster.api import EARLIEST, LATEST, TopicPartition
from headwater.core.errors import AnalysisError, UnknownTopicError
from headwater.engine import entities
from headwater.engine import statements_connectors as connectors
from headwater.engine.answering import Answering
from headwater.engine.changes import QuerySpec
from headwater.engine.describe import query_description, schema_info, source_description, source_row
from headwater.engine.entities import Entity
from headwater.engine.properties import describe, known_properties, shown_name
from headwater.engine.property_table import QUERY_LEVEL, SYSTEM_LEVEL
from headwater.engine.results import RowResult
from headwater.plan.catalog import DataSource
from headwater.plan.steps import QueryPlan
from headwater.sql import ast


async def show(statement: ast.Show, context: Answering) -> Entity:
    """(20 to 29)"""
    match statement.what:
        case ast.ShowWhat.STREAMS:
            return await _sources(ast.SourceKind.STREAM, context, extended=statement.extended)
        case ast.ShowWhat.TABLES:
            return await _sources(ast.SourceKind.TABLE, context, extended=statement.extended)
        case ast.ShowWhat.TOPICS:
            return _topics(statement, context)
        case ast.ShowWhat.QUERIES:
            return _queries(context, extended=statement.extended)
        case ast.ShowWhat.FUNCTIONS:
            listed = [
                entities.FunctionRow(n, kind.value, category) for n, kind, category in context.services.functions.all()
            ]
            return entities.FunctionNamesList(statement_text=context.text, functions=listed)
        case ast.ShowWhat.PROPERTIES:
            return _properties(context)
        case ast.ShowWhat.TYPES:
            types = {name: schema_info(t) for name, t in sorted(context.state.metastore.types.items())}
            return entities.TypesList(statement_text=context.text, types=types)
        case ast.ShowWhat.VARIABLES:
            variables = [entities.VariableRow(n, v) for n, v in sorted(context.session.variables.items())]
            return entities.VariablesList(statement_text=context.text, variables=variables)
        case _:
            return await connectors.show(statement, context)


async def _sources(kind: ast.SourceKind, context: Answering, *, extended: bool) -> Entity:
    found = sorted(context.state.metastore.of_kind(kind), key=lambda source: source.name)
    if extended:
        return await _descriptions(found, context, extended=True)
    rows = [source_row(source) for source in found]
    if kind is ast.SourceKind.STREAM:
        streams = [row for row in rows if isinstance(row, entities.StreamRow)]
        return entities.StreamsList(statement_text=context.text, streams=streams)
    tables = [row for row in rows if isinstance(row, entities.TableRow)]
    return entities.TablesList(statement_text=context.text, tables=tables)


def _topics(statement: ast.Show, context: Answering) -> Entity:
    services = context.services
    hidden = None if statement.all else topic_pattern(services.settings.text("ksql.hidden.topics"))
    found = [
        info for name, info in sorted(services.cluster.topics().items()) if hidden is None or not hidden.fullmatch(name)
    ]
    if not statement.extended:
        rows = [entities.TopicRow(info.name, [max(info.replication, 1)] * info.partitions) for info in found]
        return entities.TopicsList(statement_text=context.text, topics=rows)
    groups: Counter[str] = Counter()
    consumers: Counter[str] = Counter()
    for query in services.runtime.queries.values():
        read = [place.topic for place in query.positions]
        groups.update(set(read))
        consumers.update(read)
    extended = [
        entities.ExtendedTopicRow(i.name, [max(i.replication, 1)] * i.partitions, consumers[i.name], groups[i.name])
        for i in found
    ]
    return entities.ExtendedTopicsList(statement_text=context.text, topics=extended)


def topic_pattern(listed: str) -> re.Pattern[str]:
    """One pattern for a list of topic names and patterns, as `ksql.hidden.topics` and `ksql.readonly.topics` hold."""
    parts = [part.strip() for part in listed.split(",") if part.strip()]
    return re.compile("|".join(f"(?:{part})" for part in parts) if parts else r"(?!)")


def _queries(context: Answering, *, extended: bool) -> Entity:
    specs = list(context.state.queries.values())
    if extended:
        found = [describe_query(spec, context) for spec in specs]
        return entities.QueryDescriptionsList(statement_text=context.text, query_descriptions=found)
    rows = [context.row(spec) for spec in specs] + [_push_row(result) for result in context.results.values()]
    return entities.QueriesList(statement_text=context.text, queries=rows)


def _push_row(result: RowResult) -> entities.QueryRow:
    return entities.QueryRow(result.sql, [], [], result.query_id, {"RUNNING": 1}, "PUSH", "RUNNING")


def describe_query(spec: QuerySpec, context: Answering) -> entities.QueryDescription:
    """EXPLAIN of a persistent query."""
    running = context.services.runtime.queries.get(spec.query_id)
    errors = (
        [] if running is None else [entities.QueryErrorInfo(e.timestamp, e.message, e.kind) for e in running.errors]
    )
    return query_description(
        query_id=spec.query_id,
        sql=spec.sql,
        plan=spec.plan,
        program="" if running is None else running.source,
        properties=dict(spec.properties),
        host=context.services.settings.advertised,
        state=context.query_state(spec.query_id),
        group=None if running is None else running.group,
        errors=errors,
    )


def _properties(context: Answering) -> Entity:
    settings, overrides = context.services.settings, context.session.properties
    names = {name for name in known_properties() if not name.startswith(("ssl.", "request."))}
    names |= {name for name in (*settings.server, *overrides) if not name.startswith("ssl.")}
    rows = []
    for name in sorted(names, key=shown_name):
        entry = describe(name)
        value = overrides.get(name, settings.server.get(name, entry.default))
        if entry.secret and value:
            value = "[hidden]"
        level = "QUERY" if name in QUERY_LEVEL else "SERVER"
        editable = name in QUERY_LEVEL or name in SYSTEM_LEVEL
        rows.append(entities.PropertyRow(shown_name(name), "KSQL", value, editable, level))
    return entities.PropertiesList(
        statement_text=context.text,
        properties=rows,
        overwritten_properties=sorted(shown_name(name) for name in overrides),
        default_properties=sorted(shown_name(n) for n in names if n not in overrides and n not in settings.server),
    )


async def describe_source(statement: ast.DescribeSource, context: Answering) -> Entity:
    """(30)"""
    source = context.deciding().source(statement.name)
    described, notices = await _description(source, context, extended=statement.extended)
    return entities.SourceDescriptionEntity(statement_text=context.text, warnings=notices, source_description=described)


async def describe_sources(statement: ast.DescribeSources, context: Answering) -> Entity:
    """(31, 32)"""
    found = sorted(context.state.metastore.of_kind(statement.kind), key=lambda source: source.name)
    return await _descriptions(found, context, extended=statement.extended)


async def _descriptions(found: Iterable[DataSource], context: Answering, *, extended: bool) -> Entity:
    all_notices: list[entities.Notice] = []
    described = []
    for source in found:
        description, notices = await _description(source, context, extended=extended)
        described.append(description)
        all_notices += notices
    return entities.SourceDescriptionsList(
        statement_text=context.text, warnings=all_notices, source_descriptions=described
    )


async def describe_all(found: Iterable[DataSource], context: Answering) -> list[entities.SourceDescription]:
    """DESCRIBE of each."""
    return [(await _description(source, context, extended=False))[0] for source in found]


async def _description(
    source: DataSource, context: Answering, *, extended: bool
) -> tuple[entities.SourceDescription, list[entities.Notice]]:
    store, queries = context.state.metastore, context.state.queries
    topic = context.services.cluster.topic(source.topic)
    notices = [] if topic is not None else [entities.Notice(f"Error from Kafka: topic {source.topic} does not exist.")]
    writers = [queries[query_id] for query_id in store.writers(source.name) if query_id in queries]
    readers = [queries[query_id] for query_id in store.readers(source.name) if query_id in queries]
    description = source_description(
        source,
        partitions=0 if topic is None else topic.partitions,
        replication=0 if topic is None else max(topic.replication, 1),
        readers=[context.row(spec) for spec in readers],
        writers=[context.row(spec) for spec in writers],
        constraints=list(store.dependents(source.name)),
        extended=extended,
    )
    if extended:
        description.query_offset_summaries = [s for spec in writers if (s := await _offsets(spec, context)) is not None]
        description.statistics = _statistics(writers, context)
        description.error_stats = _error_statistics(writers, context)
    return description, notices


def _statistics(writers: Iterable[QuerySpec], context: Answering) -> str:
    running = [context.services.runtime.queries.get(spec.query_id) for spec in writers]
    return f"total-messages: {sum(query.processed for query in running if query is not None)}"


def _error_statistics(writers: Iterable[QuerySpec], context: Answering) -> str:
    running = [context.services.runtime.queries.get(spec.query_id) for spec in writers]
    return f"total-errors: {sum(len(query.errors) + query.failures for query in running if query is not None)}"


async def _offsets(spec: QuerySpec, context: Answering) -> entities.QueryOffsetSummary | None:
    """Where a query stands in each topic it reads; None for one that does not run."""
    query = context.services.runtime.queries.get(spec.query_id)
    if query is None:
        return None
    by_topic: dict[str, list[entities.PartitionOffsets]] = {}
    for place, consumed in sorted(query.positions.items()):
        offsets = await _partition_offsets(place, consumed, context)
        by_topic.setdefault(place.topic, []).append(offsets)
    summaries = [entities.TopicOffsets(topic, offsets) for topic, offsets in by_topic.items()]
    return entities.QueryOffsetSummary(query.group, summaries)


async def _partition_offsets(place: TopicPartition, consumed: int, context: Answering) -> entities.PartitionOffsets:
    cluster = context.services.cluster
    try:
        first, end = await cluster.list_offset(place, EARLIEST), await cluster.list_offset(place, LATEST)
    except UnknownTopicError:
        first = end = 0
    return entities.PartitionOffsets(place.partition, first, end, consumed)


async def describe_function(statement: ast.DescribeFunction, context: Answering) -> Entity:
    """(33)"""
    found = context.services.functions.describe(statement.name)
    if found is None:
        raise AnalysisError(
            f"Can't find any functions with the name '{statement.name}'. SHOW FUNCTIONS lists what exists."
        )
    variants = [
        entities.FunctionVariant(
            [entities.ArgumentInfo(name, str(t), "", i == v.variadic)
             for i, (name, t) in enumerate(v.arguments)],
            v.returns,
            v.description,
        )
        for v in found.variants
    ]  # fmt: skip
    return entities.FunctionDescription(
        statement_text=context.text,
        name=found.name,
        description=found.description,
        author="",
        version="",
        path="internal",
        functions=variants,
        type=found.kind.value,
    )


async def explain(statement: ast.Explain, context: Answering) -> Entity:
    """(35) of a persistent query by id, or of a statement, which is planned and compiled but not run."""
    described = _explained(statement, context)
    return entities.QueryDescriptionEntity(statement_text=context.text, query_description=described)


def _explained(statement: ast.Explain, context: Answering) -> entities.QueryDescription:
    if statement.query_id is not None:
        spec = context.state.query(statement.query_id)
        if spec is None:
            raise AnalysisError(
                f"Query with id:{statement.query_id} does not exist, use SHOW QUERIES to view the full set of queries."
            )
        return describe_query(spec, context)
    inner = statement.statement
    plan = _planned(inner, context)
    properties = context.services.settings.effective(context.session.properties)
    program = context.services.runtime.compile(plan, properties, "explained")
    return query_description(
        query_id="", sql=inner.text if inner is not None else "", plan=plan, program=program.source,
        properties=dict(context.session.properties),
    )  # fmt: skip


def _planned(inner: ast.Statement | None, context: Answering) -> QueryPlan:
    planner = context.deciding().planner()
    query: QueryPlan | None = None
    if isinstance(inner, ast.QueryStatement):
        query = planner.plan_push(inner.query)
    elif isinstance(inner, ast.CreateAsSelect):
        query = planner.plan_create_as(inner, "explained").query
    elif isinstance(inner, ast.InsertInto):
        query = planner.plan_insert_into(inner, "explained").query
    if query is None:
        raise AnalysisError(
            "The provided statement does not run a ksql query: EXPLAIN takes a SELECT, CREATE … AS SELECT, "
            "INSERT INTO … SELECT, or the id of a query."
        )
    return query
