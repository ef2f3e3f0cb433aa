"""Lineage drawn in the terminal: a tree of what something is made of, and one of what is made of it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

_STYLES = {
    "topic": "cyan",
    "query": "magenta",
    "connector": "green",
    "producer": "yellow",
    "group": "yellow",
    "consumer": "yellow",
    "stream": "blue",
    "table": "blue",
}


def draw_graph(graph: dict[str, Any], start: str, sides: tuple[str, ...], console: Console) -> None:
    """Trees from the node `start`; `sides` are `upstream` and `downstream`, those that are wanted."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    root = Tree(_node(nodes[start], None))
    for side in sides:
        ends = ("target", "source") if side == "upstream" else ("source", "target")
        steps: dict[str, list[dict[str, Any]]] = {}
        for edge in graph["edges"]:
            steps.setdefault(edge[ends[0]], []).append(edge)
        if start not in steps:
            continue
        branch = root.add(Text("from" if side == "upstream" else "to", style="dim")) if len(sides) > 1 else root
        _grow(branch, start, steps, nodes, ends[1], {start})
    console.print(root)


def _grow(
    tree: Tree, node: str, steps: dict[str, list[dict[str, Any]]], nodes: dict[str, Any], end: str, shown: set[str]
) -> None:
    for edge in steps.get(node, ()):
        following = edge[end]
        if following in shown and following in steps:
            tree.add(Text.assemble(_node(nodes[following], edge), (" (see above)", "dim")))
            continue
        shown.add(following)
        _grow(tree.add(_node(nodes[following], edge)), following, steps, nodes, end, shown)


def _node(node: dict[str, Any], edge: dict[str, Any] | None) -> Text:
    kind = node["type"]
    name = node["displayName"].removeprefix("QUERY ")
    text = Text.assemble((f"{kind} ", "dim"), (name, _STYLES.get(kind, "")))
    if kind == "query":
        text.append(f" {node['name']}", style="dim")
    sources = node["attributes"].get("sources")
    if sources:
        text.append(f" ({', '.join(sources)})", style="dim")
    if node.get("columnTags"):
        text.append(f" [{', '.join(node['columnTags'])}]", style="red")
    rate = edge.get("recordsPerSecond") if edge is not None else None
    if rate:
        text.append(f"  {rate:g}/s", style="green")
    return text


def draw_columns(answer: dict[str, Any], console: Console) -> None:
    """A tree for each column that the name means."""
    side = "inputs" if answer["direction"] == "upstream" else "outputs"
    trees = answer["columns"]
    # Sources over one topic share a column: the tree of one often holds that of another.
    inner = {(t["source"], t["column"]) for tree in trees for t in _below(tree, side)}
    for tree in [t for t in trees if (t["source"], t["column"]) not in inner] or trees:
        made = _made(tree, side)
        root = Tree(_column(tree, made))
        _grow_column(root, tree, side, made)
        console.print(root)


def _made(tree: dict[str, Any], side: str) -> str | None:
    """The one expression that makes a column of those below it; None where there are none or several."""
    if side == "outputs":
        return None
    found = {child["expression"] for child in tree.get(side, ()) if not child["copied"]}
    return str(found.pop()) if len(found) == 1 else None


def _below(tree: dict[str, Any], side: str) -> list[dict[str, Any]]:
    found = []
    for child in tree.get(side, ()):
        found += [child, *_below(child, side)]
    return found


def _grow_column(branch: Tree, tree: dict[str, Any], side: str, said: str | None) -> None:
    for child in tree.get(side, ()):
        made = _made(child, side)
        own = None if child["copied"] or child["expression"] == said else child["expression"]
        _grow_column(branch.add(_column(child, made, own)), child, side, made)


def _column(column: dict[str, Any], made: str | None, step: str | None = None) -> Text:
    """`made` is how the column is made, `step` what makes the column above or below it."""
    text = Text.assemble((f"{column['source']}.", "blue"), (column["column"], "bold"))
    if made:
        text.append(f" = {made}", style="magenta")
    if column.get("topic"):
        text.append(f"  topic {column['topic']}", style="dim")
    if step:
        text.append(f"  by {step}", style="magenta")
    if column.get("truncated"):
        text.append("  ...", style="dim")
    if column.get("masked"):
        text.append("  masked", style="green")
    if column.get("tags"):
        text.append(f"  [{', '.join(column['tags'])}]", style="red")
    return text
