"""Connect's schemas as Avro's and back, by the rules of Confluent's AvroData (`connect.name` and its sisters)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from headwater.connect import schema as s
from headwater.connect.schema import ConnectSchema, Field, SchemaMismatchError, Type

NAMESPACE = "io.confluent.connect.avro"
DEFAULT_NAME = f"{NAMESPACE}.ConnectDefault"
MAP_ENTRY = f"{NAMESPACE}.MapEntry"
UNION = f"{NAMESPACE}.Union"
ENUM = f"{NAMESPACE}.Enum"
FIXED_SIZE = "connect.fixed.size"
DEFAULT_PRECISION = 64

_PRIMITIVES = {
    Type.INT8: "int", Type.INT16: "int", Type.INT32: "int", Type.INT64: "long", Type.FLOAT32: "float",
    Type.FLOAT64: "double", Type.BOOLEAN: "boolean", Type.STRING: "string", Type.BYTES: "bytes",
}  # fmt: skip
_LOGICAL = {s.DATE: "date", s.TIME: "time-millis", s.TIMESTAMP: "timestamp-millis"}
_NUMBERS: dict[str | None, Callable[[Any], int]] = {
    s.DATE: s.days_of_date, s.TIME: s.ms_of_time, s.TIMESTAMP: s.ms_of_timestamp,
}  # fmt: skip
_FROM_LOGICAL = {("int", "date"): s.DATE, ("int", "time-millis"): s.TIME, ("long", "timestamp-millis"): s.TIMESTAMP}
_FROM_PRIMITIVE = {
    "int": Type.INT32, "long": Type.INT64, "float": Type.FLOAT32, "double": Type.FLOAT64, "boolean": Type.BOOLEAN,
    "string": Type.STRING, "bytes": Type.BYTES,
}  # fmt: skip


def to_avro(schema: ConnectSchema) -> Any:
    """The Avro schema to register, as JSON data."""
    return _ToAvro().of(schema)


def from_avro(document: Any) -> ConnectSchema:
    """The schema of values under an Avro schema (JSON data). Raises `SchemaMismatchError` for what Connect lacks."""
    return _FromAvro().of(document, "")


def is_object_map(schema: ConnectSchema) -> bool:
    """Whether a MAP is one of Avro's, whose keys are texts; others are arrays of entries."""
    keys = schema.key_schema
    return keys is not None and keys.type is Type.STRING and not keys.optional


class _ToAvro:
    def __init__(self) -> None:
        self._written: dict[str, ConnectSchema] = {}
        self._unnamed = 0

    def of(self, schema: ConnectSchema) -> Any:
        base = self._base(schema)
        if not schema.optional:
            return base
        return ["null", base] if schema.default is None else [base, "null"]

    def _base(self, schema: ConnectSchema) -> Any:
        match schema.type:
            case Type.STRUCT:
                return self._record(schema)
            case Type.ARRAY:
                made: Any = {"type": "array", "items": self.of(_known(schema.value_schema))}
            case Type.MAP:
                made = self._map(schema)
            case _:
                made = self._scalar(schema)
        made |= self._properties(schema)
        return made["type"] if list(made) == ["type"] else made

    def _scalar(self, schema: ConnectSchema) -> dict[str, Any]:
        symbols = [v for k, v in (schema.parameters or {}).items() if k.startswith(f"{ENUM}.")]
        if symbols and schema.parameters:
            return {**_named("enum", schema.parameters[ENUM]), "symbols": symbols}
        made: dict[str, Any] = {"type": _PRIMITIVES[schema.type]}
        if schema.name == s.DECIMAL:
            made |= {"scale": schema.scale, "precision": schema.precision or DEFAULT_PRECISION}
        if schema.type in (Type.INT8, Type.INT16):
            made["connect.type"] = schema.type.lower()
        return made

    def _properties(self, schema: ConnectSchema) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if schema.doc is not None:
            made["connect.doc"] = schema.doc
        if schema.version is not None:
            made["connect.version"] = schema.version
        if schema.parameters:
            made["connect.parameters"] = dict(schema.parameters)
        if schema.default is not None:
            made["connect.default"] = default_json(schema, schema.default)
        if schema.name is not None:
            made["connect.name"] = schema.name
        logical = "decimal" if schema.name == s.DECIMAL else _LOGICAL.get(schema.name or "")
        return made | ({"logicalType": logical} if logical else {})

    def _map(self, schema: ConnectSchema) -> dict[str, Any]:
        value = _known(schema.value_schema)
        if is_object_map(schema):
            return {"type": "map", "values": self.of(value)}
        name = schema.name or self._fresh(MAP_ENTRY)
        fields = [
            {"name": "key", "type": self.of(_known(schema.key_schema))},
            {"name": "value", "type": self.of(value)},
        ]
        entry = {**_named("record", name), "fields": fields, "connect.internal.type": "MapEntry"}
        return {"type": "array", "items": entry}

    def _record(self, schema: ConnectSchema) -> Any:
        name = schema.name or self._fresh(DEFAULT_NAME)
        if self._written.get(name) == replace(schema, optional=False, default=None):
            return name
        self._written[name] = replace(schema, optional=False, default=None)
        made: dict[str, Any] = _named("record", name)
        made["fields"] = [self._field(f) for f in schema.fields]
        return made | self._properties(schema)

    def _field(self, field: Field) -> dict[str, Any]:
        made = {"name": field.name, "type": self.of(field.schema)}
        if field.schema.default is not None:
            made["default"] = default_json(field.schema, field.schema.default)
        elif field.schema.optional:
            made["default"] = None
        return made

    def _fresh(self, name: str) -> str:
        """Avro wants every record named, and no name twice."""
        self._unnamed += 1
        return name if self._unnamed == 1 else f"{name}{self._unnamed}"


