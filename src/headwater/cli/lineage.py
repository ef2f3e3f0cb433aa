"""`headwater lineage`: where a topic or a column comes from and where it goes."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Name = Annotated[
    str, typer.Argument(help="TOPIC, or TOPIC.COLUMN; also a stream, query, connector, group or client id.")
]
Server = Annotated[
    str,
    typer.Option(envvar="HEADWATER_CATALOG", help="URL of the catalog, with user:password@ where it asks."),
]
OUTPUTS = ("tree", "json", "mermaid", "openlineage")
_GRAPH, _COLUMNS = "/catalog/v1/lineage", "/catalog/v1/lineage/columns"
_NOT_FOUND = 404


def lineage(
    name: Name,
    *,
    upstream: Annotated[bool, typer.Option("--upstream", help="Only what it comes from.")] = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="Only where it goes.")] = False,
    depth: Annotated[int | None, typer.Option(min=0, help="How many steps away.")] = None,
    at: Annotated[str | None, typer.Option(help="As it was then: ISO 8601, or ms since the epoch.")] = None,
    internal: Annotated[bool, typer.Option("--internal", help="Changelogs and the like too.")] = False,
    sources: Annotated[bool, typer.Option("--sources", help="Streams and tables too.")] = False,
    output: Annotated[str, typer.Option(help="tree, json, mermaid or openlineage.")] = "tree",
    server: Server = "http://127.0.0.1:8081",
) -> None:
    """Show where a topic or a column comes from, and where it goes."""
    from headwater.cli.rest_door import RefusedError, RestDoor
    from headwater.core.errors import ConfigError

    if output not in OUTPUTS:
        raise ConfigError(f"--output must be one of {', '.join(OUTPUTS)}, not `{output}`")
    sides = tuple(s for s, wanted in (("upstream", upstream), ("downstream", downstream)) if wanted)
    sides = sides or ("upstream", "downstream")
    asked = {
        "node": name,
        "direction": sides[0] if len(sides) == 1 else "both",
        "depth": None if depth is None else str(depth),
        "at": at,
        "hideInternal": "false" if internal else None,
        "sources": "true" if sources else None,
        "format": None if output in ("tree", "json") else output,
    }
    door = RestDoor(server, "the catalog")
    try:
        text = door.text(_GRAPH, {key: value for key, value in asked.items() if value is not None})
    except RefusedError as error:
        if error.status != _NOT_FOUND or "." not in name:
            raise
        _column(door, name, "downstream" if sides == ("downstream",) else "upstream", output, error)
        return
    if output == "tree":
        _draw(json.loads(text), sides)
    elif output == "mermaid":
        print(text, end="")
    else:
        print(json.dumps(json.loads(text), indent=2, ensure_ascii=False))


def _column(door: Any, name: str, direction: str, output: str, unknown: Exception) -> None:
    from rich.console import Console

    from headwater.cli.lineage_tree import draw_columns
    from headwater.cli.rest_door import RefusedError
    from headwater.core.errors import ConfigError

    try:
        answer = door.get(_COLUMNS, {"name": name, "direction": direction})
    except RefusedError as error:
        raise unknown if error.status == _NOT_FOUND else error from None
    if output == "tree":
        draw_columns(answer, Console())
    elif output == "json":
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        raise ConfigError(f"the lineage of a column is shown as tree or json, not as {output}")


def _draw(graph: dict[str, Any], sides: tuple[str, ...]) -> None:
    from rich.console import Console

    from headwater.cli.lineage_tree import draw_graph

    console = Console()
    for start in graph["starts"]:
        draw_graph(graph, start, sides, console)
