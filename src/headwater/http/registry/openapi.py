"""The OpenAPI 3.1 document of the registry's door, made from the table of routes and the types of bodies."""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from typing import Any

import msgspec

from headwater.http.registry.bodies import ConfigBody, ModeBody, SchemaBody
from headwater.http.registry.routes import ROUTES, Kind, Route
from headwater.registry.errors import Code

_MEDIA_TYPES = ("application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json")
_ALWAYS = (Code.BAD_REQUEST, Code.UNAUTHORIZED, Code.FORBIDDEN, Code.NOT_FOUND, Code.NOT_ACCEPTABLE)
_WITH_BODY = (Code.UNSUPPORTED_MEDIA_TYPE, Code.UNPROCESSABLE, Code.TOO_LARGE)
_NAMED = re.compile(r"\{(\w+)\}")
_PATH_TYPES = {
    "id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "version": {"type": "string", "pattern": "^(latest|-1|[1-9][0-9]{0,8})$"},
}
_ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "integer"}, "message": {"type": "string"}},
}


def document(url: str = "") -> dict[str, Any]:
    """The document, as JSON's values."""
    _, schemas = msgspec.json.schema_components(
        [SchemaBody, ConfigBody, ModeBody], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headwater schema registry", "version": version_of("headwater")},
        **({"servers": [{"url": url}]} if url else {}),
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
        "security": [{}, {"basic": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *re.findall(r"\w+", route.path)]),
        "summary": (route.handler.__doc__ or "").strip(),
        "parameters": [*map(_path_parameter, _NAMED.findall(route.path)), *map(_query_parameter, route.query)],
        "responses": _responses(route),
    }
    if route.body is not None:
        shape = {"$ref": f"#/components/schemas/{route.body.__name__}"}
        made["requestBody"] = {"required": True, "content": {kind: {"schema": shape} for kind in _MEDIA_TYPES}}
    return made


def _path_parameter(name: str) -> dict[str, Any]:
    shape = _PATH_TYPES.get(name, {"type": "string", "minLength": 1})
    return {"name": name, "in": "path", "required": True, "schema": shape}


def _query_parameter(parameter: Any) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": parameter.kind.value}
    if parameter.kind is Kind.NUMBER:
        shape |= {"minimum": -1, "maximum": 2**31 - 1}
    return {"name": parameter.name, "in": "query", "description": parameter.about, "schema": shape}


def _responses(route: Route) -> dict[str, Any]:
    refused: dict[int, list[Code]] = {}
    for code in (*_ALWAYS, *(_WITH_BODY if route.body is not None else ()), *route.codes):
        refused.setdefault(code.status, []).append(code)
    content = {kind: {"schema": {"$ref": "#/components/schemas/Error"}} for kind in _MEDIA_TYPES}
    made: dict[str, Any] = {
        "200": {"description": (route.handler.__doc__ or "").strip(), "content": {k: {} for k in _MEDIA_TYPES}}
    }
    if route.method == "DELETE" and route.path.startswith("/contexts"):
        made = {"204": {"description": "It is gone."}}
    for status, codes in sorted(refused.items()):
        about = ", ".join(f"{int(code)} {code.name.lower().replace('_', ' ')}" for code in codes)
        made[str(status)] = {"description": about, "content": content}
    return made
