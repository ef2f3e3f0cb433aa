"""The catalog of a node: what it learns from the other parts, and how it is put together with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from headwater.app.outside_groups import OutsideGroups
from headwater.broker.acls import Operation, Permission, Resource
from headwater.broker.broker import Broker
from headwater.broker.observation import Direction
from headwater.catalog import names
from headwater.catalog.governance import Governance
from headwater.catalog.platform import (
    ConnectorFact,
    FlowFact,
    GroupFact,
    QueryFact,
    SampleRecord,
    SchemaFact,
    TopicAccess,
)
from headwater.cluster.api import EARLIEST, LATEST, Cluster, TopicInfo, TopicPartition
from headwater.core.clock import Clock
from headwater.engine.engine import Engine
from headwater.engine.query import PersistentQuery
from headwater.formats.api import RegisteredSchema, SchemaRegistry
from headwater.formats.guess import Guesser
from headwater.plan.catalog import MetaStore
from headwater.registry.port import SqlSchemas
from headwater.wire.records import Record, read_records

_FETCH_BYTES = 1 << 20
Connectors = Callable[[], Sequence[ConnectorFact]]


def no_connectors() -> Sequence[ConnectorFact]:
    """Of a node without a Connect worker."""
    return ()


class NodePlatform:
    """The port `catalog.platform.Platform` over the parts of one node. `broker` is None on an outside Kafka cluster,
    whose consumer groups `outside` knows."""

    def __init__(
        self,
        engine: Engine,
        broker: Broker | None,
        bootstrap: str = "",
        connectors: Connectors = no_connectors,
        outside: OutsideGroups | None = None,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._outside = outside
        self.read_connectors = connectors
        """What a Connect worker that starts later puts itself in for."""
        self.bootstrap = bootstrap or "127.0.0.1:9092"

    def knows(self, type_name: str) -> bool:
        """Streams and queries when the statements have been replayed, connectors when a worker runs, and so on."""
        if type_name == names.CONNECTOR:
            return self.read_connectors is not no_connectors
        if type_name == names.GROUP:
            return self._broker is not None or (self._outside is not None and self._outside.seen)
        if type_name in (names.SUBJECT, names.SCHEMA, names.RECORD, names.FIELD):
            return self._engine.registry is not None
        return self._engine.ready and self._engine.degraded is None

    @property
    def cluster_id(self) -> str:
        return self._cluster.cluster_id

    @property
    def _cluster(self) -> Cluster:
        return self._engine.cluster

    def topics(self) -> Mapping[str, TopicInfo]:
        """As the cluster knows them."""
        return self._cluster.topics()

    def topic(self, name: str) -> TopicInfo | None:
        """As the cluster knows it."""
        return self._cluster.topic(name)

    def schemas(self) -> Iterator[SchemaFact]:
        """The latest version of every subject."""
        registry = self._engine.registry
        for name in registry.subjects() if registry is not None else ():
            fact = self.subject(name)
            if fact is not None:
                yield fact

    def subject(self, name: str) -> SchemaFact | None:
        """The latest version of this subject."""
        registry = self._engine.registry
        return None if registry is None else _schema_fact(registry, registry.latest(name))

    def schema(self, schema_id: int) -> SchemaFact | None:
        """The first of the subjects' latest versions that has this schema."""
        registry = self._engine.registry
        if isinstance(registry, SqlSchemas):
            return _schema_fact(registry, registry.holder(schema_id))
        return next((fact for fact in self.schemas() if fact.schema_id == schema_id), None)

    def subjects_changed(self, since: int | None) -> tuple[int | None, Collection[str] | None]:
        """The registry's revision, and what has changed since; a registry that counts none may have changed all."""
        registry = self._engine.registry
        return registry.changed(since) if isinstance(registry, SqlSchemas) else (None, None)

    def metastore(self) -> MetaStore:
        """The engine's; not to be changed."""
        return self._engine.metastore

    def queries(self) -> Sequence[QueryFact]:
        """Every persistent query, in order of creation."""
        return [_query_fact(query) for query in self._engine.runtime.queries.values()]

    def connectors(self) -> Sequence[ConnectorFact]:
        """What the Connect worker runs."""
        return self.read_connectors()

    def groups(self) -> Sequence[GroupFact]:
        """Groups with members or positions, by name."""
        if self._broker is None:
            return () if self._outside is None else self._outside.facts
        live, offsets = self._broker.groups.groups, self._broker.offsets
        clients: dict[str, set[str]] = {}
        for flow in self._broker.observation.flows():
            if flow.group:
                clients.setdefault(flow.group, set()).add(flow.client_id)
        facts = []
        for name in sorted(set(live) | offsets.groups()):
            committed: dict[str, int] = {}
            for (topic, _), position in offsets.fetch(name).items():
                committed[topic] = committed.get(topic, 0) + max(position.offset, 0)
            group = live.get(name)
            topics = set(committed) | (group.subscribed_topics() if group is not None else set())
            state = group.state_name if group is not None else "Empty"
            who = tuple(sorted(clients.get(name, ())))
            facts.append(GroupFact(name, state, tuple(sorted(topics)), who, committed))
        return facts

    def flows(self) -> Sequence[FlowFact]:
        """What came over the wire. A fetch of a group's member, and a commit, are the group's."""
        if self._broker is None:
            return ()
        merged: dict[tuple[bool, str, bool, str], FlowFact] = {}
        for flow in self._broker.observation.flows():
            produces = flow.direction is Direction.PRODUCE
            actor = flow.client_id if produces else flow.group or flow.client_id
            key = (produces, actor, bool(flow.group) and not produces, flow.topic)
            before = merged.get(key, FlowFact(*key, 0, 0, 0))
            merged[key] = FlowFact(
                *key, before.records + flow.records, before.bytes + flow.bytes, max(before.last_ms, flow.last_ms)
            )
        return list(merged.values())

    def written(self, topic: str) -> int | None:
        """Read off the log inside; an outside cluster would have to be asked."""
        found = self._broker.log.topic(topic) if self._broker is not None else None
        return None if found is None else sum(partition.log_end for partition in found.partitions)

    def is_masking(self, function: str) -> bool:
        """As the function is declared."""
        return self._engine.functions.is_masking(function)

    def access(self, topic: str) -> Sequence[TopicAccess]:
        """Who has been granted what on the topic, by principal."""
        if self._broker is None:
            return ()
        granted: dict[str, set[Operation]] = {}
        for acl in self._broker.security.acls:
            if acl.permission is Permission.ALLOW and acl.covers(Resource.TOPIC, topic):
                granted.setdefault(acl.principal, set()).add(acl.operation)
        return [TopicAccess(who, tuple(sorted(o.name for o in granted[who]))) for who in sorted(granted)]

    async def sample(self, topic: str, limit: int) -> Sequence[SampleRecord]:
        """The last records of the topic, newest first, in whatever format they seem to be written."""
        found = await self._last_records(topic, limit)
        keys, values = (Guesser(self._engine.registry, is_key=is_key) for is_key in (True, False))
        keys.learn([record.key for _, record in found])
        values.learn([record.value for _, record in found])
        return [SampleRecord(p, r.offset, r.timestamp, _shown(keys, r.key), _shown(values, r.value)) for p, r in found]

    async def end_ms(self, topic: str) -> int | None:
        """Timestamp of the newest record."""
        found = await self._last_records(topic, 1)
        return found[0][1].timestamp if found else None

    async def _last_records(self, topic: str, limit: int) -> list[tuple[int, Record]]:
        """(partition, record), newest first."""
        info = self._cluster.topic(topic)
        found: list[tuple[int, Record]] = []
        for partition in range(info.partitions if info is not None else 0):
            place = TopicPartition(topic, partition)
            end = await self._cluster.list_offset(place, LATEST)
            start = await self._cluster.list_offset(place, EARLIEST)
            position = max(end - limit, start)
            while position < end:
                fetched = await self._cluster.fetch({place: position}, _FETCH_BYTES)
                if not fetched:
                    break
                found += [(partition, r) for r in read_records(fetched[0].data, position) if r.offset >= end - limit]
                position = fetched[0].next_offset
        found.sort(key=lambda item: (-item[1].timestamp, item[0], -item[1].offset))
        return found[:limit]


