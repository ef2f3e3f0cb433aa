"""Connect's schemas as JSON, as JsonConverter's envelope holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headwater.connect import schema as s
from headwater.core.errors import DeserializationError

_NAMES: Mapping[s.Type, str] = {
    **{kind: kind.value.lower() for kind in s.Type},
    s.Type.FLOAT32: "float",
    s.Type.FLOAT64: "double",
}
_TYPES = {name: kind for kind, name in _NAMES.items()}


def schema_json(schema: s.ConnectSchema, default_json: Any) -> dict[str, Any]:
    """The document of a schema. `default_json(schema)` gives the JSON of its default."""
    made: dict[str, Any] = {"type": _NAMES[schema.type]}
    if schema.type is s.Type.ARRAY:
        made["items"] = schema_json(_known(schema.value_schema), default_json)
    elif schema.type is s.Type.MAP:
        made["keys"] = schema_json(_known(schema.key_schema), default_json)
        made["values"] = schema_json(_known(schema.value_schema), default_json)
    elif schema.type is s.Type.STRUCT:
        made["fields"] = [schema_json(f.schema, default_json) | {"field": f.name} for f in schema.fields]
    made["optional"] = schema.optional
    for name in ("name", "version", "doc"):
        value = getattr(schema, name)
        if value is not None:
            made[name] = value
    if schema.parameters:
        made["parameters"] = dict(schema.parameters)
    if schema.default is not None:
        made["default"] = default_json(schema)
    return made


def parse_schema(document: Any, default_of: Any) -> s.ConnectSchema | None:
    """The schema of a document; None for null. `default_of(schema, json)` gives the value of a default.

    Raises `DeserializationError`.
    """
    if document is None:
        return None
    kind = document.get("type") if isinstance(document, dict) else None
    if kind not in _TYPES:
        raise DeserializationError(f"Unknown schema type: {json.dumps(kind)} in the schema of a JSON envelope")
    made = s.ConnectSchema(
        _TYPES[kind],
        optional=document.get("optional") is True,
        name=document.get("name"),
        version=document.get("version"),
        doc=document.get("doc"),
        parameters=document.get("parameters") or None,
        fields=tuple(_field(member, default_of) for member in document.get("fields", ())) if kind == "struct" else (),
        key_schema=parse_schema(_part(document, "keys"), default_of) if kind == "map" else None,
        value_schema=parse_schema(_part(document, "values" if kind == "map" else "items"), default_of)
        if kind in ("map", "array")
        else None,
    )
    default = document.get("default")
    return made if default is None else replace(made, default=default_of(made, default))


def _part(document: Mapping[str, Any], name: str) -> Any:
    if not isinstance(document.get(name), dict):
        raise DeserializationError(f"Schema of type {document['type']} has no '{name}'")
    return document[name]


def _field(document: Any, default_of: Any) -> s.Field:
    name = document.get("field") if isinstance(document, dict) else None
    if not isinstance(name, str):
        raise DeserializationError("Struct schema's field name not specified properly")
    schema = parse_schema(document, default_of)
    assert schema is not None
    return s.Field(name, schema)


def _known(schema: s.ConnectSchema | None) -> s.ConnectSchema:
    if schema is None:
        raise s.SchemaMismatchError("An ARRAY or MAP has no schema of its items")
    return schema
