"""`Lineage`: the graph of a catalog as its users ask for it: around a node, at a time, with rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.catalog import history, names
from headwater.catalog.catalog import Catalog
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.inventory import is_internal_topic
from headwater.catalog.lineage import Direction, Graph, Node, NodeType, build
from headwater.catalog.rates import Rates
from headwater.log.slices import run_in_slices


@dataclass(frozen=True)
class View:
    """`node` is an id or a name; without one everything that is connected is shown. `at_ms` None is now."""

    node: str | None = None
    direction: Direction = Direction.BOTH
    depth: int | None = None
    at_ms: int | None = None
    hide_internal: bool = True
    with_sources: bool = False


class Lineage:
    """Keeps itself up to date with the catalog's sweeps."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.rates = Rates(catalog.platform, catalog.clock)
        catalog.after_sweep.append(self._record)

    async def graph(self, view: View) -> Graph:
        """What the view shows. Raises `CatalogError` when there is no such node."""
        whole = await self._at(view.at_ms, with_sources=view.with_sources)
        shown = whole.without_internal() if view.hide_internal else whole
        if view.node is None:
            return shown.connected()
        # What is the platform's own is shown, with its like, to whoever asks for it by name.
        graph = shown if shown.find(view.node) else whole
        starts = graph.find(view.node) or self._lonely(graph, view)
        if not starts:
            raise CatalogError(
                CatalogCode.ENTITY_NOT_FOUND,
                f"There is no topic, stream, table, query, connector, group or client `{view.node[:200]}`"
                + ("." if view.at_ms is None else " at that time."),
            )
        return graph.around(starts, view.direction, view.depth)

    def _lonely(self, graph: Graph, view: View) -> list[str]:
        """A topic that nothing reads or writes."""
        name = (view.node or "").removeprefix("topic:")
        if view.at_ms is not None or self._catalog.platform.topic(name) is None:
            return []
        return [graph.add(Node(NodeType.TOPIC, name, name, is_internal_topic(name)))]

    async def _at(self, at_ms: int | None, *, with_sources: bool) -> Graph:
        catalog = self._catalog
        if at_ms is not None:
            return history.graph_at(catalog.state, at_ms)
        now = await run_in_slices(build(catalog.platform, with_sources=with_sources))
        if not with_sources:
            self.rates.observe(now)
        return history.with_idle(now, catalog.state, catalog.clock.now_ms())

    async def _record(self) -> None:
        if not self._catalog.platform.knows(names.QUERY):
            return
        graph = await self._at(None, with_sources=False)
        steps = history.changes(graph, self._catalog.state, self._catalog.clock.now_ms())
        found = await run_in_slices(steps)
        if found:
            await self._catalog.write(lambda: (found, None))

    def as_json(self, graph: Graph, tags: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Nodes and edges, the latter with their throughput per second; `tags` are those of topics' columns."""
        return {
            "starts": list(graph.starts),
            "nodes": [
                {
                    "id": node.id,
                    "type": node.type.value,
                    "name": node.name,
                    "displayName": node.label or node.name,
                    "internal": node.internal,
                    "attributes": dict(node.attributes),
                    "columnTags": list(tags.get(node.name, ())) if node.type is NodeType.TOPIC else [],
                }
                for node in graph.nodes.values()
            ],
            "edges": [self._edge(graph, key) for key in graph.edges],
        }

    def _edge(self, graph: Graph, key: str) -> dict[str, Any]:
        edge = graph.edges[key]
        rate = self.rates.of(graph, edge)
        return {
            "source": edge.source,
            "target": edge.target,
            "internal": edge.internal,
            "records": edge.records,
            "bytes": edge.bytes,
            "recordsPerSecond": rate.records,
            "bytesPerSecond": rate.bytes,
            "lastSeen": edge.seen or None,
        }
