"""The lineage graph: producers, topics, queries, connectors and consumer groups, and who gives records to whom.

Queries and connectors are drawn from what they are; producers and groups from what the broker sees. Streams and tables
are views of topics, so they are drawn only when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from headwater.catalog.inventory import is_internal_topic
from headwater.catalog.platform import ConnectorFact, FlowFact, GroupFact, Platform, QueryFact
from headwater.plan.steps import SourceStep, Step

INTERNAL_CLIENTS = ("_", "connector-producer-", "connector-consumer-", "connector-dlq-producer-")
"""How the client ids of the platform's own clients begin."""


class NodeType(Enum):
    """The values begin the nodes' ids."""

    PRODUCER = "producer"
    TOPIC = "topic"
    STREAM = "stream"
    TABLE = "table"
    QUERY = "query"
    CONNECTOR = "connector"
    GROUP = "group"
    CONSUMER = "consumer"
    """A client that reads without a group."""


@dataclass(frozen=True)
class Node:
    """`id` is `type:name`; `label` what people call it; `internal` nodes are the platform's own."""

    type: NodeType
    name: str
    label: str = ""
    internal: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.type.value}:{self.name}"


@dataclass(frozen=True)
class Edge:
    """Records go from `source` to `target`, ids of nodes. `records` counts them where that is known, since some fixed
    moment; `seen` is when the last one was observed, ms."""

    source: str
    target: str
    internal: bool = False
    records: int | None = None
    bytes: int | None = None
    seen: int = 0

    @property
    def id(self) -> str:
        return f"{self.source}>{self.target}"


class Direction(Enum):
    """Which way to go from a node."""

    BOTH = "both"
    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


@dataclass
class Graph:
    """Nodes and edges by id. Every edge's ends are nodes."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    starts: tuple[str, ...] = ()
    """The nodes that it is the lineage of; empty for a graph of everything."""

    def add(self, node: Node) -> str:
        """Take in a node, unless there is one of this id; returns the id."""
        self.nodes.setdefault(node.id, node)
        return node.id

    def connect(self, edge: Edge) -> None:
        """Take in an edge, unless there is one."""
        self.edges.setdefault(edge.id, edge)

    def around(self, starts: Iterable[str], direction: Direction = Direction.BOTH, depth: int | None = None) -> Graph:
        """What can be reached from the nodes: sources of sources and users of users, `depth` edges away at the most.

        Both directions are two walks: the other users of a source do not belong to a node's lineage.
        """
        begin = [start for start in starts if start in self.nodes]
        kept = set(begin)
        for wanted, step in ((Direction.UPSTREAM, self._before()), (Direction.DOWNSTREAM, self._after())):
            if direction in (Direction.BOTH, wanted):
                kept |= _reach(begin, step, depth)
        found = self.only(lambda node: node.id in kept)
        return Graph(found.nodes, found.edges, tuple(begin))

    def only(self, wanted: Callable[[Node], bool]) -> Graph:
        """The nodes that are wanted, and the edges between them."""
        nodes = {key: node for key, node in self.nodes.items() if wanted(node)}
        return Graph(nodes, {k: e for k, e in self.edges.items() if e.source in nodes and e.target in nodes})

    def without_internal(self) -> Graph:
        """Without what is the platform's own."""
        shown = self.only(lambda node: not node.internal)
        return Graph(shown.nodes, {key: edge for key, edge in shown.edges.items() if not edge.internal})

    def connected(self) -> Graph:
        """Without nodes that nothing goes into or comes out of."""
        ends = {end for edge in self.edges.values() for end in (edge.source, edge.target)}
        return self.only(lambda node: node.id in ends)

    def find(self, name: str) -> list[str]:
        """Ids of the nodes that a person means: an id, or the name of a topic, stream, query, connector, group, client.

        The first type that has the name counts; what is called so but for case, if nothing else is.
        """
        if name in self.nodes:
            return [name]
        return self._named(name, str) or self._named(name, str.casefold)

    def _named(self, name: str, fold: Callable[[str], str]) -> list[str]:
        wanted = fold(name)
        for kind in _SEARCHED:
            found = [n.id for n in self.nodes.values() if n.type is kind and fold(n.name) == wanted]
            if found:
                return found
        return [n.id for n in self.nodes.values() if wanted in map(fold, n.attributes.get("sources", ()))]

    def _before(self) -> Mapping[str, list[str]]:
        table: dict[str, list[str]] = {}
        for edge in self.edges.values():
            table.setdefault(edge.target, []).append(edge.source)
        return table

    def _after(self) -> Mapping[str, list[str]]:
        table: dict[str, list[str]] = {}
        for edge in self.edges.values():
            table.setdefault(edge.source, []).append(edge.target)
        return table


_SEARCHED = (
    NodeType.TOPIC, NodeType.STREAM, NodeType.TABLE, NodeType.QUERY, NodeType.CONNECTOR, NodeType.GROUP,
    NodeType.PRODUCER, NodeType.CONSUMER,
)  # fmt: skip


def _reach(starts: Iterable[str], step: Mapping[str, list[str]], depth: int | None) -> set[str]:
    found = set(starts)
    layer = list(found)
    while layer and (depth is None or depth > 0):
        following = {after for node in layer for after in step.get(node, ())} - found
        found |= following
        layer = list(following)
        depth = None if depth is None else depth - 1
    return found


