"""/catalog/v1/search: by words, and by the beginnings of attributes' values."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.catalog.catalog import Catalog
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.search import DEFAULT_LIMIT, Found, Query, attribute_of, search
from headwater.http.catalog.answers import CatalogGuard, answer, flag, number, texts
from headwater.http.catalog.entities import header


class SearchEndpoints:
    """Of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def routes(self, guard: CatalogGuard) -> list[Route]:
        """The routes."""
        return [
            Route("/catalog/v1/search/basic", guard(self._search), methods=["GET"]),
            Route("/catalog/v1/search/attribute", guard(self._search), methods=["GET"]),
        ]

    async def _search(self, request: Request) -> Response:
        query = _query(request)
        extra = texts(request, "attr", "attrs")
        found = await search(self._catalog, query)
        return answer(
            {
                "searchParameters": {
                    "query": query.text,
                    "includeDeleted": query.deleted,
                    "limit": query.limit,
                    "offset": query.offset,
                    "typeName": ",".join(query.types) or None,
                    "classification": ",".join(query.tags) or None,
                    "attributes": list(extra),
                    "sortBy": query.sort_by or None,
                },
                "types": list(query.types),
                "entities": [_hit(hit, extra) for hit in found],
                "referredEntities": {},
            }
        )


def _hit(hit: Found, extra: tuple[str, ...]) -> dict[str, Any]:
    found = header(hit)
    more = {name: attribute_of(hit, name) for name in extra if name not in hit.attributes}
    return {**found, "attributes": {**found["attributes"], **more}}


def _query(request: Request) -> Query:
    params = request.query_params
    order = params.get("sortOrder", "").upper() or "ASCENDING"
    if order not in ("ASCENDING", "DESCENDING", "ASC", "DESC"):
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, "sortOrder is ASCENDING or DESCENDING.")
    attributes, prefixes = texts(request, "attrName"), params.getlist("attrValuePrefix")
    if len(prefixes) > len(attributes):
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, "Each attrValuePrefix needs an attrName before it.")
    types = [part for text in texts(request, "type", "types") for part in text.split(",") if part]
    return Query(
        params.get("query", ""),
        tuple(types),
        texts(request, "tag"),
        tuple(zip_longest(attributes, prefixes, fillvalue="")),
        params.get("sortBy") or params.get("sort") or "",
        order.startswith("DESC"),
        flag(request, "deleted", default=False),
        number(request, "limit", DEFAULT_LIMIT),
        number(request, "offset", 0),
    )
