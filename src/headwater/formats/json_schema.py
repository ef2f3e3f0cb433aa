"""JSON Schemas as values: what the registry's converter makes of them, and the schema to register for columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.core import types as t
from headwater.formats.failures import SchemaError

_CONNECT = "org.apache.kafka.connect.data."
DEFAULT_PRECISION = 64


@dataclass(frozen=True)
class Scalar:
    """A value that is read as it would be read in the JSON format."""

    type: t.SqlType


@dataclass(frozen=True)
class Array:
    items: Node


@dataclass(frozen=True)
class Map:
    """`as_entries` when it is a list of objects with `key` and `value`, which is how Connect writes nullable keys."""

    value: Node
    as_entries: bool


@dataclass(frozen=True)
class Object:
    fields: tuple[tuple[str, Node], ...]


Node = Scalar | Array | Map | Object
Rename = Callable[[str], str]


def parse(text: str, references: tuple[tuple[str, str], ...] = ()) -> Node | None:
    """What a schema describes; None for what columns cannot hold. Raises `SchemaError` for no JSON Schema."""
    doc = _json(text)
    return _Parser(doc, {name: _json(schema) for name, schema in references}).node(doc, ())


def sql_type(node: Node, rename: Rename) -> t.SqlType:
    """The SQL type of the values a schema describes."""
    if isinstance(node, Scalar):
        return node.type
    if isinstance(node, Array):
        return t.Array(sql_type(node.items, rename))
    if isinstance(node, Map):
        return t.Map(t.STRING, sql_type(node.value, rename))
    return t.Struct(tuple(t.Field(rename(name), sql_type(inner, rename)) for name, inner in node.fields))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SchemaError(f"Not a JSON Schema: {error}") from None


class _Parser:
    def __init__(self, root: Any, references: Mapping[str, Any]) -> None:
        self._root, self._references = root, references

    def node(self, doc: Any, outer: tuple[int, ...]) -> Node | None:
        """`outer` are the documents around this one, by identity: a schema that contains itself has no columns."""
        if not isinstance(doc, dict) or id(doc) in outer:
            return None
        outer = (*outer, id(doc))
        if "$ref" in doc:
            return self.node(self._resolve(str(doc["$ref"])), outer)
        for keyword in ("oneOf", "anyOf", "allOf"):
            if keyword in doc:
                return self._combined(doc[keyword], outer)
        return self._typed(doc, _type_name(doc), outer)

    def _combined(self, branches: Any, outer: tuple[int, ...]) -> Node | None:
        """Several branches are one type when they agree on it; null only makes it nullable."""
        others = [b for b in branches if not (isinstance(b, dict) and b.get("type") == "null")]
        nodes = {self.node(b, outer) for b in others}
        return nodes.pop() if len(nodes) == 1 else None

    def _typed(self, doc: Mapping[str, Any], kind: str | None, outer: tuple[int, ...]) -> Node | None:
        if kind == "object":
            return self._object(doc, outer)
        if kind == "array":
            return self._array(doc, outer)
        found = _scalar(doc, kind)
        return None if found is None else Scalar(found)

    def _object(self, doc: Mapping[str, Any], outer: tuple[int, ...]) -> Node | None:
        properties = doc.get("properties") or {}
        extra = doc.get("additionalProperties")
        if doc.get("connect.type") == "map" or (not properties and isinstance(extra, dict)):
            value = self.node(extra, outer)
            return None if value is None else Map(value, as_entries=False)
        in_order = sorted(enumerate(properties.items()), key=lambda entry: _index(entry[1][1], entry[0]))
        fields = [(name, self.node(inner, outer)) for _, (name, inner) in in_order]
        known = tuple((name, inner) for name, inner in fields if inner is not None)
        return Object(known) if known else None

    def _array(self, doc: Mapping[str, Any], outer: tuple[int, ...]) -> Node | None:
        items = self.node(doc.get("items"), outer)
        if doc.get("connect.type") == "map" and isinstance(items, Object):
            value = dict(items.fields).get("value")
            return None if value is None else Map(value, as_entries=True)
        return None if items is None else Array(items)

    def _resolve(self, reference: str) -> Any:
        file, _, path = reference.partition("#")
        found = self._references.get(file) if file else self._root
        for step in filter(None, path.split("/")):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if found is None:
            raise SchemaError(f"JSON Schema refers to '{reference}', which is not there")
        return found


def _index(doc: Any, position: int) -> int:
    return int(doc.get("connect.index", position)) if isinstance(doc, dict) else position


def _type_name(doc: Mapping[str, Any]) -> str | None:
    kind = doc.get("type")
    if isinstance(kind, list):
        others = [k for k in kind if k != "null"]
        return others[0] if len(others) == 1 else None
    if kind is None:
        if "properties" in doc:
            return "object"
        return "string" if "enum" in doc else None
    return str(kind)


def _scalar(doc: Mapping[str, Any], kind: str | None) -> t.SqlType | None:
    title = str(doc.get("title", ""))
    connect = doc.get("connect.type")
    if title == _CONNECT + "Decimal":
        parameters = doc.get("connect.parameters") or {}
        precision = int(parameters.get("connect.decimal.precision", DEFAULT_PRECISION))
        return t.Decimal(precision, int(parameters.get("scale", 0)))
    if title in _LOGICAL:
        return _LOGICAL[title]
    if kind == "string":
        return t.BYTES if connect == "bytes" else t.STRING
    if kind == "number":
        return _NUMBERS.get(str(connect), t.DOUBLE)
    if kind == "integer":
        return _NUMBERS.get(str(connect), t.BIGINT)
    return t.BOOLEAN if kind == "boolean" else None


_LOGICAL: dict[str, t.SqlType] = {
    _CONNECT + "Date": t.DATE,
    _CONNECT + "Time": t.TIME,
    _CONNECT + "Timestamp": t.TIMESTAMP,
}
_NUMBERS: dict[str, t.SqlType] = {"int8": t.INTEGER, "int16": t.INTEGER, "int32": t.INTEGER, "int64": t.BIGINT,
                                  "float32": t.DOUBLE, "float64": t.DOUBLE}  # fmt: skip


def schema_of(fields: Sequence[tuple[str, t.SqlType]], wrapped: bool, full_name: str | None) -> Any:
    """The JSON Schema to register for columns, as JSON data. An object of columns is not nullable, a bare value is."""
    if not wrapped:
        return _nullable(_written(fields[0][1]))
    made = _object_of(fields)
    if full_name:
        made["title"] = full_name
    return made


def _object_of(fields: Sequence[tuple[str, t.SqlType]]) -> dict[str, Any]:
    properties = {name: {"connect.index": i, **_nullable(_written(inner))} for i, (name, inner) in enumerate(fields)}
    return {"type": "object", "properties": properties}


def _nullable(doc: Any) -> dict[str, Any]:
    return {"oneOf": [{"type": "null"}, doc]}


def _written(column_type: t.SqlType) -> dict[str, Any]:
    if isinstance(column_type, t.Struct):
        return _object_of([(f.name, f.type) for f in column_type.fields])
    if isinstance(column_type, t.Array):
        return {"type": "array", "items": _nullable(_written(column_type.element))}
    if isinstance(column_type, t.Map):
        entry = _object_of((("key", column_type.key), ("value", column_type.value)))
        return {"type": "array", "connect.type": "map", "items": entry}
    if isinstance(column_type, t.Decimal):
        parameters = {"scale": str(column_type.scale), "connect.decimal.precision": str(column_type.precision)}
        return {**_logical("number", "Decimal", "bytes"), "connect.parameters": parameters}
    return dict(_SCALARS[column_type])


def _logical(kind: str, name: str, connect: str) -> dict[str, Any]:
    return {"type": kind, "title": _CONNECT + name, "connect.version": 1, "connect.type": connect}


_SCALARS: dict[t.SqlType, dict[str, Any]] = {
    t.BOOLEAN: {"type": "boolean"},
    t.INTEGER: {"type": "integer", "connect.type": "int32"},
    t.BIGINT: {"type": "integer", "connect.type": "int64"},
    t.DOUBLE: {"type": "number", "connect.type": "float64"},
    t.STRING: {"type": "string"},
    t.BYTES: {"type": "string", "connect.type": "bytes"},
    t.DATE: _logical("integer", "Date", "int32"),
    t.TIME: _logical("integer", "Time", "int32"),
    t.TIMESTAMP: _logical("integer", "Timestamp", "int64"),
}
