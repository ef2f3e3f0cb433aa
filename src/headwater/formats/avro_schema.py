"""Avro schemas as values: parsed from their JSON, with names resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.formats.failures import SchemaError

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
MAP_ENTRY = "MapEntry"
CONNECT_MAP_ENTRY = "io.confluent.connect.avro.MapEntry"


@dataclass(frozen=True)
class Logical:
    """What a primitive or fixed stands for: `name` is the logicalType, the rest belongs to decimals."""

    name: str
    precision: int | None = None
    scale: int = 0


@dataclass(frozen=True)
class Primitive:
    name: str
    logical: Logical | None = None


@dataclass(frozen=True)
class Fixed:
    name: str
    size: int
    logical: Logical | None = None


@dataclass(frozen=True)
class Enum:
    name: str
    symbols: tuple[str, ...]


@dataclass(frozen=True)
class Array:
    items: Node


@dataclass(frozen=True)
class Map:
    values: Node


@dataclass(frozen=True)
class Union:
    branches: tuple[Node, ...]


@dataclass(frozen=True)
class RecordField:
    """`default` is JSON; `has_default` tells null from none."""

    name: str
    type: Node
    has_default: bool = False
    default: Any = None


@dataclass(eq=False)
class Record:
    """A record; its fields are set after it is known by name, because it may contain itself."""

    name: str
    is_map_entry: bool = False
    fields: tuple[RecordField, ...] = field(default=(), repr=False)


Node = Primitive | Fixed | Enum | Array | Map | Union | Record
NULL = Primitive("null")


def parse(text: str, references: tuple[tuple[str, str], ...] = ()) -> Node:
    """The schema of a JSON text, or of a bare type name. Raises `SchemaError`.

    `references` are (name, schema text) of the schemas it uses by name, in the order in which they build on each other.
    """
    parser = _Parser()
    for _, referenced in references:
        parser.node(_json(referenced), "")
    return parser.node(_json(text), "")


def without_null(node: Node) -> tuple[Node, bool]:
    """The type inside a union of null and one other, and whether null is allowed."""
    if isinstance(node, Union):
        others = tuple(b for b in node.branches if b != NULL)
        nullable = len(others) < len(node.branches)
        return (others[0] if len(others) == 1 else Union(others)), nullable
    return node, node == NULL


def map_entry(node: Node) -> Record | None:
    """The entry record where an array is Connect's way of writing a map."""
    if isinstance(node, Array) and isinstance(node.items, Record) and node.items.is_map_entry:
        return node.items
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if text.strip() in PRIMITIVES:
            return text.strip()
        raise SchemaError(f"Not an Avro schema: {text[:200]}") from None


class _Parser:
    def __init__(self) -> None:
        self._named: dict[str, Node] = {}

    def node(self, doc: Any, namespace: str) -> Node:
        if isinstance(doc, str):
            return self._by_name(doc, namespace)
        if isinstance(doc, list):
            return Union(tuple(self.node(branch, namespace) for branch in doc))
        if isinstance(doc, dict) and "type" in doc:
            return self._object(doc, namespace)
        raise SchemaError(f"Not an Avro schema: {json.dumps(doc)[:200]}")

    def _by_name(self, name: str, namespace: str) -> Node:
        if name in PRIMITIVES:
            return Primitive(name)
        for full in (f"{namespace}.{name}" if namespace and "." not in name else name, name):
            if full in self._named:
                return self._named[full]
        raise SchemaError(f"Avro schema uses an undefined name: {name}")

    def _object(self, doc: Mapping[str, Any], namespace: str) -> Node:
        kind = doc["type"]
        if isinstance(kind, dict | list):
            return self.node(kind, namespace)
        if kind == "array":
            return Array(self.node(doc["items"], namespace))
        if kind == "map":
            return Map(self.node(doc["values"], namespace))
        if kind in ("record", "error", "enum", "fixed"):
            return self._define(kind, doc, namespace)
        if kind in PRIMITIVES:
            return Primitive(kind, _logical(doc))
        return self._by_name(kind, namespace)

    def _define(self, kind: str, doc: Mapping[str, Any], namespace: str) -> Node:
        name = str(doc.get("name", ""))
        namespace = name.rpartition(".")[0] if "." in name else str(doc.get("namespace", namespace) or "")
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        if kind == "enum":
            found: Node = Enum(full, tuple(doc["symbols"]))
        elif kind == "fixed":
            found = Fixed(full, int(doc["size"]), _logical(doc))
        else:
            is_entry = doc.get("connect.internal.type") == MAP_ENTRY or full == CONNECT_MAP_ENTRY
            found = Record(full, is_entry)
        self._named[full] = found
        if isinstance(found, Record):
            found.fields = tuple(
                RecordField(f["name"], self.node(f["type"], namespace), "default" in f, f.get("default"))
                for f in doc.get("fields", ())
            )
        return found


def _logical(doc: Mapping[str, Any]) -> Logical | None:
    name = doc.get("logicalType")
    if name is None:
        return None
    precision = doc.get("precision")
    return Logical(str(name), None if precision is None else int(precision), int(doc.get("scale", 0)))
