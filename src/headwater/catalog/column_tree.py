"""The lineage of one column as a tree, for people and their tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.catalog.columns import DEEPEST, ColumnEdge, ColumnGraph
from headwater.catalog.lineage import Direction
from headwater.plan.lineage import Origin

_LARGEST = 5_000
"""Columns in one tree: what joins and splits many times over has more ways than anybody reads."""


def column_tree(
    graph: ColumnGraph, column: Origin, direction: Direction, tags: Mapping[Origin, frozenset[str]]
) -> dict[str, Any]:
    """The column, and below it what it is made of (upstream) or what is made of it (downstream)."""
    return _Tree(graph, direction, tags).of(column, frozenset())


class _Tree:
    def __init__(self, graph: ColumnGraph, direction: Direction, tags: Mapping[Origin, frozenset[str]]) -> None:
        self._graph = graph
        self._upstream = direction is Direction.UPSTREAM
        self._tags = tags
        self._left = _LARGEST

    def of(self, column: Origin, above: frozenset[Origin]) -> dict[str, Any]:
        source = self._graph.metastore.get(column.source)
        self._left -= 1
        found: dict[str, Any] = {
            "source": column.source,
            "column": column.column,
            "topic": None if source is None else source.topic,
            "tags": sorted(self._tags.get(column, ())),
        }
        edges = self._graph.into(column) if self._upstream else self._graph.out_of(column)
        above |= {column}
        following = [edge for edge in edges if self._next(edge) not in above]
        if following and (len(above) >= DEEPEST or self._left <= 0):
            found["truncated"] = True
        elif following:
            found["inputs" if self._upstream else "outputs"] = [self._step(edge, above) for edge in following]
        return found

    def _next(self, edge: ColumnEdge) -> Origin:
        return edge.source if self._upstream else edge.target

    def _step(self, edge: ColumnEdge, above: frozenset[Origin]) -> dict[str, Any]:
        return {
            "query": edge.query,
            "expression": edge.expression or None,
            "copied": edge.copied,
            "masked": not edge.clear,
            **self.of(self._next(edge), above),
        }
