"""Column lineage over all queries: which columns a column is made of, by which expressions, through which queries.

Two sources over one topic share its columns, so lineage goes on where a stream is declared over the topic that a query
writes. Names decide then, whatever their case, because readers of JSON do not mind it; keys go by their position.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from headwater.catalog.platform import Platform, QueryFact
from headwater.core.schema import Schema
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.derivation import Derivation, IsMasking, derivations
from headwater.plan.lineage import Origin
from headwater.plan.steps import QueryPlan
from headwater.sql.expression_text import format_expression

DEEPEST = 64
"""Levels of a printed tree: lineage may go round in circles."""


@dataclass(frozen=True)
class ColumnEdge:
    """`source` goes into `target`. `query` None: both are the same data, in one topic. `clear`: not masked; `copied`:
    `target` is `source` unchanged."""

    source: Origin
    target: Origin
    query: str | None
    expression: str
    clear: bool
    copied: bool = False


@dataclass(frozen=True)
class QueryColumns:
    """A query's plan and how its result is made."""

    query_id: str
    plan: QueryPlan
    columns: tuple[Derivation, ...]


class ColumnLineage:
    """What a platform's queries do to columns. Derivations of plans seen before are kept."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[str, QueryColumns] = {}

    def graph(self, more: tuple[QueryFact, ...] = (), metastore: MetaStore | None = None) -> ColumnGraph:
        """The columns of all queries now. With `metastore` of its sources and queries, and of `more`."""
        running = self._platform.queries() if metastore is None else _queries(metastore)
        facts = [*running, *more]
        known = {fact.query_id: self._columns(fact, self._platform.is_masking) for fact in facts}
        if metastore is None:
            self._known = dict(known)
        return ColumnGraph(metastore or self._platform.metastore(), tuple(known.values()))

    def _columns(self, fact: QueryFact, is_masking: IsMasking) -> QueryColumns:
        known = self._known.get(fact.query_id)
        if known is not None and known.plan is fact.plan:
            return known
        return QueryColumns(fact.query_id, fact.plan, derivations(fact.plan, is_masking))


def _queries(metastore: MetaStore) -> list[QueryFact]:
    links = metastore.queries.values()
    return [QueryFact(link.query_id, "", "", link.plan) for link in links if link.plan is not None]


class ColumnGraph:
    """Edges between columns, found by either end."""

    def __init__(self, metastore: MetaStore, queries: tuple[QueryColumns, ...]) -> None:
        self.metastore = metastore
        self._into: dict[Origin, list[ColumnEdge]] = {}
        self._out_of: dict[Origin, list[ColumnEdge]] = {}
        for edge in (*_through_queries(queries), *_through_topics(metastore, queries)):
            self._into.setdefault(edge.target, []).append(edge)
            self._out_of.setdefault(edge.source, []).append(edge)

    def into(self, column: Origin) -> list[ColumnEdge]:
        """What a column is directly made of."""
        return self._into.get(column, [])

    def out_of(self, column: Origin) -> list[ColumnEdge]:
        """What is directly made of a column."""
        return self._out_of.get(column, [])

    def path_to(self, column: Origin, ends: Mapping[Origin, object]) -> list[ColumnEdge] | None:
        """The shortest unmasked way from one of `ends` to the column, first edge first; None if there is none."""
        if column in ends:
            return []
        ways: dict[Origin, list[ColumnEdge]] = {column: []}
        pending = [column]
        for current in pending:
            for edge in self.into(current):
                if not edge.clear or edge.source in ways:
                    continue
                ways[edge.source] = [edge, *ways[current]]
                if edge.source in ends:
                    return ways[edge.source]
                pending.append(edge.source)
        return None

    def path_from(self, column: Origin, sources: Collection[str]) -> list[ColumnEdge] | None:
        """The shortest unmasked way from the column to one of the streams and tables; None if there is none."""
        if column.source in sources:
            return []
        ways: dict[Origin, list[ColumnEdge]] = {column: []}
        pending = [column]
        for current in pending:
            for edge in self.out_of(current):
                if not edge.clear or edge.target in ways:
                    continue
                ways[edge.target] = [*ways[current], edge]
                if edge.target.source in sources:
                    return ways[edge.target]
                pending.append(edge.target)
        return None


def _through_queries(queries: tuple[QueryColumns, ...]) -> Iterator[ColumnEdge]:
    for query in queries:
        sink = query.plan.sink
        if sink is None:
            continue
        names = dict(zip((c.name for c in query.plan.schema.columns), _sink_names(query), strict=False))
        for column in query.columns:
            target = Origin(sink.source_name, names.get(column.name, column.name))
            text = format_expression(column.expression)
            for source in column.sources:
                yield ColumnEdge(source, target, query.query_id, text, source in column.clear, column.copied)


def _sink_names(query: QueryColumns) -> list[str]:
    """What the result's columns are called in the sink: INSERT INTO goes by position of keys and values."""
    sink = query.plan.sink
    schema = query.plan.schema
    if sink is None or {c.name for c in schema.columns} == {c.name for c in sink.schema.columns}:
        return [c.name for c in schema.columns]
    keys, values = iter(sink.schema.key), iter(sink.schema.value)
    found = []
    for column in schema.columns:
        after = next(keys if column in schema.key else values, None)
        found.append(column.name if after is None else after.name)
    return found


def _through_topics(metastore: MetaStore, queries: tuple[QueryColumns, ...]) -> Iterator[ColumnEdge]:
    """From what a query writes to a topic to the columns of other sources over it."""
    written: dict[str, dict[str, Schema]] = {}
    for query in queries:
        sink = query.plan.sink
        if sink is not None:
            written.setdefault(sink.topic, {})[sink.source_name] = sink.schema
    for source in metastore:
        for name, schema in written.get(source.topic, {}).items():
            if name != source.name:
                yield from _shared(name, schema, source)


def _shared(name: str, schema: Schema, source: DataSource) -> Iterator[ColumnEdge]:
    pairs = [(a.name, b.name) for a, b in zip(schema.key, source.schema.key, strict=False)]
    values = {c.name.casefold(): c.name for c in schema.value}
    pairs += [(values[k], c.name) for c in source.schema.value if (k := c.name.casefold()) in values]
    for before, after in pairs:
        yield ColumnEdge(Origin(name, before), Origin(source.name, after), None, "", clear=True, copied=True)


def find_column(metastore: MetaStore, name: str) -> tuple[str, list[Origin]]:
    """(topic or source, columns) that `TOPIC.COLUMN` or `SOURCE.COLUMN` means; columns of every source over a topic.

    Topics' names hold dots, so every dot is tried, the last one first. No columns: the name is of no column.
    """
    cut = len(name)
    while (cut := name.rfind(".", 0, cut)) > 0:
        holder, column = name[:cut], name[cut + 1 :]
        sources = metastore.on_topic(holder)
        if not sources:
            exact = metastore.get(holder) or metastore.get(holder.upper())
            sources = (exact,) if exact is not None else metastore.same_but_for_case(holder)
        for folded in (False, True):
            found = [
                Origin(s.name, c.name)
                for s in sources
                for c in s.schema.columns
                if (c.name.casefold() == column.casefold() if folded else c.name == column)
            ]
            if found:
                return holder, found
    return name, []
