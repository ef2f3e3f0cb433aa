"""Every route of the catalog, to be mounted into the listener that it shares with the schema registry."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.governance import Governance
from headwater.http.catalog.answers import CatalogGuard, Endpoint
from headwater.http.catalog.contracts import RuleEndpoints
from headwater.http.catalog.entities import EntityEndpoints
from headwater.http.catalog.lineage import LineageEndpoints
from headwater.http.catalog.products import ProductEndpoints
from headwater.http.catalog.searching import SearchEndpoints
from headwater.http.catalog.types import DefinitionEndpoints
from headwater.http.identity import Identify, anybody
from headwater.http.origins import Origins


def routes(governance: Governance, identify: Identify = anybody, origins: Origins | None = None) -> list[Route]:
    """Under /catalog. `identify` says who sent a request, `origins` from which web pages."""
    catalog = governance.catalog
    guard = CatalogGuard(identify, lambda: catalog.ready, origins)
    found = [
        Route("/catalog/v1/openapi.json", _describe, methods=["GET"]),
        *DefinitionEndpoints(catalog.tag_defs, "tagdefs").routes(guard),
        *DefinitionEndpoints(catalog.metadata_defs, "businessmetadatadefs").routes(guard),
        *EntityEndpoints(catalog).routes(guard),
        *SearchEndpoints(catalog).routes(guard),
        *LineageEndpoints(governance).routes(guard),
        *RuleEndpoints(governance.contracts).routes(guard),
        *ProductEndpoints(governance).routes(guard),
    ]
    return [*found, Route("/catalog/{rest:path}", guard(_nothing(found)), methods=_METHODS)]


async def _describe(request: Request) -> Response:
    from headwater.http.catalog.openapi import document  # rarely asked for

    return Response(msgspec.json.encode(document()), media_type="application/json")


_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]


def _nothing(routes: list[Route]) -> Endpoint:
    """What answers a request that no route is for."""

    async def refuse(request: Request) -> Response:
        if any(route.matches(request.scope)[0] is Match.PARTIAL for route in routes):
            raise CatalogError(CatalogCode.METHOD_NOT_ALLOWED, f"{request.method} is not what this path takes.")
        raise CatalogError(CatalogCode.NOT_FOUND, f"The catalog has no {request.url.path[:200]}.")

    return refuse
