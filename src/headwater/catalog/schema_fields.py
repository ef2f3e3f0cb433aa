"""The records and fields that a registered schema describes, whatever its type: what tags on fields hang on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headwater.core.errors import HeadwaterError
from headwater.formats.failures import Refused

_DEPTH = 12
"""How deep nested fields are listed; deeper ones belong to the entity of their ancestor."""
_FIELDS = 2_000
"""Per schema: machine-made schemas have more, and nobody tags those one by one."""


@dataclass(frozen=True)
class SchemaField:
    """`path` is dotted from the record's top; `type` in the schema's own words."""

    record: str
    path: str
    type: str
    doc: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


@lru_cache(maxsize=4096)
def schema_fields(kind: str, schema: str) -> tuple[SchemaField, ...]:
    """The fields of the schema's first record, nested ones after their parents; none for what has no record."""
    try:
        found = _protobuf(schema) if kind == "PROTOBUF" else _READERS[kind](json.loads(schema))
        fields: list[SchemaField] = []
        for field in found:
            fields.append(field)
            if len(fields) >= _FIELDS:
                break
    except (HeadwaterError, Refused, ValueError, KeyError, RecursionError):
        return ()
    return tuple(fields)


def record_name(kind: str, schema: str) -> str:
    """Full name of the schema's record; empty when it has none."""
    fields = schema_fields(kind, schema)
    return fields[0].record if fields else ""


def _avro(doc: Any) -> Iterator[SchemaField]:
    top = _avro_record(doc)
    if top is not None:
        yield from _avro_fields(top, _avro_name(top, ""), "", _DEPTH)


def _avro_name(doc: dict[str, Any], outer: str) -> str:
    name, namespace = str(doc.get("name", "")), str(doc.get("namespace", outer))
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _avro_record(doc: Any) -> dict[str, Any] | None:
    """The record that a type is, or is an array, map or union of."""
    while isinstance(doc, dict) and doc.get("type") != "record":
        doc = doc.get("items", doc.get("values", doc.get("type")))
    if isinstance(doc, list):
        return next((found for part in doc if (found := _avro_record(part)) is not None), None)
    return doc if isinstance(doc, dict) else None


def _avro_fields(record: dict[str, Any], name: str, prefix: str, depth: int) -> Iterator[SchemaField]:
    for field in record.get("fields", ()):
        if not isinstance(field, dict):
            continue
        path = prefix + str(field.get("name", ""))
        yield SchemaField(name, path, _avro_type(field.get("type")), str(field.get("doc", "")))
        inner = _avro_record(field.get("type"))
        if inner is not None and depth > 1:
            yield from _avro_fields(inner, name, f"{path}.", depth - 1)


def _avro_type(doc: Any) -> str:
    if isinstance(doc, str):
        return doc
    if isinstance(doc, list):
        names = [_avro_type(part) for part in doc if part != "null"]
        return names[0] if len(names) == 1 else "union"
    return str(doc.get("logicalType") or doc.get("type")) if isinstance(doc, dict) else "unknown"


def _json_schema(doc: Any) -> Iterator[SchemaField]:
    if isinstance(doc, dict):
        yield from _properties(doc, str(doc.get("title") or "Record"), "", _DEPTH)


def _properties(doc: dict[str, Any], record: str, prefix: str, depth: int) -> Iterator[SchemaField]:
    properties = doc.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        inner = _only_object(inner)
        path = prefix + str(name)
        kind = inner.get("type", "object" if "properties" in inner else "any")
        yield SchemaField(record, path, kind if isinstance(kind, str) else "union", str(inner.get("description", "")))
        nested = _only_object(inner.get("items")) if kind == "array" else inner
        if depth > 1:
            yield from _properties(nested, record, f"{path}.", depth - 1)


def _only_object(doc: Any) -> dict[str, Any]:
    """The schema, or that of a union which is not `null`."""
    if isinstance(doc, dict):
        for word in ("oneOf", "anyOf"):
            parts = doc.get(word)
            if isinstance(parts, list):
                return next((p for p in parts if isinstance(p, dict) and p.get("type") != "null"), {})
        return doc
    return {}


def _protobuf(schema: str) -> Iterator[SchemaField]:
    from headwater.formats import proto_text  # importing Protobuf would lengthen every start

    file = proto_text.parse("schema.proto", schema).file
    if not file.message_type:
        return
    message = file.message_type[0]
    name = f"{file.package}.{message.name}" if file.package else message.name
    by_name = {m.name: m for m in file.message_type}
    yield from _message(message, by_name, name, "", _DEPTH)


def _message(message: Any, known: dict[str, Any], record: str, prefix: str, depth: int) -> Iterator[SchemaField]:
    from google.protobuf import descriptor_pb2 as pb

    known = {**known, **{m.name: m for m in message.nested_type}}
    for field in message.field:
        path = prefix + field.name
        scalar = pb.FieldDescriptorProto.Type.Name(field.type)[5:].lower() if field.type else ""
        yield SchemaField(record, path, field.type_name or scalar)
        inner = known.get(field.type_name.rpartition(".")[2])
        if inner is not None and depth > 1:
            yield from _message(inner, known, record, f"{path}.", depth - 1)


_READERS = {"AVRO": _avro, "JSON": _json_schema}
