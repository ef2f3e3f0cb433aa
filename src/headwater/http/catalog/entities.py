"""/catalog/v1/entity: entities, their descriptions, and the tags and business metadata that they bear."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.catalog import names
from headwater.catalog.bindings import Bindings, Bound, Wanted
from headwater.catalog.catalog import Catalog
from headwater.catalog.entity import Entity
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.inventory import entities
from headwater.catalog.search import Found, describe
from headwater.http.catalog.answers import CatalogGuard, answer, body_as, error_body, items_as

_ENTITY = "/catalog/v1/entity/type/{type}/name/{name:path}"


class WantedBody(Struct, rename="camel"):
    """A tag or group of business metadata to put on an entity."""

    entity_type: str
    entity_name: str
    type_name: str
    attributes: dict[str, Any] | None = None


class BorneBody(Struct, rename="camel"):
    """A tag or group of business metadata to put on the entity of the path."""

    type_name: str
    attributes: dict[str, Any] | None = None


class EntityBody(Struct, rename="camel"):
    """The part of an entity that a client changes."""

    type_name: str = ""
    attributes: dict[str, Any] = {}


class UpdateBody(Struct):
    """Either the attributes, or the entity that they are of."""

    entity: EntityBody | None = None
    attributes: dict[str, Any] = {}


class EntityEndpoints:
    """Of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def routes(self, guard: CatalogGuard) -> list[Route]:
        """The routes; longer paths first, because qualified names may hold slashes."""
        catalog = self._catalog
        return [
            *BindingEndpoints(catalog.tags, "tags").routes(guard),
            *BindingEndpoints(catalog.metadata, "businessmetadata").routes(guard),
            Route("/catalog/v1/entity", guard(self._update), methods=["PUT"]),
            Route("/catalog/v1/entity/type/{type}", guard(self._list), methods=["GET"]),
            Route(_ENTITY, guard(self._get), methods=["GET"]),
            Route(_ENTITY, guard(self._update_one), methods=["PUT"]),
        ]

    async def _get(self, request: Request) -> Response:
        kind, name = request.path_params["type"], request.path_params["name"]
        return answer({"entity": entity_body(self._catalog, self._catalog.entity(kind, name)), "referredEntities": {}})

    async def _list(self, request: Request) -> Response:
        kind = names.entity_type(request.path_params["type"])
        found = [describe(self._catalog, e) for e in entities(self._catalog.platform, (kind,))]
        return answer({"entities": [header(hit) for hit in found]})

    async def _update_one(self, request: Request) -> Response:
        body = await body_as(request, UpdateBody)
        given = body.attributes if body.entity is None else body.entity.attributes
        return await self._edit(request.path_params["type"], request.path_params["name"], given)

    async def _update(self, request: Request) -> Response:
        body = await body_as(request, UpdateBody)
        entity = body.entity
        name = entity.attributes.get("qualifiedName") if entity is not None else None
        if entity is None or not isinstance(name, str):
            raise CatalogError(
                CatalogCode.INVALID_PARAMETERS,
                'The body is {"entity": {"typeName": ..., "attributes": {"qualifiedName": ..., ...}}}.',
            )
        return await self._edit(entity.type_name, name, entity.attributes)

    async def _edit(self, kind: str, name: str, given: dict[str, Any]) -> Response:
        entity = await self._catalog.edit(kind, name, given)
        return answer(
            {
                "entity": entity_body(self._catalog, entity),
                "mutatedEntities": {"UPDATE": [header(describe(self._catalog, entity))]},
                "guidAssignments": {},
            }
        )


class BindingEndpoints:
    """Of one kind, under `/catalog/v1/entity/<word>` and below each entity."""

    def __init__(self, bindings: Bindings, word: str) -> None:
        self._bindings = bindings
        self._word = word

    def routes(self, guard: CatalogGuard) -> list[Route]:
        """The routes."""
        many, below = f"/catalog/v1/entity/{self._word}", f"{_ENTITY}/{self._word}"
        return [
            Route(many, guard(self._add), methods=["POST"]),
            Route(many, guard(self._update), methods=["PUT"]),
            Route(below + "/{binding}", guard(self._remove), methods=["DELETE"]),
            Route(below, guard(self._list), methods=["GET"]),
            Route(below, guard(self._add_here), methods=["POST"]),
            Route(below, guard(self._update_here), methods=["PUT"]),
        ]

    async def _list(self, request: Request) -> Response:
        found = self._bindings.of(request.path_params["type"], request.path_params["name"])
        return answer([bound_body(bound) for bound in found])

    async def _add(self, request: Request) -> Response:
        given = await items_as(request, WantedBody)
        return answer(_each(given, await self._bindings.add(_wanted(given))))

    async def _update(self, request: Request) -> Response:
        given = await items_as(request, WantedBody)
        return answer(_each(given, await self._bindings.update(_wanted(given))))

    async def _add_here(self, request: Request) -> Response:
        given = await _here(request)
        return answer(_each(given, await self._bindings.add(_wanted(given))))

    async def _update_here(self, request: Request) -> Response:
        given = await _here(request)
        return answer(_each(given, await self._bindings.update(_wanted(given))))

    async def _remove(self, request: Request) -> Response:
        path = request.path_params
        await self._bindings.remove(path["type"], path["name"], path["binding"])
        return Response(status_code=204)


async def _here(request: Request) -> list[WantedBody]:
    """What is wanted of the entity of the path."""
    kind, name = request.path_params["type"], request.path_params["name"]
    return [WantedBody(kind, name, item.type_name, item.attributes) for item in await items_as(request, BorneBody)]


def _wanted(given: list[WantedBody]) -> list[Wanted]:
    return [Wanted(g.entity_type, g.entity_name, g.type_name, g.attributes or {}) for g in given]


def _each(given: list[WantedBody], answers: list[Bound | CatalogError]) -> list[dict[str, Any]]:
    return [
        {**msgspec.to_builtins(item), "error": error_body(done)} if isinstance(done, CatalogError) else bound_body(done)
        for item, done in zip(given, answers, strict=True)
    ]


def bound_body(bound: Bound) -> dict[str, Any]:
    """A tag or group of business metadata on an entity; the entity's name is the client's."""
    return {
        "typeName": bound.type_name,
        "attributes": bound.binding.attributes,
        "entityGuid": bound.entity.guid,
        "entityStatus": "ACTIVE",
        "propagate": False,
        "validityPeriods": [],
        "entityType": bound.entity.key.type,
        "entityName": bound.entity_name,
    }


def header(hit: Found) -> dict[str, Any]:
    """An entity as search lists it."""
    return {
        "typeName": hit.entity.key.type,
        "attributes": hit.attributes,
        "guid": hit.entity.guid,
        "status": hit.status,
        "displayText": hit.entity.name,
        "classificationNames": list(hit.tags),
        "meaningNames": [],
        "meanings": [],
        "isIncomplete": False,
        "labels": [],
        "businessMetadata": hit.metadata,
    }


def entity_body(catalog: Catalog, entity: Entity) -> dict[str, Any]:
    """An entity on its own."""
    found = describe(catalog, entity)
    name = entity.qualified_name
    tags = [Bound(entity, name, tag, binding) for tag, binding in catalog.tags.on(entity).items()]
    return {
        "typeName": entity.key.type,
        "attributes": found.attributes,
        "guid": entity.guid,
        "status": found.status,
        "isIncomplete": False,
        "classifications": [bound_body(tag) for tag in tags],
        "businessAttributes": found.metadata,
        "labels": [],
        "meanings": [],
    }
