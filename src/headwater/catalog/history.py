"""Lineage at other times: since when each node and edge has been there, and until when. Kept in the catalog's topic.

What the broker observes, producers and consumers, counts as there until it has not been seen for a day: a producer that
pauses is still where the data comes from, also after a restart.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from headwater.catalog.lineage import Edge, Graph, Node, NodeType
from headwater.catalog.state import Change, Element, State

OBSERVED_MS = 24 * 3600 * 1000
_SEEN_STEP_MS = 600_000
"""How exactly it is written down when something was last seen: not every record of a producer is worth a record."""
_TYPES = frozenset(kind.value for kind in NodeType)
MOST_PAST = 5_000
"""Nodes and edges of the past that are kept."""
MOST_IDLE = 5_000
"""Observed edges without traffic that are kept: clients may call themselves something else at every start."""


def with_idle(graph: Graph, state: State, now_ms: int) -> Graph:
    """The graph and those observed parts of it that have been idle, perhaps since before a restart."""
    merged = Graph(dict(graph.nodes), dict(graph.edges))
    present = _open(state)
    nodes = {e.id: e for e in present if e.data["kind"] == "node"}
    idle = [
        e
        for e in present
        if e.data["kind"] == "edge" and 0 < e.seen >= now_ms - OBSERVED_MS and e.id not in merged.edges
    ]
    idle.sort(key=lambda element: -element.seen)
    for element in idle[:MOST_IDLE]:
        ends = [nodes.get(str(element.data.get(end))) for end in ("source", "target")]
        topic = next((e for e in ends if e is not None and e.id.startswith("topic:")), None)
        if topic is None or topic.id not in graph.nodes or None in ends:
            continue
        for end in ends:
            if end is not None and end.id not in merged.nodes:
                merged.add(_node(end))
        merged.connect(_edge(element))
    return merged


def changes(graph: Graph, state: State, now_ms: int) -> Generator[None, None, list[Change]]:
    """What is to be written down so that the state's present is the graph; as steps, to be run in slices."""
    current: dict[str, tuple[dict[str, Any], int]] = {k: (_node_data(n), 0) for k, n in graph.nodes.items()}
    current |= {k: (_edge_data(e), e.seen) for k, e in graph.edges.items()}
    found: list[Change] = []
    known: set[str] = set()
    for element in _open(state):
        yield
        here = current.get(element.id)
        if here is None or here[0] != element.data:
            found.append((_key(element), _copy(element, until=now_ms)))
            continue
        known.add(element.id)
        if here[1] - element.seen >= _SEEN_STEP_MS:
            found.append((_key(element), _copy(element, seen=here[1])))
    for key, (data, seen) in current.items():
        yield
        if key not in known:
            element = Element(id=key, since=now_ms, seen=seen, data=data)
            found.append((_key(element), element))
    past = sorted((e for e in state.elements.values() if e.until is not None), key=lambda e: e.until or 0)
    found += [(_key(element), None) for element in past[: max(0, len(past) - MOST_PAST)]]
    return found


def graph_at(state: State, at_ms: int) -> Graph:
    """The graph as it was."""
    there = [
        e for e in state.elements.values() if e.since <= at_ms and (e.until is None or at_ms < e.until) and _is_whole(e)
    ]
    graph = Graph()
    for element in there:
        if element.data.get("kind") == "node":
            graph.add(_node(element))
    for element in there:
        if element.data.get("kind") == "edge":
            edge = _edge(element)
            if edge.source in graph.nodes and edge.target in graph.nodes:
                graph.connect(edge)
    return graph


def _open(state: State) -> list[Element]:
    return [element for element in state.elements.values() if element.until is None and _is_whole(element)]


def _is_whole(element: Element) -> bool:
    """Whether it says what this version wants to know: a later one may have written it."""
    data = element.data
    if data.get("kind") == "node":
        return data.get("type") in _TYPES and "name" in data and "label" in data
    return data.get("kind") == "edge" and "source" in data and "target" in data


def _key(element: Element) -> tuple[str, ...]:
    return ("LINEAGE", element.id, str(element.since))


def _copy(element: Element, *, until: int | None = None, seen: int | None = None) -> Element:
    return Element(
        id=element.id,
        since=element.since,
        until=until if until is not None else element.until,
        seen=element.seen if seen is None else seen,
        data=element.data,
    )


def _node_data(node: Node) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": "node", "type": node.type.value, "name": node.name, "label": node.label}
    if node.internal:
        data["internal"] = True
    statement = node.attributes.get("statement")
    if statement:
        data["statement"] = statement
    return data


def _edge_data(edge: Edge) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": "edge", "source": edge.source, "target": edge.target}
    return {**data, "internal": True} if edge.internal else data


def _node(element: Element) -> Node:
    data = element.data
    attributes = {"statement": data["statement"]} if "statement" in data else {}
    return Node(NodeType(data["type"]), str(data["name"]), str(data["label"]), bool(data.get("internal")), attributes)


def _edge(element: Element) -> Edge:
    data = element.data
    return Edge(str(data["source"]), str(data["target"]), bool(data.get("internal")), 0, None, element.seen)
