"""Which entities there are: read off the platform, so that they appear and disappear by themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from headwater.catalog import names
from headwater.catalog.entity import Entity, EntityKey
from headwater.catalog.names import qualified
from headwater.catalog.platform import ConnectorFact, GroupFact, Platform, QueryFact, SchemaFact
from headwater.catalog.schema_fields import record_name, schema_fields
from headwater.catalog.schema_tags import RECORD, schema_tags
from headwater.cluster.api import TopicInfo
from headwater.plan.catalog import DataSource

_DIGITS = 20
"""More are no id, and would take long to read."""


def is_internal_topic(name: str) -> bool:
    """Whether a topic is the platform's own: offsets, schemas, changelogs, repartition topics."""
    return name.startswith("_") or name in ("connect-configs", "connect-offsets", "connect-status")


def subject_topic(subject: str) -> str | None:
    """The topic of a subject named by the topic strategy: `orders-value` is about `orders`."""
    for suffix in ("-key", "-value"):
        if subject.endswith(suffix):
            return subject.removesuffix(suffix)
    return None


def facts_of(platform: Platform, topic: str) -> list[SchemaFact]:
    """The latest schemas of a topic's keys and values."""
    found = (platform.subject(f"{topic}{suffix}") for suffix in ("-key", "-value"))
    return [fact for fact in found if fact is not None]


def entities(platform: Platform, kinds: Collection[str] = ()) -> Iterator[Entity]:
    """Every entity there is now, of the given types if any are given."""
    for part, makes in _PARTS.items():
        if not kinds or makes & set(kinds):
            yield from (entity for entity in part(platform) if not kinds or entity.key.type in kinds)


def find(platform: Platform, key: EntityKey) -> Entity | None:
    """The entity of this key."""
    if key.type == names.TOPIC:
        info = platform.topic(key.name)
        return None if info is None else of_topic(platform, info)
    if key.type in (names.STREAM, names.TABLE):
        source = platform.metastore().get(key.name)
        return next((e for e in of_source(platform, source) if e.key == key), None) if source is not None else None
    if key.type == names.COLUMN:
        found = _holder_of_column(platform, key.name)
        return next((e for e in of_source(platform, found) if e.key == key), None) if found is not None else None
    if key.type in (names.SUBJECT, names.SCHEMA, names.RECORD, names.FIELD):
        fact = _fact_behind(platform, key)
        return next((e for e in of_fact(platform, fact) if e.key == key), None) if fact is not None else None
    return next((entity for entity in entities(platform, (key.type,)) if entity.key == key), None)


def _fact_behind(platform: Platform, key: EntityKey) -> SchemaFact | None:
    """The names of subject versions are `subject:version`; those of schemas and their parts begin with the id."""
    if key.type == names.SUBJECT:
        return platform.subject(key.name.rpartition(":")[0])
    number = key.name.partition(":")[0]
    return platform.schema(int(number)) if number.isascii() and number.isdigit() and len(number) < _DIGITS else None


def _holder_of_column(platform: Platform, name: str) -> DataSource | None:
    """Names of sources and of columns may hold dots: the first way to read them that fits."""
    for at, letter in enumerate(name):
        source = platform.metastore().get(name[:at]) if letter == "." else None
        if source is not None and name[at + 1 :] in source.schema.by_name:
            return source
    return None


def _make(platform: Platform, kind: str, local: str, name: str | None = None) -> Entity:
    key = EntityKey(kind, local)
    shown = name if name is not None else local
    return Entity(key, qualified(kind, local, platform.cluster_id), shown)


def _with(entity: Entity, attributes: dict[str, object], **others: object) -> Entity:
    given = {name: value for name, value in attributes.items() if value is not None}
    return Entity(entity.key, entity.qualified_name, entity.name, given, **others)  # type: ignore[arg-type]


def _cluster(platform: Platform) -> Iterator[Entity]:
    name = platform.cluster_id
    yield _with(_make(platform, names.CLUSTER, name), {"id": name, "bootstrap": platform.bootstrap})


def _topics(platform: Platform) -> Iterator[Entity]:
    for info in platform.topics().values():
        yield of_topic(platform, info)


def of_topic(platform: Platform, info: TopicInfo) -> Entity:
    """The entity of a topic."""
    return _with(
        _make(platform, names.TOPIC, info.name),
        {
            "partitionsCount": info.partitions,
            "replicationFactor": max(info.replication, 1),
            "cleanupPolicy": info.configs.get("cleanup.policy", "delete"),
            "retentionMs": info.configs.get("retention.ms"),
        },
        parent=EntityKey(names.CLUSTER, platform.cluster_id),
        incarnation=info.topic_id.hex(),
        internal=info.internal or is_internal_topic(info.name),
    )


def _schemas(platform: Platform) -> Iterator[Entity]:
    known: set[int] = set()
    for fact in platform.schemas():
        found = of_fact(platform, fact)
        yield next(found)
        if fact.schema_id not in known:
            known.add(fact.schema_id)
            yield from found


