"""/catalog/v1/search: by words, and by the beginnings of attributes' values."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from headwater.catalog.catalog import Catalog
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.names import ENTITY_TYPES
from headwater.catalog.search import DEFAULT_LIMIT, MOST, Found, Query, attribute_of, search
from headwater.http.catalog.call import CatalogCall
from headwater.http.catalog.entities import header
from headwater.http.routes import FLAG, TEXT, Json, Parameter, Route

_TEXTS: Json = {"type": "array", "items": TEXT}
_QUERY = (
    Parameter("type", {"type": "array", "items": {"type": "string", "enum": list(ENTITY_TYPES)}}),
    *(Parameter(name, _TEXTS) for name in ("tag", "attr", "attrName", "attrValuePrefix")),
    Parameter("sortBy"),
    Parameter("sortOrder", {"type": "string", "enum": ["ASCENDING", "DESCENDING"]}),
    Parameter("deleted", FLAG),
    Parameter("limit", {"type": "integer", "minimum": 0, "maximum": MOST, "default": DEFAULT_LIMIT}),
    Parameter("offset", {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0}),
)


class SearchEndpoints:
    """Of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def routes(self) -> list[Route]:
        """The routes."""
        base, words, beginnings = "/catalog/v1/search", "Search by words", "Search by the beginnings of attributes"
        return [
            Route("GET", f"{base}/basic", self._search, words, query=(Parameter("query"), *_QUERY)),
            Route("GET", f"{base}/attribute", self._search, beginnings, query=_QUERY),
        ]

    async def _search(self, call: CatalogCall) -> object:
        query = _query(call)
        extra = call.values("attr", "attrs")
        found = await search(self._catalog, query)
        return {
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


def _hit(hit: Found, extra: tuple[str, ...]) -> dict[str, Any]:
    found = header(hit)
    more = {name: attribute_of(hit, name) for name in extra if name not in hit.attributes}
    return {**found, "attributes": {**found["attributes"], **more}}


def _query(call: CatalogCall) -> Query:
    order = call.text("sortOrder").upper() or "ASCENDING"
    if order not in ("ASCENDING", "DESCENDING", "ASC", "DESC"):
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, "sortOrder is ASCENDING or DESCENDING.")
    attributes, prefixes = call.values("attrName"), call.texts("attrValuePrefix")
    if len(prefixes) > len(attributes):
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, "Each attrValuePrefix needs an attrName before it.")
    types = [part for text in call.values("type", "types") for part in text.split(",") if part]
    return Query(
        call.text("query"),
        tuple(types),
        call.values("tag"),
        tuple(zip_longest(attributes, prefixes, fillvalue="")),
        call.text("sortBy") or call.text("sort"),
        order.startswith("DESC"),
        call.flag("deleted", default=False),
        call.number("limit", DEFAULT_LIMIT),
        call.number("offset", 0),
    )