def _named(kind: str, full_name: str) -> dict[str, Any]:
    namespace, _, name = full_name.rpartition(".")
    return {"type": kind, "name": name} | ({"namespace": namespace} if namespace else {})


def _known(schema: ConnectSchema | None) -> ConnectSchema:
    if schema is None:
        raise SchemaMismatchError("An ARRAY or MAP has no schema of its items")
    return schema


def default_json(schema: ConnectSchema, value: Any) -> Any:
    """A default as Avro writes it in its schema: bytes as Latin-1 text."""
    if value is None:
        return None
    if schema.name == s.DECIMAL:
        return s.bytes_of_decimal(value, schema.scale).decode("latin-1")
    if schema.name in _NUMBERS:
        return _NUMBERS[schema.name](value)
    if schema.type is Type.BYTES:
        return bytes(value).decode("latin-1")
    if schema.type is Type.STRUCT:
        return {f.name: default_json(f.schema, value.get(f.name)) for f in schema.fields}
    if schema.type is Type.ARRAY:
        return [default_json(_known(schema.value_schema), item) for item in value]
    if schema.type is Type.MAP:
        return {key: default_json(_known(schema.value_schema), item) for key, item in value.items()}
    return value


class _FromAvro:
    def __init__(self) -> None:
        self._named: dict[str, ConnectSchema] = {}
        self._open: set[str] = set()

    def of(self, document: Any, namespace: str) -> ConnectSchema:
        if isinstance(document, list):
            return self._union(document, namespace)
        if isinstance(document, str):
            return self._by_name(document, namespace)
        kind = document["type"]
        if isinstance(kind, list | dict):
            return self.of(kind, namespace)
        if kind in ("record", "error"):
            return self._record(document, namespace)
        if kind in ("enum", "fixed"):
            return self._define(document, namespace)
        if kind == "array":
            return self._array(document, namespace)
        if kind == "map":
            made = s.map_of(s.STRING, self.of(document["values"], namespace))
            return _with_properties(made, document)
        return self._scalar(document) if kind in _FROM_PRIMITIVE else self._by_name(kind, namespace)

    def _by_name(self, name: str, namespace: str) -> ConnectSchema:
        if name in _FROM_PRIMITIVE:
            return ConnectSchema(_FROM_PRIMITIVE[name])
        for full in (f"{namespace}.{name}", name):
            if full in self._named:
                return self._named[full]
            if full in self._open:
                raise SchemaMismatchError(f"Connect has no schema for the record {full}, which contains itself")
        raise SchemaMismatchError(f"Avro schema uses an undefined name or type: {name}")

    def _scalar(self, document: Mapping[str, Any]) -> ConnectSchema:
        kind, logical = document["type"], document.get("logicalType")
        if kind == "bytes" and logical == "decimal":
            made = s.decimal(int(document.get("scale", 0)), document.get("precision"))
            return _with_properties(made, document)
        connect_type = document.get("connect.type")
        made = ConnectSchema(Type(connect_type.upper()) if connect_type else _FROM_PRIMITIVE[kind])
        name = _FROM_LOGICAL.get((kind, logical or ""))
        if name is not None:
            made = replace(made, name=name, version=1)
        return _with_properties(made, document)

    def _define(self, document: Mapping[str, Any], namespace: str) -> ConnectSchema:
        full = full_name(document, namespace)
        if document["type"] == "enum":
            parameters = {ENUM: full} | {f"{ENUM}.{symbol}": symbol for symbol in document["symbols"]}
            made = ConnectSchema(Type.STRING, parameters=parameters)
        elif document.get("logicalType") == "decimal":
            made = s.decimal(int(document.get("scale", 0)), document.get("precision"))
        else:
            made = ConnectSchema(Type.BYTES, name=full, parameters={FIXED_SIZE: str(document["size"])})
        self._named[full] = made = _with_properties(made, document)
        return made

    def _array(self, document: Mapping[str, Any], namespace: str) -> ConnectSchema:
        items = document["items"]
        if is_map_entry(items):
            types = {f["name"]: f["type"] for f in items["fields"]}
            inner = full_name(items, namespace).rpartition(".")[0]
            made = s.map_of(self.of(types["key"], inner), self.of(types["value"], inner))
        else:
            made = s.array(self.of(items, namespace))
        return _with_properties(made, document)

    def _record(self, document: Mapping[str, Any], namespace: str) -> ConnectSchema:
        full = full_name(document, namespace)
        inner = full.rpartition(".")[0]
        self._open.add(full)
        fields = [Field(f["name"], self._field(f, inner)) for f in document["fields"]]
        self._open.discard(full)
        made = ConnectSchema(Type.STRUCT, name=full, doc=document.get("doc"), fields=tuple(fields))
        self._named[full] = made = _with_properties(made, document)
        return made

    def _field(self, document: Mapping[str, Any], namespace: str) -> ConnectSchema:
        made = self.of(document["type"], namespace)
        default = document.get("default")
        return made if default is None else replace(made, default=default_value(made, default))

    def _union(self, branches: list[Any], namespace: str) -> ConnectSchema:
        others = [branch for branch in branches if branch != "null"]
        optional = len(others) < len(branches)
        if len(others) == 1:
            made = self.of(others[0], namespace)
            return made.as_optional() if optional else made
        fields = [(branch_name(b), self.of(b, namespace).as_optional()) for b in others]
        return s.struct(fields, UNION, optional=optional)


