"""A lineage graph as a Mermaid flowchart, for READMEs and wikis."""

from __future__ import annotations

from headwater.catalog.lineage import Graph, NodeType

_SHAPES = {
    NodeType.PRODUCER: ("([", "])"),
    NodeType.CONSUMER: ("([", "])"),
    NodeType.GROUP: ("([", "])"),
    NodeType.TOPIC: ("[(", ")]"),
    NodeType.STREAM: ("[", "]"),
    NodeType.TABLE: ("[", "]"),
    NodeType.QUERY: ("{{", "}}"),
    NodeType.CONNECTOR: ("[[", "]]"),
}


def mermaid(graph: Graph) -> str:
    """The text of the diagram, left to right."""
    ids = {key: f"n{number}" for number, key in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for key, node in graph.nodes.items():
        before, after = _SHAPES[node.type]
        lines.append(f'    {ids[key]}{before}"{_escaped(node.label or node.name)}"{after}')
    lines += [f"    {ids[e.source]} --> {ids[e.target]}" for e in graph.edges.values()]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Text between quotes; Mermaid knows HTML's entities, with # for &."""
    replaced = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    return " ".join(replaced.split())
