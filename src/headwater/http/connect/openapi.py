"""The OpenAPI 3.1 document of Connect's REST API, made from the table of routes."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headwater.http.connect.routes import ROUTES, Route

Json = dict[str, Any]
_PARAMETER = re.compile(r"\{(\w+)\}")
_REFERENCES = "#/components/schemas/{name}"


def document(version: str) -> Json:
    """As JSON."""
    bodies = [route.body for route in ROUTES if route.body is not None]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=_REFERENCES)
    shapes = iter(schemas)
    paths: dict[str, Json] = {}
    for route in ROUTES:
        shape = next(shapes) if route.body is not None else None
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, shape)
    error = {"type": "object", "properties": {"error_code": {"type": "integer"}, "message": {"type": "string"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kafka Connect REST API", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": error},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
    }


def _operation(route: Route, shape: Json | None) -> Json:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    failure = {"description": "Why not", "content": _json({"$ref": _REFERENCES.format(name="Error")})}
    out: Json = {
        "summary": route.about,
        "operationId": route.handler.__module__.rpartition(".")[2] + "_" + route.handler.__name__,
        "responses": {str(route.status): {"description": route.about}, "default": failure},
    }
    if parameters:
        out["parameters"] = parameters
    if shape is not None:
        out["requestBody"] = {"required": True, "content": _json(shape)}
    return out


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
