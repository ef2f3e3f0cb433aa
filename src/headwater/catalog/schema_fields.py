"""The records and fields that a registered schema describes, whatever its type: what tags on fields hang on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from headwater.core.errors import HeadwaterError
from headwater.formats.failures import Refused

_DEPTH = 12
"""How deep nested fields are listed; deeper ones belong to the entity of their ancestor."""
_FIELDS = 2_000
"""Per schema: machine-made schemas have more, and nobody tags those one by one."""


@dataclass(frozen=True)
class SchemaField:
    """`path` is dotted from the record's top; `type` in the schema's own words. `full_name` is how the schema's
    metadata calls the field: with the record that it stands in (JSON Schema: `$.` and the path). `tags` stand in it."""

    record: str
    path: str
    type: str
    doc: str = ""
    full_name: str = ""
    tags: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class SchemaRecord:
    """The first record of a schema, with its fields; without any where a schema has no record."""

    full_name: str = ""
    tags: frozenset[str] = frozenset()
    fields: tuple[SchemaField, ...] = ()


_Found = tuple[str, frozenset[str], Iterator[SchemaField]]
"""Full name and tags of a record, and its fields."""


@lru_cache(maxsize=4096)
def described(kind: str, schema: str) -> SchemaRecord:
    """What the schema describes; an empty record for what cannot be read."""
    try:
        found = _protobuf(schema) if kind == "PROTOBUF" else _READERS[kind](json.loads(schema))
        return SchemaRecord() if found is None else SchemaRecord(found[0], found[1], tuple(islice(found[2], _FIELDS)))
    except (HeadwaterError, Refused, ValueError, KeyError, RecursionError):
        return SchemaRecord()


def schema_fields(kind: str, schema: str) -> tuple[SchemaField, ...]:
    """The fields of the schema's first record, nested ones after their parents; none for what has no record."""
    return described(kind, schema).fields


def record_name(kind: str, schema: str) -> str:
    """Full name of the schema's record; empty when it has none."""
    fields = schema_fields(kind, schema)
    return fields[0].record if fields else ""


def _tags(*docs: Any) -> frozenset[str]:
    """What stands in `confluent:tags` of any of these."""
    said = [doc.get("confluent:tags") for doc in docs if isinstance(doc, dict)]
    return frozenset(tag for tags in said if isinstance(tags, list) for tag in tags if isinstance(tag, str))


def _avro(doc: Any) -> _Found | None:
    top = _avro_record(doc)
    if top is None:
        return None
    name = _avro_name(top, "")
    return name, _tags(top), _avro_fields(top, name, name, "", _DEPTH)


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


def _avro_fields(record: dict[str, Any], name: str, top: str, prefix: str, depth: int) -> Iterator[SchemaField]:
    for field in record.get("fields", ()):
        if not isinstance(field, dict):
            continue
        own = str(field.get("name", ""))
        path = prefix + own
        inner = _avro_record(field.get("type"))
        tags, kind = _tags(field, inner), _avro_type(field.get("type"))
        yield SchemaField(top, path, kind, str(field.get("doc", "")), f"{name}.{own}", tags)
        if inner is not None and depth > 1:
            within = _avro_name(inner, name.rpartition(".")[0])
            yield from _avro_fields(inner, within, top, f"{path}.", depth - 1)


def _avro_type(doc: Any) -> str:
    if isinstance(doc, str):
        return doc
    if isinstance(doc, list):
        names = [_avro_type(part) for part in doc if part != "null"]
        return names[0] if len(names) == 1 else "union"
    return str(doc.get("logicalType") or doc.get("type")) if isinstance(doc, dict) else "unknown"


def _json_schema(doc: Any) -> _Found | None:
    if not isinstance(doc, dict):
        return None
    return "$", _tags(doc), _properties(doc, str(doc.get("title") or "Record"), "", _DEPTH)


def _properties(doc: dict[str, Any], record: str, prefix: str, depth: int) -> Iterator[SchemaField]:
    properties = doc.get("properties")
    for name, given in properties.items() if isinstance(properties, dict) else ():
        inner = _only_object(given)
        path = prefix + str(name)
        kind = inner.get("type", "object" if "properties" in inner else "any")
        shown, about = kind if isinstance(kind, str) else "union", str(inner.get("description", ""))
        yield SchemaField(record, path, shown, about, f"$.{path}", _tags(given, inner))
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


def _protobuf(schema: str) -> _Found | None:
    from headwater.formats import proto_text  # importing Protobuf would lengthen every start

    parsed = proto_text.parse("schema.proto", schema)
    if not parsed.file.message_type:
        return None
    message, package = parsed.file.message_type[0], parsed.file.package
    known: dict[str, _Message] = {}
    for top in parsed.file.message_type:
        known |= _messages(top, f"{package}." if package else "")
    name = f"{package}.{message.name}" if package else message.name
    tags = {full: frozenset(said) for full, said in parsed.tags.items()}
    return name, tags.get(name, frozenset()), _message(name, known, tags, name, "", _DEPTH)


_Message = Any
"""A descriptor of a message: Protobuf is not imported before there is a schema of it."""


def _messages(message: _Message, scope: str) -> dict[str, _Message]:
    """A message and those in it, by full name."""
    found = {scope + message.name: message}
    for inner in message.nested_type:
        found |= _messages(inner, f"{scope}{message.name}.")
    return found


def _message(
    name: str, known: dict[str, _Message], tags: dict[str, frozenset[str]], record: str, prefix: str, depth: int
) -> Iterator[SchemaField]:
    from google.protobuf import descriptor_pb2 as pb

    for field in known[name].field:
        path, full_name = prefix + field.name, f"{name}.{field.name}"
        scalar = pb.FieldDescriptorProto.Type.Name(field.type)[5:].lower() if field.type else ""
        inner = _resolved(field.type_name, name, known)
        said = tags.get(full_name, frozenset()) | tags.get(inner or "", frozenset())
        yield SchemaField(record, path, field.type_name or scalar, "", full_name, said)
        if inner is not None and depth > 1:
            yield from _message(inner, known, tags, record, f"{path}.", depth - 1)


def _resolved(type_name: str, scope: str, known: dict[str, _Message]) -> str | None:
    """The full name of the message that a type's name means in a scope: the innermost there is."""
    if type_name.startswith("."):
        return type_name[1:] if type_name[1:] in known else None
    while type_name and scope:
        if f"{scope}.{type_name}" in known:
            return f"{scope}.{type_name}"
        scope = scope.rpartition(".")[0]
    return type_name if type_name in known else None


_READERS = {"AVRO": _avro, "JSON": _json_schema}