def build(platform: Platform, *, with_sources: bool = False) -> Generator[None, None, Graph]:
    """The graph as it is now, internal parts included: steps to be run at once or in slices (`log.slices`).

    Topics that nothing is known to read or write are not in it.
    """
    builder = _Builder(platform, with_sources)
    for _ in builder.steps():
        yield
    return builder.graph


class _Builder:
    def __init__(self, platform: Platform, with_sources: bool) -> None:
        self.graph = Graph()
        self._platform = platform
        self._with_sources = with_sources
        self._owners: set[str] = set()
        self._sources = _sources_of_topics(platform)
        self._internal_topics = [name for name in platform.topics() if is_internal_topic(name)]

    def steps(self) -> Iterator[None]:
        """Queries and connectors first: what the broker sees of them is theirs."""
        for query in self._platform.queries():
            self._query(query)
            yield
        for connector in self._platform.connectors():
            self._connector(connector)
            yield
        if self._with_sources:
            self._views()
            yield
        for group in self._platform.groups():
            self._group_fact(group)
            yield
        for flow in self._platform.flows():
            self._flow(flow)
            yield

    def _topic(self, name: str) -> str:
        found = f"topic:{name}"
        if found in self.graph.nodes:
            return found
        views = self._sources.get(name, [])
        attributes = {"sources": views} if views else {}
        return self.graph.add(Node(NodeType.TOPIC, name, name, is_internal_topic(name), attributes))

    def _source(self, name: str) -> str | None:
        source = self._platform.metastore().get(name)
        if source is None:
            return None
        kind = NodeType.TABLE if source.is_table else NodeType.STREAM
        return self.graph.add(Node(kind, name, name, is_internal_topic(source.topic), {"topic": source.topic}))

    def _query(self, fact: QueryFact) -> None:
        sink = fact.plan.sink
        label = f"QUERY {sink.source_name}" if sink is not None else f"QUERY {fact.query_id}"
        attributes = {"state": fact.state, "statement": fact.sql, "sink": None if sink is None else sink.source_name}
        node = self.graph.add(Node(NodeType.QUERY, fact.query_id, label, fact.internal, attributes))
        self._owners.add(fact.group)
        for leaf in _leaves(fact.plan.root):
            view = self._source(leaf.source_name) if self._with_sources else None
            consumed = fact.consumed.get(leaf.topic)
            self.graph.connect(Edge(view or self._topic(leaf.topic), node, records=consumed))
        if sink is not None:
            view = self._source(sink.source_name) if self._with_sources else None
            self.graph.connect(Edge(node, view or self._topic(sink.topic)))
            if view is not None:
                self.graph.connect(Edge(view, self._topic(sink.topic)))
        for topic in self._internal_topics if fact.group else ():
            if topic.startswith(f"{fact.group}-"):
                self.graph.connect(Edge(node, self._topic(topic), internal=True))
                if topic.endswith("-repartition"):
                    self.graph.connect(Edge(self._topic(topic), node, internal=True))

    def _views(self) -> None:
        """Topics into the streams and tables over them that no query writes."""
        written = {q.plan.sink.source_name for q in self._platform.queries() if q.plan.sink is not None}
        for topic, names in self._sources.items():
            for name in names:
                view = self._source(name)
                if view is not None and name not in written:
                    self.graph.connect(Edge(self._topic(topic), view))

    def _connector(self, fact: ConnectorFact) -> None:
        attributes = {"class": fact.connector_class, "direction": fact.direction, "state": fact.state}
        node = self.graph.add(Node(NodeType.CONNECTOR, fact.name, fact.name, attributes=attributes))
        self._owners.add(fact.group or f"connect-{fact.name}")
        for topic in fact.topics:
            ends = (node, self._topic(topic)) if fact.direction == "source" else (self._topic(topic), node)
            self.graph.connect(Edge(*ends))

    def _group_fact(self, fact: GroupFact) -> None:
        if fact.group in self._owners:
            return
        node = self._group(fact.group, {"state": fact.state, "clients": list(fact.clients)})
        for topic in fact.topics:
            self.graph.connect(Edge(self._topic(topic), node, records=fact.committed.get(topic)))

    def _group(self, name: str, attributes: Mapping[str, Any] | None = None) -> str:
        return self.graph.add(Node(NodeType.GROUP, name, name, name.startswith("_"), attributes or {}))

    def _flow(self, flow: FlowFact) -> None:
        if flow.actor in self._owners:
            return
        if not flow.produces and flow.group:
            node = self._group(flow.actor)
        elif flow.produces and f"{NodeType.GROUP.value}:{flow.actor}" in self.graph.nodes:
            # A client that bears its group's name, as stream applications do: one application reads and writes.
            node = self._group(flow.actor)
        else:
            kind = NodeType.PRODUCER if flow.produces else NodeType.CONSUMER
            name = flow.actor or "(no client id)"
            node = self.graph.add(Node(kind, name, name, name.startswith(INTERNAL_CLIENTS)))
        topic = self._topic(flow.topic)
        ends = (node, topic) if flow.produces else (topic, node)
        self.graph.connect(Edge(*ends, records=flow.records, bytes=flow.bytes, seen=flow.last_ms))


def _leaves(step: Step) -> Iterator[SourceStep]:
    if isinstance(step, SourceStep):
        yield step
    for below in step.inputs:
        yield from _leaves(below)


def _sources_of_topics(platform: Platform) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source in platform.metastore():
        found.setdefault(source.topic, []).append(source.name)
    return found