def _schema_fact(registry: SchemaRegistry, held: RegisteredSchema | None) -> SchemaFact | None:
    if held is None:
        return None
    tags = registry.metadata_tags(held.subject, held.version) if isinstance(registry, SqlSchemas) else ()
    return SchemaFact(held.subject, held.version, held.schema_id, held.kind, held.schema, tags)


def _query_fact(query: PersistentQuery) -> QueryFact:
    consumed: dict[str, int] = {}
    for place, offset in query.positions.items():
        consumed[place.topic] = consumed.get(place.topic, 0) + offset
    return QueryFact(query.id, query.sql, query.state, query.plan, query.group, query.plan.materialize, consumed)


def _shown(guesser: Guesser, payload: bytes | None) -> Any:
    """JSON as JSON, anything else as text."""
    if payload is None:
        return None
    text = guesser.text(payload)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


class CatalogPart:
    """`start` after the engine; the door, `http.catalog.door`, takes `governance`."""

    def __init__(
        self,
        engine: Engine,
        broker: Broker | None,
        clock: Clock,
        bootstrap: str = "",
        connectors: Connectors = no_connectors,
        outside: OutsideGroups | None = None,
    ) -> None:
        self.platform = NodePlatform(engine, broker, bootstrap, connectors, outside)
        self.governance = Governance(self.platform, engine.cluster, clock)
        engine.admission.admit = self.governance.contracts.check

    async def start(self) -> None:
        """Read the catalog's topic. Raises `ClusterError`, `LogError`."""
        await self.governance.start()

    async def close(self) -> None:
        """Stop the upkeep."""
        await self.governance.close()
