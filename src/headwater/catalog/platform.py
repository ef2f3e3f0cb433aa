"""The port `Platform`: what the catalog learns of the rest of the house, and never imports.

Everything is asked for anew whenever it is needed and answered from memory, so that the catalog cannot be stale.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from headwater.cluster.api import TopicInfo
from headwater.plan.catalog import MetaStore
from headwater.plan.steps import QueryPlan


@dataclass(frozen=True)
class SchemaFact:
    """A version of a subject in the registry; `kind` is AVRO, JSON or PROTOBUF.

    `tags` are those of its metadata: patterns of full names of fields, and what is tagged so.
    """

    subject: str
    version: int
    schema_id: int
    kind: str
    schema: str
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class QueryFact:
    """A persistent query. `group` is its consumer group and the prefix of its internal topics.

    `consumed` counts records per topic since some fixed point; it never decreases while the query lives.
    """

    query_id: str
    sql: str
    state: str
    plan: QueryPlan
    group: str = ""
    internal: bool = False
    consumed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ConnectorFact:
    """A connector; `direction` is `source` or `sink`. `group` is the consumer group of a sink's tasks."""

    name: str
    connector_class: str
    direction: str
    topics: tuple[str, ...]
    state: str = "RUNNING"
    group: str = ""


@dataclass(frozen=True)
class GroupFact:
    """A consumer group: the topics it reads, and how many records per topic it has committed."""

    group: str
    state: str
    topics: tuple[str, ...]
    clients: tuple[str, ...] = ()
    committed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FlowFact:
    """Traffic that the broker saw: a client that produces to a topic, or a group or lone client that fetches from it.

    `group` says that `actor` is a consumer group. Counters are since the broker's start, or since it had forgotten the
    flow.
    """

    produces: bool
    actor: str
    group: bool
    topic: str
    records: int
    bytes: int
    last_ms: int


@dataclass(frozen=True)
class SampleRecord:
    """A record of a topic for people to look at: key and value as text or JSON."""

    partition: int
    offset: int
    timestamp: int
    key: Any
    value: Any


@dataclass(frozen=True)
class TopicAccess:
    """Who may do what with a topic, as far as that is restricted: `principal` and the operations it has."""

    principal: str
    operations: tuple[str, ...]


class Platform(Protocol):
    """What there is on this node now."""

    def knows(self, type_name: str) -> bool:
        """Whether all entities of the type have been loaded: only then is one that is missing one that was deleted."""
        ...

    @property
    def cluster_id(self) -> str: ...

    @property
    def bootstrap(self) -> str:
        """Where Kafka clients connect, `host:port`; the namespace of datasets in exported lineage."""
        ...

    def topics(self) -> Mapping[str, TopicInfo]: ...

    def topic(self, name: str) -> TopicInfo | None: ...

    def schemas(self) -> Iterable[SchemaFact]:
        """The latest version of every subject, sorted by subject."""
        ...

    def subject(self, name: str) -> SchemaFact | None:
        """The latest version of this subject."""
        ...

    def schema(self, schema_id: int) -> SchemaFact | None:
        """The first of the subjects' latest versions that has this schema."""
        ...

    def subjects_changed(self, since: int | None) -> tuple[int | None, Collection[str] | None]:
        """The registry's revision now (None if it counts none), and the subjects that have changed since an earlier
        one, deleted ones too; None: any may have."""
        ...

    def metastore(self) -> MetaStore: ...

    def queries(self) -> Sequence[QueryFact]: ...

    def connectors(self) -> Sequence[ConnectorFact]: ...

    def groups(self) -> Sequence[GroupFact]: ...

    def flows(self) -> Sequence[FlowFact]: ...

    def written(self, topic: str) -> int | None:
        """How many records the topic has ever been given; None where that is not known without asking around."""
        ...

    def is_masking(self, function: str) -> bool:
        """Whether the SQL function is declared to mask its argument."""
        ...

    def access(self, topic: str) -> Sequence[TopicAccess]: ...

    async def sample(self, topic: str, limit: int) -> Sequence[SampleRecord]:
        """The last records of the topic, newest first."""
        ...

    async def end_ms(self, topic: str) -> int | None:
        """Timestamp of the newest record; None for an empty topic."""
        ...