def of_fact(platform: Platform, fact: SchemaFact) -> Iterator[Entity]:
    """The version of a subject, then its schema with record and fields: those of all subjects that have the schema."""
    schema = EntityKey(names.SCHEMA, str(fact.schema_id))
    yield _with(
        _make(platform, names.SUBJECT, f"{fact.subject}:{fact.version}", fact.subject),
        {"subject": fact.subject, "version": fact.version, "id": fact.schema_id, "schemaType": fact.kind,
         "topic": subject_topic(fact.subject)},
        parent=schema,
    )  # fmt: skip
    yield from _schema(platform, fact, schema)


def _schema(platform: Platform, fact: SchemaFact, key: EntityKey) -> Iterator[Entity]:
    record, tags = record_name(fact.kind, fact.schema), schema_tags(fact)
    yield _with(
        _make(platform, names.SCHEMA, key.name, record.rpartition(".")[2] or fact.subject),
        {"id": fact.schema_id, "schemaType": fact.kind, "subject": fact.subject},
    )
    if not record:
        return
    namespace, _, short = record.rpartition(".")
    holder = _make(platform, names.RECORD, f"{fact.schema_id}:{record}", short)
    about: dict[str, object] = {"namespace": namespace, "subject": fact.subject}
    yield _with(holder, about, parent=key, tags=tags.get(RECORD, frozenset()))
    for field in schema_fields(fact.kind, fact.schema):
        yield _with(
            _make(platform, names.FIELD, f"{fact.schema_id}:{record}.{field.path}", field.name),
            {"type": field.type, "description": field.doc or None, "subject": fact.subject, "path": field.path},
            parent=holder.key,
            tags=tags.get(field.path, frozenset()),
        )


def source_key(source: DataSource) -> EntityKey:
    """The entity of a stream or table."""
    return EntityKey(names.TABLE if source.is_table else names.STREAM, source.name)


def column_key(source: str, column: str) -> EntityKey:
    """The entity of a column of a stream or table."""
    return EntityKey(names.COLUMN, f"{source}.{column}")


def _sources(platform: Platform) -> Iterator[Entity]:
    for source in list(platform.metastore()):
        yield from of_source(platform, source)


def of_source(platform: Platform, source: DataSource) -> Iterator[Entity]:
    """A stream or table and its columns."""
    key = source_key(source)
    holder = _make(platform, key.type, source.name)
    yield _with(
        holder,
        {"topic": source.topic, "keyFormat": source.formats.key.name, "valueFormat": source.formats.value.name,
         "statement": source.sql},
        parent=EntityKey(names.TOPIC, source.topic),
    )  # fmt: skip
    for column in source.schema.columns:
        local = column_key(source.name, column.name).name
        yield _with(
            _make(platform, names.COLUMN, local, column.name),
            {"type": str(column.type), "role": column.role.value, "source": source.name, "topic": source.topic},
            parent=key,
        )


def _queries(platform: Platform) -> Iterator[Entity]:
    for fact in platform.queries():
        yield of_query(platform, fact)


def of_query(platform: Platform, fact: QueryFact) -> Entity:
    """The entity of a persistent query."""
    sink = fact.plan.sink
    return _with(
        _make(platform, names.QUERY, fact.query_id),
        {"state": fact.state, "statement": fact.sql, "reads": list(fact.plan.sources),
         "writes": None if sink is None else sink.source_name},
        internal=fact.internal,
    )  # fmt: skip


def _connectors(platform: Platform) -> Iterator[Entity]:
    for fact in platform.connectors():
        yield of_connector(platform, fact)


def of_connector(platform: Platform, fact: ConnectorFact) -> Entity:
    """The entity of a connector."""
    return _with(
        _make(platform, names.CONNECTOR, fact.name),
        {"connectorClass": fact.connector_class, "type": fact.direction, "topics": list(fact.topics),
         "state": fact.state},
    )  # fmt: skip


def _groups(platform: Platform) -> Iterator[Entity]:
    owned = {q.group for q in platform.queries()} | {c.group for c in platform.connectors()}
    for fact in platform.groups():
        yield of_group(platform, fact, internal=fact.group in owned)


def of_group(platform: Platform, fact: GroupFact, *, internal: bool = False) -> Entity:
    """The entity of a consumer group."""
    return _with(
        _make(platform, names.GROUP, fact.group),
        {"state": fact.state, "topics": list(fact.topics), "clients": list(fact.clients)},
        internal=internal,
    )


_PARTS: dict[Callable[[Platform], Iterator[Entity]], set[str]] = {
    _cluster: {names.CLUSTER},
    _topics: {names.TOPIC},
    _schemas: {names.SUBJECT, names.SCHEMA, names.RECORD, names.FIELD},
    _sources: {names.STREAM, names.TABLE, names.COLUMN},
    _queries: {names.QUERY},
    _connectors: {names.CONNECTOR},
    _groups: {names.GROUP},
}
"""What makes entities, and of which types."""
