"""/catalog/v1/lineage: the graph as JSON, Mermaid or OpenLineage events, and lineage of single columns."""

from __future__ import annotations

import datetime
from typing import Any

from starlette.responses import PlainTextResponse

from headwater.catalog.column_tree import column_tree
from headwater.catalog.columns import find_column
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.governance import Governance
from headwater.catalog.lineage import Direction
from headwater.catalog.lineage_view import View
from headwater.catalog.mermaid import mermaid
from headwater.catalog.openlineage import run_events
from headwater.http.catalog.call import CatalogCall
from headwater.http.routes import FLAG, JSON, Parameter, Route

_LATEST_MS = 253_402_300_800_000
"""The year 10000."""

_FORMATS = ("json", "mermaid", "openlineage")
_GRAPH = (
    Parameter("node"),
    Parameter("direction", {"type": "string", "enum": [direction.value for direction in Direction]}),
    Parameter("depth", {"type": "integer", "minimum": 0, "maximum": 1000}),
    Parameter("at"),
    Parameter("hideInternal", FLAG),
    Parameter("sources", FLAG),
    Parameter("format", {"type": "string", "enum": list(_FORMATS)}),
)
_DIRECTIONS = (Direction.UPSTREAM.value, Direction.DOWNSTREAM.value)
_COLUMN = (Parameter("name"), Parameter("direction", {"type": "string", "enum": list(_DIRECTIONS)}))


class LineageEndpoints:
    """Of one catalog."""

    def __init__(self, governance: Governance) -> None:
        self._governance = governance

    def routes(self) -> list[Route]:
        """The routes."""
        base, about = "/catalog/v1/lineage", "The lineage of a column, TOPIC.COLUMN or STREAM.COLUMN"
        return [
            Route("GET", base, self._graph, "The lineage graph", query=_GRAPH, answers=(JSON, "text/plain")),
            Route("GET", f"{base}/columns", self._column, about, query=_COLUMN),
        ]

    async def _graph(self, call: CatalogCall) -> object:
        form = call.one_of("format", _FORMATS)
        lineage = self._governance.lineage
        graph = await lineage.graph(_view(call))
        if form == "mermaid":
            return PlainTextResponse(mermaid(graph))
        if form == "openlineage":
            platform = self._governance.catalog.platform
            columns = self._governance.columns.graph()
            return run_events(graph, columns, platform, self._governance.catalog.clock.now_ms())
        governance = self._governance
        tags = governance.contracts.topic_tags(governance.columns.graph())
        return lineage.as_json(graph, tags)

    async def _column(self, call: CatalogCall) -> object:
        name = call.text("name")
        direction = Direction(call.one_of("direction", _DIRECTIONS))
        columns = self._governance.columns.graph()
        _, found = find_column(columns.metastore, name)
        if not found:
            raise CatalogError(
                CatalogCode.ENTITY_NOT_FOUND,
                f"There is no column `{name[:200]}`: name it TOPIC.COLUMN or STREAM.COLUMN, of a stream or table.",
            )
        tags = self._governance.contracts.column_tags(columns)
        trees: list[dict[str, Any]] = [column_tree(columns, column, direction, tags) for column in found]
        return {"name": name, "direction": direction.value, "columns": trees}


def _view(call: CatalogCall) -> View:
    depth = call.number("depth", -1)
    return View(
        call.text("node") or None,
        Direction(call.one_of("direction", [d.value for d in Direction])),
        depth if depth >= 0 else None,
        _moment(call),
        call.flag("hideInternal", default=True),
        call.flag("sources", default=False),
    )


def _moment(call: CatalogCall) -> int | None:
    """`at`: ms since the epoch, or ISO 8601."""
    text = call.text("at")
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            moment = int(text[:20])
        else:
            read = datetime.datetime.fromisoformat(text)
            moment = int((read if read.tzinfo else read.replace(tzinfo=datetime.UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        moment = -1
    if not 0 <= moment < _LATEST_MS:
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"at is ms since the epoch or ISO 8601, not `{text[:100]}`.")
    return moment
