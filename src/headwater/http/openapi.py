"""The OpenAPI 3.1 document of a REST door, made from its routes and the types of the bodies that they take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from headwater.http.routes import JSON, TEXT, Json, Parameter, Route

_NAMED = re.compile(r"\{(\w+)(?::path)?\}")
_REFERENCES = "#/components/schemas/{name}"
_ERROR: Json = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "integer"}, "message": TEXT},
}


@dataclass(frozen=True)
class Api:
    """What a document says of all routes. `shapes` are those of parameters of paths, by their names; `refusals` the
    statuses that any request may meet."""

    title: str
    version: str
    media_types: tuple[str, ...] = (JSON,)
    shapes: Mapping[str, Json] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=lambda: {"default": "Why not"})
    url: str = ""


def document(api: Api, routes: Iterable[Route]) -> dict[str, Any]:
    """The document, as JSON's values."""
    described = list(routes)
    bodies = [route.body for route in described if route.body is not None]
    shapes, components = msgspec.json.schema_components(bodies, ref_template=_REFERENCES)
    left = iter(shapes)
    paths: dict[str, Json] = {}
    for route in described:
        made = _operation(api, route)
        if route.body is not None:
            content = {kind: {"schema": shape} for shape in [next(left)] for kind in route.takes or api.media_types}
            made["requestBody"] = {"required": True, "content": content}
        paths.setdefault(_NAMED.sub(r"{\1}", route.path), {})[route.method.lower()] = made
    return {
        "openapi": "3.1.0",
        "info": {"title": api.title, "version": api.version},
        **({"servers": [{"url": api.url}]} if api.url else {}),
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
        "security": [{}, {"basic": []}],
    }


def _operation(api: Api, route: Route) -> Json:
    done: Json = {"description": route.about}
    if route.status != 204:
        done["content"] = {kind: {} for kind in route.answers or api.media_types}
    why = {kind: {"schema": {"$ref": _REFERENCES.format(name="Error")}} for kind in api.media_types}
    refusals = sorted((route.refusals or api.refusals).items())
    return {
        "operationId": "_".join([route.method.lower(), *re.findall(r"\w+", _NAMED.sub(r"\1", route.path))]),
        "summary": route.about,
        "parameters": [
            *(
                {"name": n, "in": "path", "required": True, "schema": api.shapes.get(n, {**TEXT, "minLength": 1})}
                for n in _NAMED.findall(route.path)
            ),
            *map(_query, route.query),
        ],
        "responses": {str(route.status): done}
        | {status: {"description": about, "content": why} for status, about in refusals},
    }


def _query(parameter: Parameter) -> Json:
    about = {"description": parameter.about} if parameter.about else {}
    return {"name": parameter.name, "in": "query", **about, "schema": parameter.shape}
