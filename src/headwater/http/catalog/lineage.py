"""/catalog/v1/lineage: the graph as JSON, Mermaid or OpenLineage events, and lineage of single columns."""

from __future__ import annotations

import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from headwater.catalog.column_tree import column_tree
from headwater.catalog.columns import find_column
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.governance import Governance
from headwater.catalog.lineage import Direction
from headwater.catalog.lineage_view import View
from headwater.catalog.mermaid import mermaid
from headwater.catalog.openlineage import run_events
from headwater.http.catalog.answers import CatalogGuard, answer, flag, number, one_of

_LATEST_MS = 253_402_300_800_000
"""The year 10000."""


class LineageEndpoints:
    """Of one catalog."""

    def __init__(self, governance: Governance) -> None:
        self._governance = governance

    def routes(self, guard: CatalogGuard) -> list[Route]:
        """The routes."""
        return [
            Route("/catalog/v1/lineage", guard(self._graph), methods=["GET"]),
            Route("/catalog/v1/lineage/columns", guard(self._column), methods=["GET"]),
        ]

    async def _graph(self, request: Request) -> Response:
        form = one_of(request, "format", ("json", "mermaid", "openlineage"))
        lineage = self._governance.lineage
        graph = await lineage.graph(_view(request))
        if form == "mermaid":
            return PlainTextResponse(mermaid(graph))
        if form == "openlineage":
            platform = self._governance.catalog.platform
            columns = self._governance.columns.graph()
            return answer(run_events(graph, columns, platform, self._governance.catalog.clock.now_ms()))
        governance = self._governance
        tagged = bool(governance.catalog.state.tags)
        tags = governance.contracts.topic_tags(governance.columns.graph()) if tagged else {}
        return answer(lineage.as_json(graph, tags))

    async def _column(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        directions = [d.value for d in (Direction.UPSTREAM, Direction.DOWNSTREAM)]
        direction = Direction(one_of(request, "direction", directions))
        columns = self._governance.columns.graph()
        _, found = find_column(columns.metastore, name)
        if not found:
            raise CatalogError(
                CatalogCode.ENTITY_NOT_FOUND,
                f"There is no column `{name[:200]}`: name it TOPIC.COLUMN or STREAM.COLUMN, of a stream or table.",
            )
        tags = self._governance.contracts.column_tags(columns)
        trees: list[dict[str, Any]] = [column_tree(columns, column, direction, tags) for column in found]
        return answer({"name": name, "direction": direction.value, "columns": trees})


def _view(request: Request) -> View:
    depth = number(request, "depth", -1)
    return View(
        request.query_params.get("node") or None,
        Direction(one_of(request, "direction", [d.value for d in Direction])),
        depth if depth >= 0 else None,
        _moment(request),
        flag(request, "hideInternal", default=True),
        flag(request, "sources", default=False),
    )


def _moment(request: Request) -> int | None:
    """`at`: ms since the epoch, or ISO 8601."""
    text = request.query_params.get("at")
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