def is_map_entry(items: Any) -> bool:
    """Whether an array's items are the entries of a map."""
    if not isinstance(items, dict) or items.get("type") != "record":
        return False
    return items.get("connect.internal.type") == "MapEntry" or full_name(items, "") == MAP_ENTRY


def full_name(document: Mapping[str, Any], namespace: str) -> str:
    """The name of a record, enum or fixed with its namespace."""
    name = str(document["name"])
    if "." in name:
        return name
    inner = document.get("namespace", namespace)
    return f"{inner}.{name}" if inner else name


def branch_name(branch: Any) -> str:
    """What the field for a union's branch is called."""
    kind = branch if isinstance(branch, str) else branch.get("name", branch["type"])
    return str(kind).rpartition(".")[2]


def _with_properties(made: ConnectSchema, document: Mapping[str, Any]) -> ConnectSchema:
    changes: dict[str, Any] = {}
    if document.get("connect.name"):
        changes["name"] = document["connect.name"]
    if document.get("connect.version") is not None:
        changes["version"] = int(document["connect.version"])
    if document.get("connect.doc") is not None:
        changes["doc"] = document["connect.doc"]
    if document.get("connect.parameters"):
        changes["parameters"] = {**(made.parameters or {}), **document["connect.parameters"]}
    made = replace(made, **changes) if changes else made
    default = document.get("connect.default")
    return made if default is None else replace(made, default=default_value(made, default))


def default_value(schema: ConnectSchema, node: Any) -> Any:
    """The value of a default in an Avro schema. Raises `SchemaMismatchError`."""
    if node is None:
        return None
    try:
        if schema.name == s.DECIMAL:
            return s.decimal_of_bytes(node.encode("latin-1"), schema.scale)
        logical = {s.DATE: s.date_of_days, s.TIME: s.time_of_ms, s.TIMESTAMP: s.timestamp_of_ms}.get(schema.name or "")
        if logical is not None:
            return logical(node)
        if schema.type is Type.BYTES:
            return node.encode("latin-1") if isinstance(node, str) else base64.b64decode(node)
        if schema.type is Type.STRUCT:
            return {f.name: default_value(f.schema, node.get(f.name)) for f in schema.fields}
    except (AttributeError, TypeError, ValueError) as error:
        raise SchemaMismatchError(f"The default {node!r} does not fit the type {schema.type}: {error}") from None
    return node
