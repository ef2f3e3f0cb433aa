"""Every route of the catalog, to be mounted into the listener that it shares with the schema registry."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.catalog.governance import Governance
from headwater.http.catalog.answers import CatalogGuard
from headwater.http.catalog.contracts import RuleEndpoints
from headwater.http.catalog.entities import EntityEndpoints
from headwater.http.catalog.lineage import LineageEndpoints
from headwater.http.catalog.openapi import document
from headwater.http.catalog.products import ProductEndpoints
from headwater.http.catalog.searching import SearchEndpoints
from headwater.http.catalog.types import DefinitionEndpoints
from headwater.http.identity import Identify, anybody


def routes(governance: Governance, identify: Identify = anybody) -> list[Route]:
    """Under /catalog/v1. `identify` says who sent a request."""
    catalog = governance.catalog
    specification = msgspec.json.encode(document())

    async def describe(request: Request) -> Response:
        return Response(specification, media_type="application/json")

    guard = CatalogGuard(identify, lambda: catalog.ready)
    return [
        Route("/catalog/v1/openapi.json", describe, methods=["GET"]),
        *DefinitionEndpoints(catalog.tag_defs, "tagdefs").routes(guard),
        *DefinitionEndpoints(catalog.metadata_defs, "businessmetadatadefs").routes(guard),
        *EntityEndpoints(catalog).routes(guard),
        *SearchEndpoints(catalog).routes(guard),
        *LineageEndpoints(governance).routes(guard),
        *RuleEndpoints(governance.contracts).routes(guard),
        *ProductEndpoints(governance).routes(guard),
    ]
