"""Every route of the catalog, to be mounted into the listener that it shares with the schema registry."""

from __future__ import annotations

from starlette.routing import Route

from headwater.catalog.governance import Governance
from headwater.http.catalog.answers import CatalogGuard
from headwater.http.catalog.contracts import RuleEndpoints
from headwater.http.catalog.entities import EntityEndpoints
from headwater.http.catalog.lineage import LineageEndpoints
from headwater.http.catalog.products import ProductEndpoints
from headwater.http.catalog.searching import SearchEndpoints
from headwater.http.catalog.types import DefinitionEndpoints
from headwater.http.guard import Authorize, allow_all


def routes(governance: Governance, authorize: Authorize = allow_all) -> list[Route]:
    """Under /catalog/v1. `authorize` is asked for every request."""
    catalog = governance.catalog
    guard = CatalogGuard(authorize, lambda: catalog.ready)
    return [
        *DefinitionEndpoints(catalog.tag_defs, "tagdefs").routes(guard),
        *DefinitionEndpoints(catalog.metadata_defs, "businessmetadatadefs").routes(guard),
        *EntityEndpoints(catalog).routes(guard),
        *SearchEndpoints(catalog).routes(guard),
        *LineageEndpoints(governance).routes(guard),
        *RuleEndpoints(governance.contracts).routes(guard),
        *ProductEndpoints(governance).routes(guard),
    ]
