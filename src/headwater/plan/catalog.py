"""The catalog of a SQL server: streams, tables, custom types, and which queries read and write what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from headwater.core.schema import Schema
from headwater.core.types import SqlType
from headwater.plan.steps import QueryPlan, TimestampColumn, TopicFormats, WindowInfo
from headwater.sql.ast import SourceKind


@dataclass(frozen=True)
class DataSource:
    """A stream or table over a topic.

    `read_only` is CREATE SOURCE …; `created_by_query` the id of the CxAS query that feeds it (None for plain CREATE),
    `materialized_by` the id of the query that makes it readable by pull queries (CTAS or CREATE SOURCE TABLE).
    `sql` is the statement that made it, without the final `;`.
    """

    name: str
    kind: SourceKind
    schema: Schema
    topic: str
    formats: TopicFormats
    window: WindowInfo | None = None
    timestamp: TimestampColumn | None = None
    read_only: bool = False
    sql: str = ""
    created_by_query: str | None = None
    materialized_by: str | None = None
    partitions: int | None = None

    @property
    def is_table(self) -> bool:
        return self.kind is SourceKind.TABLE

    @property
    def kind_word(self) -> str:
        """`stream` or `table`, for messages."""
        return self.kind.value.lower()


@dataclass(frozen=True)
class QueryLink:
    """What a persistent query reads and writes, by source name; `writes` None for CREATE SOURCE TABLE's query."""

    query_id: str
    reads: tuple[str, ...]
    writes: str | None
    is_insert: bool = False
    plan: QueryPlan | None = None


@dataclass
class MetaStore:
    """All sources, types and query links. Copies are cheap, so that a request is validated against a copy first."""

    sources: dict[str, DataSource] = field(default_factory=dict)
    types: dict[str, SqlType] = field(default_factory=dict)
    queries: dict[str, QueryLink] = field(default_factory=dict)

    def copy(self) -> MetaStore:
        return MetaStore(dict(self.sources), dict(self.types), dict(self.queries))

    def get(self, name: str) -> DataSource | None:
        """The source of exactly this name."""
        return self.sources.get(name)

    def put(self, source: DataSource) -> None:
        """Add or replace."""
        self.sources[source.name] = source

    def remove(self, name: str) -> None:
        del self.sources[name]

    def link(self, query: QueryLink) -> None:
        self.queries[query.query_id] = query

    def unlink(self, query_id: str) -> None:
        self.queries.pop(query_id, None)

    def readers(self, name: str) -> tuple[str, ...]:
        """Ids of the queries that read the source, sorted."""
        return tuple(sorted(q.query_id for q in self.queries.values() if name in q.reads))

    def writers(self, name: str) -> tuple[str, ...]:
        """Ids of the queries that write to the source, sorted."""
        return tuple(sorted(q.query_id for q in self.queries.values() if q.writes == name))

    def dependents(self, name: str) -> tuple[str, ...]:
        """Names of the sources that CxAS queries derive from this one, sorted."""
        return tuple(
            sorted(
                q.writes
                for q in self.queries.values()
                if name in q.reads and q.writes is not None and not q.is_insert and q.writes != name
            )
        )

    def on_topic(self, topic: str) -> tuple[DataSource, ...]:
        return tuple(s for s in self.sources.values() if s.topic == topic)

    def same_but_for_case(self, name: str) -> tuple[DataSource, ...]:
        """Sources whose names differ from `name` only by case, sorted by name."""
        return tuple(
            sorted((s for s in self if s.name.upper() == name.upper() and s.name != name), key=lambda s: s.name)
        )

    def __iter__(self) -> Iterator[DataSource]:
        return iter(self.sources.values())

    def of_kind(self, kind: SourceKind) -> Iterable[DataSource]:
        return (s for s in self if s.kind is kind)
