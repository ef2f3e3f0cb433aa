"""What statements answer, as tables and text for a person: one function per kind of entity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

Entity = Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """A table; or, without columns, a text."""

    title: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    text: str = ""


def blocks(entity: Entity) -> Iterator[Block]:
    """The parts of one entity, warnings first; kinds that are not known here come as JSON."""
    for warning in entity.get("warnings") or ():
        yield Block(text=f"WARNING: {warning.get('message', '')}")
    render = _RENDERERS.get(entity.get("@type", ""))
    if render is None:
        yield Block(text=msgspec.json.format(msgspec.json.encode(entity)).decode())
    else:
        yield from render(entity)


def schema_text(schema: Entity) -> str:
    """A type as SQL: `ARRAY<STRUCT<A INTEGER>>`."""
    kind = schema["type"]
    parameters = schema.get("parameters") or {}
    if kind == "DECIMAL" and parameters:
        return f"DECIMAL({parameters.get('precision')}, {parameters.get('scale')})"
    if kind == "ARRAY":
        return f"ARRAY<{schema_text(schema['memberSchema'])}>"
    if kind == "MAP":
        return f"MAP<STRING, {schema_text(schema['memberSchema'])}>"
    if kind == "STRUCT":
        inner = (f"{field['name']} {schema_text(field['schema'])}" for field in schema.get("fields") or ())
        return f"STRUCT<{', '.join(inner)}>"
    return str(kind)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{k}:{v}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)


def _listing(title: str, member: str, columns: Mapping[str, str]) -> Callable[[Entity], Iterator[Block]]:
    """A renderer of a list of objects: `columns` is heading to member name."""

    def render(entity: Entity) -> Iterator[Block]:
        rows = [[_text(item.get(name)) for name in columns.values()] for item in entity[member]]
        yield Block(title, list(columns), rows)

    return render


def _status(entity: Entity) -> Iterator[Block]:
    yield Block(text=entity["commandStatus"]["message"])


def _topics(entity: Entity) -> Iterator[Block]:
    extended = entity["@type"] == "kafka_topics_extended"
    columns = ["Topic", "Partitions", "Replicas", *(["Consumers", "Groups"] if extended else [])]
    rows = []
    for topic in entity["topics"]:
        replicas = topic["replicaInfo"]
        distinct = ", ".join(map(str, sorted(set(replicas))))
        more = [_text(topic.get("consumerCount")), _text(topic.get("consumerGroupCount"))] if extended else []
        rows.append([topic["name"], str(len(replicas)), distinct, *more])
    yield Block("Topics", columns, rows)


def _queries(entity: Entity) -> Iterator[Block]:
    yield _query_table("Queries", entity["queries"])


def _query_table(title: str, queries: Sequence[Entity]) -> Block:
    columns = ["Query", "Kind", "State", "Sink", "Topic", "Statement"]
    rows = [
        [q["id"], q["queryType"], _text(q.get("statusCount") or q.get("state")), _text(q["sinks"]),
         _text(q["sinkKafkaTopics"]), q["queryString"]]
        for q in queries
    ]  # fmt: skip
    return Block(title, columns, rows)


def _fields(fields: Sequence[Entity]) -> Block:
    rows = []
    for field in fields:
        kind = field.get("type") or ""
        mark = f" (header('{field['headerKey']}'))" if field.get("headerKey") else f" ({kind.lower()})" if kind else ""
        rows.append([field["name"], schema_text(field["schema"]) + mark])
    return Block("Columns", ["Column", "Type"], rows)


def _source(entity: Entity) -> Iterator[Block]:
    yield from _source_description(entity["sourceDescription"])


def _sources(entity: Entity) -> Iterator[Block]:
    for description in entity["sourceDescriptions"]:
        yield from _source_description(description)


def _source_description(source: Entity) -> Iterator[Block]:
    facts = {
        "Name": source["name"],
        "Type": source["type"],
        "Window": source.get("windowType"),
        "Timestamp column": source.get("timestamp"),
        "Key format": source.get("keyFormat"),
        "Value format": source.get("valueFormat"),
        "Topic": f"{source['topic']} ({source['partitions']} partitions, {source['replication']} replicas)",
    }
    if not source.get("extended"):
        facts = {name: facts[name] for name in ("Name",)}
    yield Block(text="\n".join(f"{name:<17}: {value}" for name, value in facts.items() if value))
    yield _fields(source["fields"])
    for title, member in (("Queries that read it", "readQueries"), ("Queries that write it", "writeQueries")):
        if source.get(member):
            yield _query_table(title, source[member])
    if not source.get("extended"):
        return
    for title, member in (("Statement", "statement"), ("Statistics", "statistics"), ("Errors", "errorStats")):
        if source.get(member):
            yield Block(text=f"{title}:\n{source[member]}")
    yield from _offsets(source)


def _offsets(source: Entity) -> Iterator[Block]:
    columns = ["Group", "Topic", "Partition", "Start", "End", "Consumed", "Lag"]
    rows = [
        [group["groupId"], topic["kafkaTopic"], str(o["partition"]), str(o["logStartOffset"]), str(o["logEndOffset"]),
         str(o["consumerOffset"]), str(o["logEndOffset"] - o["consumerOffset"])]
        for group in source.get("queryOffsetSummaries") or ()
        for topic in group["topicSummaries"]
        for o in topic["offsets"]
    ]  # fmt: skip
    if rows:
        yield Block("Offsets", columns, rows)


def _query(entity: Entity) -> Iterator[Block]:
    yield from _query_description(entity["queryDescription"])


def _query_descriptions(entity: Entity) -> Iterator[Block]:
    for description in entity["queryDescriptions"]:
        yield from _query_description(description)


def _query_description(query: Entity) -> Iterator[Block]:
    facts = {
        "ID": query.get("id"),
        "Kind": query.get("queryType"),
        "Status": _text(query.get("ksqlHostQueryStatus")) or query.get("state"),
        "Sources": _text(query.get("sources")),
        "Sinks": _text(query.get("sinks")),
        "Statement": query.get("statementText"),
    }
    yield Block(text="\n".join(f"{name:<17}: {value}" for name, value in facts.items() if value))
    if query.get("fields"):
        yield _fields(query["fields"])
    for title, member in (("Execution plan", "executionPlan"), ("Topology", "topology")):
        if query.get(member):
            yield Block(text=f"{title}:\n{query[member]}")
    if query.get("overriddenProperties"):
        rows = [[name, _text(value)] for name, value in query["overriddenProperties"].items()]
        yield Block("Properties of this query", ["Property", "Value"], rows)
    if query.get("queryErrors"):
        rows = [[str(e["timestamp"]), e["type"], e["errorMessage"]] for e in query["queryErrors"]]
        yield Block("Errors", ["Time (ms)", "Kind", "Message"], rows)


def _types(entity: Entity) -> Iterator[Block]:
    yield Block("Types", ["Type", "Definition"], [[name, schema_text(s)] for name, s in entity["types"].items()])


def _function(entity: Entity) -> Iterator[Block]:
    facts = {"Name": entity["name"], "Kind": entity["type"], "Author": entity["author"], "Version": entity["version"]}
    lines = [f"{name:<17}: {value}" for name, value in facts.items() if value]
    yield Block(text="\n".join([*lines, entity["description"]]))
    for variant in entity["functions"]:
        arguments = ", ".join(
            f"{a['name']} {a['type']}{'...' if a.get('isVariadic') else ''}" for a in variant["arguments"]
        )
        lines = [f"{entity['name']}({arguments}) -> {variant['returnType']}"]
        lines += [f"    {variant['description']}"] if variant.get("description") else []
        lines += [f"    {a['name']}: {a['description']}" for a in variant["arguments"] if a.get("description")]
        yield Block(text="\n".join(lines))


def _warning(entity: Entity) -> Iterator[Block]:
    yield Block(text=f"WARNING: {entity['message']}")


def _terminated(entity: Entity) -> Iterator[Block]:
    ended = "was terminated" if entity["wasTerminated"] else "was not running"
    yield Block(text=f"Query {entity['queryId']} {ended}.")


def _assertion(entity: Entity) -> Iterator[Block]:
    what = entity.get("topicName") or entity.get("subject") or entity.get("id")
    yield Block(text=f"{what} {'exists' if entity['exists'] else 'does not exist'}.")


def _connector_made(entity: Entity) -> Iterator[Block]:
    info = entity["info"]
    yield Block(text=f"Connector {info['name']} ({info.get('type') or 'unknown'}) is made.")
    yield Block("Configuration", ["Key", "Value"], [[key, _text(value)] for key, value in info["config"].items()])


def _connector(entity: Entity) -> Iterator[Block]:
    status = entity["status"]
    about = status["connector"]
    facts = {
        "Name": status["name"],
        "Class": entity["connectorClass"],
        "Type": status.get("type"),
        "State": about["state"],
        "Worker": about["worker_id"],
        "Topics": _text(entity.get("topics") or []),
        "Trace": about.get("trace"),
    }
    yield Block(text="\n".join(f"{name:<17}: {value}" for name, value in facts.items() if value))
    tasks = [[str(task["id"]), task["state"], _text(task.get("trace"))] for task in status["tasks"]]
    yield Block("Tasks", ["Task", "State", "Trace"], tasks)
    for description in entity.get("sources") or ():
        yield from _source_description(description)


def _connector_dropped(entity: Entity) -> Iterator[Block]:
    yield Block(text=f"Connector {entity['connectorName']} is dropped.")


_SOURCE_COLUMNS = {
    "Topic": "topic",
    "Key format": "keyFormat",
    "Value format": "valueFormat",
    "Windowed": "isWindowed",
}
_RENDERERS: dict[str, Callable[[Entity], Iterator[Block]]] = {
    "currentStatus": _status,
    "streams": _listing("Streams", "streams", {"Stream": "name", **_SOURCE_COLUMNS}),
    "tables": _listing("Tables", "tables", {"Table": "name", **_SOURCE_COLUMNS}),
    "kafka_topics": _topics,
    "kafka_topics_extended": _topics,
    "queries": _queries,
    "query_descriptions": _query_descriptions,
    "queryDescription": _query,
    "sourceDescription": _source,
    "source_descriptions": _sources,
    "properties": _listing("Properties", "properties", {"Property": "name", "Value": "value", "Level": "level"}),
    "function_names": _listing("Functions", "functions", {"Function": "name", "Kind": "type", "Category": "category"}),
    "describe_function": _function,
    "type_list": _types,
    "variables": _listing("Variables", "variables", {"Variable": "name", "Value": "value"}),
    "connector_list": _listing(
        "Connectors", "connectors", {"Connector": "name", "Type": "type", "Class": "className", "Status": "state"}
    ),
    "connector_plugins_list": _listing(
        "Connector plugins", "connectorsPlugins", {"Class": "className", "Type": "type", "Version": "version"}
    ),
    "connector_info": _connector_made,
    "connector_description": _connector,
    "drop_connector": _connector_dropped,
    "terminate_query": _terminated,
    "warning_entity": _warning,
    "assert_topic": _assertion,
    "assert_schema": _assertion,
}
