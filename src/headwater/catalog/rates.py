"""How many records and bytes per second go over each edge, from counters looked at now and then."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from headwater.catalog.lineage import Edge, Graph, NodeType
from headwater.catalog.platform import Platform
from headwater.core.clock import Clock

WINDOW_SECONDS = 60.0
"""Rates are over so long, once the edge has been known for so long."""
_SPACING_SECONDS = 1.0


@dataclass(frozen=True)
class Rate:
    """Per second; None where nothing is counted."""

    records: float | None = None
    bytes: float | None = None


class Rates:
    """`observe` with every graph that is built; `of` an edge of the last one."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self._platform = platform
        self._clock = clock
        self._samples: dict[str, deque[tuple[float, int, int]]] = {}

    def observe(self, graph: Graph) -> None:
        """Note the counters of all edges, and forget the edges that are gone."""
        now = self._clock.monotonic()
        counted = {key: (edge.records, edge.bytes or 0) for key, edge in graph.edges.items()}
        counted |= {f"written:{t}": (self._platform.written(t), 0) for t in _written_by_us(graph)}
        for key, (records, size) in counted.items():
            if records is not None:
                self._note(key, now, records, size)
        for key in [key for key in self._samples if key not in counted]:
            del self._samples[key]

    def _note(self, key: str, now: float, records: int, size: int) -> None:
        samples = self._samples.setdefault(key, deque())
        if samples and (records < samples[-1][1] or size < samples[-1][2]):
            samples.clear()  # the counter has begun again
        if len(samples) > 1 and now - samples[-2][0] < _SPACING_SECONDS:
            samples.pop()
        samples.append((now, records, size))
        while now - samples[0][0] > WINDOW_SECONDS and len(samples) > 2:
            samples.popleft()

    def of(self, graph: Graph, edge: Edge) -> Rate:
        """The edge's rate. What a query or source connector writes is what its topic gets and no producer sends,
        shared evenly among those that write it."""
        if edge.records is not None:
            return Rate(self._rate(edge.id, 1), self._rate(edge.id, 2) if edge.bytes is not None else None)
        writers = _writers(graph, edge.target)
        if edge.source not in writers:
            return Rate()
        total = self._rate(f"written:{graph.nodes[edge.target].name}", 1)
        if total is None:
            return Rate()
        sent = sum(
            self._rate(e.id, 1) or 0.0 for e in graph.edges.values() if e.target == edge.target and e.bytes is not None
        )
        return Rate(round(max(total - sent, 0.0) / len(writers), 3))

    def _rate(self, key: str, column: int) -> float | None:
        samples = self._samples.get(key)
        if not samples or samples[-1][0] <= samples[0][0]:
            return 0.0 if samples else None
        seconds = samples[-1][0] - samples[0][0]
        return round((samples[-1][column] - samples[0][column]) / seconds, 3)


def _writers(graph: Graph, topic: str) -> set[str]:
    kinds = (NodeType.QUERY, NodeType.CONNECTOR)
    return {e.source for e in graph.edges.values() if e.target == topic and graph.nodes[e.source].type in kinds}


def _written_by_us(graph: Graph) -> set[str]:
    """Topics that queries and connectors write to."""
    return {
        graph.nodes[edge.target].name
        for edge in graph.edges.values()
        if edge.records is None and graph.nodes[edge.target].type is NodeType.TOPIC
    }
