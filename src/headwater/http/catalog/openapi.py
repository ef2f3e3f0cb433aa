"""The OpenAPI 3.1 document of the catalog's door: a table of operations, and bodies' shapes read off their types."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec

from headwater.catalog.definition import BusinessMetadataDef, TagDef
from headwater.catalog.names import ENTITY_TYPES
from headwater.catalog.search import DEFAULT_LIMIT, MOST
from headwater.http.catalog.contracts import RuleBody
from headwater.http.catalog.entities import BorneBody, UpdateBody, WantedBody

_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}


def _number(low: int, high: int, default: int | None = None) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
    return shape if default is None else {**shape, "default": default}


def _words(*words: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


_SEARCH: dict[str, dict[str, Any]] = {
    "type": {"type": "array", "items": _words(*ENTITY_TYPES)},
    "tag": _TEXTS,
    "attr": _TEXTS,
    "attrName": _TEXTS,
    "attrValuePrefix": _TEXTS,
    "sortBy": _TEXT,
    "sortOrder": _words("ASCENDING", "DESCENDING"),
    "deleted": _FLAG,
    "limit": _number(0, MOST, DEFAULT_LIMIT),
    "offset": _number(0, 2**31 - 1, 0),
}
_GRAPH: dict[str, dict[str, Any]] = {
    "node": _TEXT,
    "direction": _words("both", "upstream", "downstream"),
    "depth": _number(0, 1000),
    "at": _TEXT,
    "hideInternal": _FLAG,
    "sources": _FLAG,
    "format": _words("json", "mermaid", "openlineage"),
}
_ENTITY = "/catalog/v1/entity/type/{typeName}/name/{qualifiedName}"


@dataclass(frozen=True)
class Operation:
    """`body` is the type of the request's body, `many` whether it is a list of those; `query` are schemas by name."""

    method: str
    path: str
    summary: str
    body: type | None = None
    many: bool = True
    query: dict[str, dict[str, Any]] | None = None
    status: int = 200


def _definitions(word: str, what: str, body: type) -> list[Operation]:
    path = f"/catalog/v1/types/{word}"
    return [
        Operation("get", path, f"All definitions of {what}", query={"prefix": _TEXT}),
        Operation("post", path, f"Define {what}", body),
        Operation("put", path, f"Change definitions of {what}", body),
        Operation("get", path + "/{name}", f"One definition of {what}"),
        Operation("delete", path + "/{name}", f"Remove a definition of {what}, and all its uses", status=204),
    ]


def _bindings(word: str, what: str) -> list[Operation]:
    return [
        Operation("post", f"/catalog/v1/entity/{word}", f"Put {what} on entities", WantedBody),
        Operation("put", f"/catalog/v1/entity/{word}", f"Change {what} of entities", WantedBody),
        Operation("get", f"{_ENTITY}/{word}", f"The {what} of an entity"),
        Operation("post", f"{_ENTITY}/{word}", f"Put {what} on an entity", BorneBody),
        Operation("put", f"{_ENTITY}/{word}", f"Change {what} of an entity", BorneBody),
        Operation("delete", f"{_ENTITY}/{word}/{{name}}", f"Take {what} off an entity", status=204),
    ]


OPERATIONS = (
    *_definitions("tagdefs", "tags", TagDef),
    *_definitions("businessmetadatadefs", "business metadata", BusinessMetadataDef),
    *_bindings("tags", "tags"),
    *_bindings("businessmetadata", "business metadata"),
    Operation("put", "/catalog/v1/entity", "Set description, owner or ownerEmail", UpdateBody, many=False),
    Operation("get", "/catalog/v1/entity/type/{typeName}", "All entities of a type"),
    Operation("get", _ENTITY, "An entity"),
    Operation("put", _ENTITY, "Set description, owner or ownerEmail", UpdateBody, many=False),
    Operation("get", "/catalog/v1/search/basic", "Search by words", query={"query": _TEXT, **_SEARCH}),
    Operation("get", "/catalog/v1/search/attribute", "Search by the beginnings of attributes", query=_SEARCH),
    Operation("get", "/catalog/v1/lineage", "The lineage graph", query=_GRAPH),
    Operation(
        "get",
        "/catalog/v1/lineage/columns",
        "The lineage of a column, TOPIC.COLUMN or STREAM.COLUMN",
        query={"name": _TEXT, "direction": _words("upstream", "downstream")},
    ),
    Operation("get", "/catalog/v1/rules", "All rules about tagged data"),
    Operation("post", "/catalog/v1/rules", "Make or replace a rule", RuleBody, many=False),
    Operation("get", "/catalog/v1/rules/{name}", "A rule, and what breaks it"),
    Operation("delete", "/catalog/v1/rules/{name}", "Drop a rule", status=204),
    Operation("get", "/catalog/v1/dataproducts", "Data products, and what is not quite one"),
    Operation("get", "/catalog/v1/dataproducts/{name}", "A data product", query={"samples": _number(0, 100)}),
)


def document() -> dict[str, Any]:
    """The document."""
    bodies = [body for op in OPERATIONS if (body := op.body) is not None]
    _, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    error = {
        "type": "object",
        "required": ["error_code", "message"],
        "properties": {"error_code": {"type": "integer"}, "message": _TEXT},
    }
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headwater catalog", "version": version("headwater")},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": error},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
        "security": [{}, {"basic": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    shapes = {"typeName": _words(*ENTITY_TYPES)}
    inside = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    parameters = [
        {"name": n, "in": "path", "required": True, "schema": shapes.get(n, {**_TEXT, "minLength": 1})} for n in inside
    ]
    parameters += [{"name": n, "in": "query", "schema": shape} for n, shape in (operation.query or {}).items()]
    refusal = {"description": "Refused", "content": {"application/json": {"schema": _ref("Error")}}}
    done: dict[str, Any] = {"description": "Done"}
    if operation.status != 204:
        done["content"] = {"application/json": {}}
        if "format" in (operation.query or {}):
            done["content"]["text/plain"] = {}
    made: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.method + operation.path.replace("/", "_").translate({123: None, 125: None}),
        "parameters": parameters,
        "responses": {str(operation.status): done}
        | {str(status): refusal for status in (400, 401, 403, 404, 409, 413, 503)},
    }
    if operation.body is not None:
        one = _ref(operation.body.__name__)
        shape: dict[str, Any] = {"type": "array", "items": one} if operation.many else one
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": shape}}}
    return made


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
