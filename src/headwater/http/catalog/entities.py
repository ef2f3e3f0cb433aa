"""/catalog/v1/entity: entities, their descriptions, and the tags and business metadata that they bear."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from headwater.catalog import names
from headwater.catalog.bindings import Bindings, Bound, Wanted
from headwater.catalog.catalog import Catalog
from headwater.catalog.entity import Entity
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.inventory import entities
from headwater.catalog.search import Found, describe
from headwater.http.catalog.call import CatalogCall
from headwater.http.catalog.errors import error_body
from headwater.http.routes import Route

_ENTITY = "/catalog/v1/entity/type/{typeName}/name/{qualifiedName:path}"


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

    def routes(self) -> list[Route]:
        """The routes."""
        catalog, about = self._catalog, "Set description, owner or ownerEmail"
        return [
            *BindingEndpoints(catalog.tags, "tags", "tags").routes(),
            *BindingEndpoints(catalog.metadata, "businessmetadata", "business metadata").routes(),
            Route("PUT", "/catalog/v1/entity", self._update, about, body=UpdateBody),
            Route("GET", "/catalog/v1/entity/type/{typeName}", self._list, "All entities of a type"),
            Route("GET", _ENTITY, self._get, "An entity"),
            Route("PUT", _ENTITY, self._update_one, about, body=UpdateBody),
        ]

    async def _get(self, call: CatalogCall) -> object:
        kind, name = call.type_name, call.qualified_name
        return {"entity": entity_body(self._catalog, self._catalog.entity(kind, name)), "referredEntities": {}}

    async def _list(self, call: CatalogCall) -> object:
        kind = names.entity_type(call.type_name)
        found = [describe(self._catalog, e) for e in entities(self._catalog.platform, (kind,))]
        return {"entities": [header(hit) for hit in found]}

    async def _update_one(self, call: CatalogCall) -> object:
        body = call.read(UpdateBody)
        given = body.attributes if body.entity is None else body.entity.attributes
        return await self._edit(call.type_name, call.qualified_name, given)

    async def _update(self, call: CatalogCall) -> object:
        body = call.read(UpdateBody)
        entity = body.entity
        name = entity.attributes.get("qualifiedName") if entity is not None else None
        if entity is None or not isinstance(name, str):
            raise CatalogError(
                CatalogCode.INVALID_PARAMETERS,
                'The body is {"entity": {"typeName": ..., "attributes": {"qualifiedName": ..., ...}}}.',
            )
        return await self._edit(entity.type_name, name, entity.attributes)

    async def _edit(self, kind: str, name: str, given: dict[str, Any]) -> object:
        entity = await self._catalog.edit(kind, name, given)
        return {
            "entity": entity_body(self._catalog, entity),
            "mutatedEntities": {"UPDATE": [header(describe(self._catalog, entity))]},
            "guidAssignments": {},
        }


class BindingEndpoints:
    """Of one kind, under `/catalog/v1/entity/<word>` and below each entity; `what` names the kind for people."""

    def __init__(self, bindings: Bindings, word: str, what: str) -> None:
        self._bindings = bindings
        self._word = word
        self._what = what

    def routes(self) -> list[Route]:
        """The routes."""
        many, below, what = f"/catalog/v1/entity/{self._word}", f"{_ENTITY}/{self._word}", self._what
        return [
            Route("POST", many, self._add, f"Put {what} on entities", body=list[WantedBody]),
            Route("PUT", many, self._update, f"Change {what} of entities", body=list[WantedBody]),
            Route("GET", below, self._list, f"The {what} of an entity"),
            Route("POST", below, self._add_here, f"Put {what} on an entity", body=list[BorneBody]),
            Route("PUT", below, self._update_here, f"Change {what} of an entity", body=list[BorneBody]),
            Route("DELETE", below + "/{name}", self._remove, f"Take {what} off an entity", status=204),
        ]

    async def _list(self, call: CatalogCall) -> object:
        found = self._bindings.of(call.type_name, call.qualified_name)
        return [bound_body(bound) for bound in found]

    async def _add(self, call: CatalogCall) -> object:
        given = call.items(WantedBody)
        return _each(given, await self._bindings.add(_wanted(given)))

    async def _update(self, call: CatalogCall) -> object:
        given = call.items(WantedBody)
        return _each(given, await self._bindings.update(_wanted(given)))

    async def _add_here(self, call: CatalogCall) -> object:
        given = _here(call)
        return _each(given, await self._bindings.add(_wanted(given)))

    async def _update_here(self, call: CatalogCall) -> object:
        given = _here(call)
        return _each(given, await self._bindings.update(_wanted(given)))

    async def _remove(self, call: CatalogCall) -> object:
        await self._bindings.remove(call.type_name, call.qualified_name, call.name)
        return None


def _here(call: CatalogCall) -> list[WantedBody]:
    """What is wanted of the entity of the path."""
    kind, name = call.type_name, call.qualified_name
    return [WantedBody(kind, name, item.type_name, item.attributes) for item in call.items(BorneBody)]


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
