"""Between Avro schemas and SQL types: what columns a schema holds, and the schema to register for columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from headwater.core import types as t
from headwater.core.schema import Column
from headwater.formats import avro_schema as avro
from headwater.formats.failures import SchemaError

NAMESPACE = "io.confluent.ksql.avro_schemas"
VALUE_NAME = f"{NAMESPACE}.KsqlDataSourceSchema"
DEFAULT_PRECISION = 64
"""Precision of a decimal whose schema does not say one."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN = {"boolean": t.BOOLEAN, "int": t.INTEGER, "long": t.BIGINT, "float": t.DOUBLE, "double": t.DOUBLE,
          "string": t.STRING, "bytes": t.BYTES}  # fmt: skip
_LOGICAL = {("int", "date"): t.DATE, ("int", "time-millis"): t.TIME, ("long", "timestamp-millis"): t.TIMESTAMP}

Rename = Callable[[str], str]


def sql_type(node: avro.Node, rename: Rename) -> t.SqlType | None:
    """The SQL type that holds values of a schema, or None. `rename` makes the field names of structs."""
    return _sql_type(node, rename, ())


def _sql_type(node: avro.Node, rename: Rename, outer: tuple[avro.Record, ...]) -> t.SqlType | None:
    node, _ = avro.without_null(node)
    if isinstance(node, avro.Primitive | avro.Fixed):
        return scalar_type(node)
    if isinstance(node, avro.Enum):
        return t.STRING
    if isinstance(node, avro.Map):
        values = _sql_type(node.values, rename, outer)
        return values and t.Map(t.STRING, values)
    if isinstance(node, avro.Array):
        return _array_type(node, rename, outer)
    if isinstance(node, avro.Union):
        fields = [(branch_name(b), _sql_type(b, rename, outer)) for b in node.branches]
    else:
        if node in outer:
            return None
        fields = [(f.name, _sql_type(f.type, rename, (*outer, node))) for f in node.fields]
    known = tuple(t.Field(rename(name), found) for name, found in fields if found is not None)
    return t.Struct(known) if known else None


def _array_type(node: avro.Array, rename: Rename, outer: tuple[avro.Record, ...]) -> t.SqlType | None:
    entry = avro.map_entry(node)
    if entry is None:
        items = _sql_type(node.items, rename, outer)
        return items and t.Array(items)
    parts = {f.name: _sql_type(f.type, rename, outer) for f in entry.fields}
    key, value = parts.get("key"), parts.get("value")
    return t.Map(key, value) if key is not None and value is not None else None


def scalar_type(node: avro.Primitive | avro.Fixed) -> t.SqlType | None:
    """The SQL type of a primitive or fixed."""
    logical = node.logical
    if logical is not None and logical.name == "decimal" and (isinstance(node, avro.Fixed) or node.name == "bytes"):
        return t.Decimal(logical.precision or DEFAULT_PRECISION, logical.scale)
    if isinstance(node, avro.Fixed):
        return t.BYTES
    if logical is not None and (node.name, logical.name) in _LOGICAL:
        return _LOGICAL[node.name, logical.name]
    return _PLAIN.get(node.name)


def branch_name(node: avro.Node) -> str:
    """How the branch of a union is called as a field."""
    if isinstance(node, avro.Array):
        return "array"
    if isinstance(node, avro.Map):
        return "map"
    if isinstance(node, avro.Union):
        raise SchemaError("An Avro union cannot directly contain another union")
    return node.name.rpartition(".")[2]


def schema_of(columns: tuple[Column, ...], wrapped: bool, full_name: str) -> Any:
    """The Avro schema to register for columns, as JSON data. Raises `SchemaError` for names that Avro forbids."""
    namespace, _, name = full_name.rpartition(".")
    if wrapped:
        root = tuple(t.Field(c.name, c.type) for c in columns)
        return _record(root, name, namespace, is_root=True)
    return _written(columns[0].type, name, namespace, is_root=True)


def field_name(name: str) -> str:
    """The name of a column's field: dots become underscores. Raises `SchemaError` when Avro does not allow it."""
    name = name.replace(".", "_")
    if not _NAME.match(name):
        bad_start = not _NAME.match(name[:1])
        raise SchemaError(f"Illegal {'initial character' if bad_start else 'character in'}: {name}")
    return name


def _record(fields: tuple[t.Field, ...], name: str, namespace: str, is_root: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "record", "name": name}
    if is_root and namespace:
        made["namespace"] = namespace
    made["fields"] = [
        {
            "name": field_name(f.name),
            "type": ["null", _written(f.type, f"{name}_{f.name.replace('.', '_')}", namespace)],
            "default": None,
        }
        for f in fields
    ]
    made["connect.name"] = f"{namespace}.{name}" if namespace else name
    return made


def _written(column_type: t.SqlType, name: str, namespace: str, is_root: bool = False) -> Any:
    if isinstance(column_type, t.Struct):
        return _record(column_type.fields, name, namespace, is_root)
    if isinstance(column_type, t.Array):
        return {"type": "array", "items": ["null", _written(column_type.element, name, namespace, is_root)]}
    if isinstance(column_type, t.Map):
        return _map(column_type, name, namespace, is_root)
    if isinstance(column_type, t.Decimal):
        parameters = {"scale": str(column_type.scale), "connect.decimal.precision": str(column_type.precision)}
        return {
            "type": "bytes",
            "scale": column_type.scale,
            "precision": column_type.precision,
            **_connect("Decimal", parameters),
            "logicalType": "decimal",
        }
    return _SCALARS[column_type]


def _map(column_type: t.Map, name: str, namespace: str, is_root: bool) -> Any:
    """Connect's way: Avro's own maps have no nullable keys, so a map is an array of entries."""
    full_name = f"{namespace}.{name}" if namespace else name
    entry: dict[str, Any] = {"type": "record", "name": name}
    if is_root and namespace:
        entry["namespace"] = namespace
    entry["fields"] = [
        {"name": "key", "type": ["null", _written(column_type.key, f"{name}_MapKey", namespace)], "default": None},
        {
            "name": "value",
            "type": ["null", _written(column_type.value, f"{name}_MapValue", namespace)],
            "default": None,
        },
    ]
    entry["connect.internal.type"] = avro.MAP_ENTRY
    return {"type": "array", "items": entry, "connect.name": full_name}


def _connect(logical: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"connect.version": 1}
    if parameters:
        made["connect.parameters"] = parameters
    made["connect.name"] = f"org.apache.kafka.connect.data.{logical}"
    return made


_SCALARS: dict[t.SqlType, Any] = {
    t.BOOLEAN: "boolean",
    t.INTEGER: "int",
    t.BIGINT: "long",
    t.DOUBLE: "double",
    t.STRING: "string",
    t.BYTES: "bytes",
    t.DATE: {"type": "int", **_connect("Date"), "logicalType": "date"},
    t.TIME: {"type": "int", **_connect("Time"), "logicalType": "time-millis"},
    t.TIMESTAMP: {"type": "long", **_connect("Timestamp"), "logicalType": "timestamp-millis"},
}
