"""The catalog's door, behind the listener that it shares with the schema registry."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headwater.broker.access import Principal
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.governance import Governance
from headwater.catalog.names import ENTITY_TYPES
from headwater.http.catalog.call import CatalogCall
from headwater.http.catalog.contracts import RuleEndpoints
from headwater.http.catalog.entities import EntityEndpoints
from headwater.http.catalog.errors import error_body
from headwater.http.catalog.lineage import LineageEndpoints
from headwater.http.catalog.products import ProductEndpoints
from headwater.http.catalog.searching import SearchEndpoints
from headwater.http.catalog.types import DefinitionEndpoints
from headwater.http.door import Door
from headwater.http.errors import HttpError
from headwater.http.identity import Identify, anybody
from headwater.http.origins import Origins
from headwater.http.registry.access import Action, allows
from headwater.http.routes import JSON, Route

_REFUSED = {str(status): "Refused" for status in (400, 401, 403, 404, 409, 413, 415, 503)}


class CatalogDoor(Door[CatalogCall]):
    """Whoever may log in may read; changing something needs the right to write to the registry itself."""

    too_large = f"The request is too large: the catalog takes {Door.most_bytes} bytes."
    taken = frozenset({JSON})

    def __init__(self, governance: Governance, identify: Identify = anybody, origins: Origins | None = None) -> None:
        self._catalog = catalog = governance.catalog
        self._described = [
            *DefinitionEndpoints(catalog.tag_defs, "tagdefs", "tags").routes(),
            *DefinitionEndpoints(catalog.metadata_defs, "businessmetadatadefs", "business metadata").routes(),
            *EntityEndpoints(catalog).routes(),
            *SearchEndpoints(catalog).routes(),
            *LineageEndpoints(governance).routes(),
            *RuleEndpoints(governance.contracts).routes(),
            *ProductEndpoints(governance).routes(),
        ]
        document = Route("GET", "/catalog/v1/openapi.json", self._describe, "This document", open=True)
        super().__init__((*self._described, document), identify, origins or Origins())

    def begin(self, request: Request, route: Route, parameters: dict[str, str], caller: Principal) -> CatalogCall:
        return CatalogCall(request, route, parameters, caller)

    def permit(self, call: CatalogCall) -> None:
        if call.route.open:
            return
        writes = call.route.method != "GET"
        if writes and (call.caller.read_only or not allows(call.caller, Action.WRITE, None)):
            raise CatalogError(CatalogCode.FORBIDDEN, f"{call.caller.name} may not change the catalog.")
        if not self._catalog.ready:
            raise CatalogError(CatalogCode.NOT_READY, "The catalog is being read. Try again in a moment.")

    def refuse(self, error: Exception, request: Request) -> Response:
        body = error_body(error)
        status = int(str(body["error_code"])[:3])
        headers = error.headers if isinstance(error, HttpError) else {"Retry-After": "1"} if status == 503 else None
        return Response(msgspec.json.encode(body), status, headers, JSON)

    def _describe(self, call: CatalogCall) -> dict[str, Any]:
        from headwater.http.openapi import Api, document  # seldom needed, and it would lengthen every start

        shapes = {"typeName": {"type": "string", "enum": list(ENTITY_TYPES)}}
        api = Api("Headwater catalog", version("headwater"), shapes=shapes, refusals=_REFUSED)
        return document(api, self._described)
