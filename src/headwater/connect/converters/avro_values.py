"""Connect's values in and out of Avro's binary data, through fastavro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from headwater.connect.converters.avro_schema import UNION, full_name, is_map_entry, is_object_map
from headwater.connect.schema import ConnectSchema, SchemaMismatchError, Type

Convert = Callable[[Any], Any]
_LOGICAL = {("int", "date"), ("int", "time-millis"), ("long", "timestamp-millis"), ("bytes", "decimal"),
            ("fixed", "decimal")}  # fmt: skip


def encoder(schema: ConnectSchema, document: Any, header: bytes) -> Callable[[Any], bytes]:
    """A function from values of `schema` to `header` and the data under the Avro schema `document`."""
    parsed = _parsed(document)
    convert = _writer(schema) or _same
    write = fastavro.schemaless_writer

    def encode(value: Any) -> bytes:
        out = BytesIO()
        out.write(header)
        write(out, parsed, convert(value))
        return out.getvalue()

    return encode


def decoder(schema: ConnectSchema, document: Any) -> Callable[[BytesIO], Any]:
    """A function from data written with `document` to values of `schema`."""
    parsed = _parsed(document)
    convert = _reader(schema, document) or _same
    read: Any = fastavro.schemaless_reader
    if _has_choice(schema):  # only then it has to say which branch it was, which is slower

        def decode_naming(data: BytesIO) -> Any:
            return convert(read(data, parsed, None, return_record_name=True, return_record_name_override=True))

        return decode_naming
    if convert is _same:
        return lambda data: read(data, parsed)
    return lambda data: convert(read(data, parsed))


def _has_choice(schema: ConnectSchema | None) -> bool:
    """Whether a union of several branches is in it."""
    if schema is None:
        return False
    inner = (schema.key_schema, schema.value_schema, *(f.schema for f in schema.fields))
    return schema.name == UNION or any(map(_has_choice, inner))


def _same(value: Any) -> Any:
    return value


def _parsed(document: Any) -> Any:
    try:
        return fastavro.parse_schema(_without_foreign_types(document))
    except (SchemaParseException, KeyError, ValueError) as error:
        raise SchemaMismatchError(f"Not a valid Avro schema: {error}") from None


def _without_foreign_types(document: Any) -> Any:
    """Connect knows four of Avro's logical types; values of the others are those of the type beneath."""
    if isinstance(document, list):
        return [_without_foreign_types(part) for part in document]
    if not isinstance(document, dict):
        return document
    made = {key: value for key, value in document.items() if not key.startswith("connect.")}
    if "logicalType" in made and (made.get("type"), made["logicalType"]) not in _LOGICAL:
        del made["logicalType"]
    for key in ("type", "items", "values"):
        if isinstance(made.get(key), dict | list):
            made[key] = _without_foreign_types(made[key])
    if "fields" in made:
        made["fields"] = [_without_foreign_types(part) for part in made["fields"]]
    return made


def _writer(schema: ConnectSchema) -> Convert | None:
    """What a value needs before fastavro takes it; None for nothing. It is not called with None."""
    match schema.type:
        case Type.STRUCT:
            return _struct_writer(schema)
        case Type.ARRAY if schema.value_schema is not None:
            item = _nullable(schema.value_schema)
            return None if item is None else lambda v: [item(x) for x in v]
        case Type.MAP if schema.value_schema is not None and schema.key_schema is not None:
            value_item = _nullable(schema.value_schema)
            if is_object_map(schema):
                return None if value_item is None else lambda v: {k: value_item(x) for k, x in v.items()}
            key, value = _nullable(schema.key_schema) or _same, value_item or _same
            return lambda v: [{"key": key(k), "value": value(x)} for k, x in v.items()]
        case _:
            return None


def _nullable(schema: ConnectSchema) -> Convert | None:
    inner = _writer(schema)
    if inner is None:
        return None
    named = schema.type is Type.STRUCT and schema.optional and schema.name and schema.name != UNION
    name = schema.name
    if named:  # telling fastavro the branch spares it from trying
        return lambda v: None if v is None else (name, inner(v))
    return lambda v: None if v is None else inner(v)


def _struct_writer(schema: ConnectSchema) -> Convert:
    names = [f.name for f in schema.fields]
    if schema.name == UNION:
        writers = {f.name: _nullable(f.schema) or _same for f in schema.fields}
        return lambda v: next((writers[n](v[n]) for n in names if v.get(n) is not None), None)
    changes = [(f.name, _nullable(f.schema), f.schema.default) for f in schema.fields]
    changes = [change for change in changes if change[1] is not None or change[2] is not None]
    required = frozenset(f.name for f in schema.fields if not f.schema.optional and f.schema.default is None)

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            raise SchemaMismatchError(f"Invalid type for STRUCT: {type(value).__name__}")
        for name in required:
            if value.get(name) is None:
                raise SchemaMismatchError(f"Invalid value: null used for required field: {name}")
        if not changes and len(value) == len(names):
            return value
        made = {name: value.get(name) for name in names}
        for name, write, default in changes:
            found = made[name]
            if found is None:
                found = default
            made[name] = found if write is None else write(found)
        return made

    return convert


def _reader(schema: ConnectSchema, document: Any) -> Convert | None:
    """What fastavro's value needs to be one of Connect's; None for nothing."""
    return _Reader().of(schema, document, "")


class _Reader:
    def __init__(self) -> None:
        self._named: dict[str, Any] = {}

    def of(self, schema: ConnectSchema, document: Any, namespace: str) -> Convert | None:
        if isinstance(document, str):
            document = self._named.get(f"{namespace}.{document}", self._named.get(document, document))
        if isinstance(document, list):
            return self._union(schema, document, namespace)
        if not isinstance(document, dict):
            return None
        kind = document["type"]
        if isinstance(kind, dict | list):
            return self.of(schema, kind, namespace)
        if kind == "record":
            return self._record(schema, document, namespace)
        if kind in ("enum", "fixed"):
            self._named[full_name(document, namespace)] = document
        if kind == "array":
            return self._array(schema, document["items"], namespace)
        if kind == "map" and schema.value_schema is not None:
            item = self.of(schema.value_schema, document["values"], namespace)
            return None if item is None else lambda v: {k: None if x is None else item(x) for k, x in v.items()}
        return None

    def _array(self, schema: ConnectSchema, items: Any, namespace: str) -> Convert | None:
        if is_map_entry(items):
            return lambda v: {entry["key"]: entry["value"] for entry in v}
        item = None if schema.value_schema is None else self.of(schema.value_schema, items, namespace)
        return None if item is None else lambda v: [None if x is None else item(x) for x in v]

    def _record(self, schema: ConnectSchema, document: Mapping[str, Any], namespace: str) -> Convert | None:
        full = full_name(document, namespace)
        self._named[full] = document
        inner = full.rpartition(".")[0]
        found = [(f["name"], schema.field(f["name"]), f["type"]) for f in document["fields"]]
        made = [(name, self.of(part, node, inner)) for name, part, node in found if part is not None]
        changes = [(name, convert) for name, convert in made if convert is not None]
        if not changes:
            return None

        def convert_record(value: Any) -> Any:
            for name, convert in changes:
                if value[name] is not None:
                    value[name] = convert(value[name])
            return value

        return convert_record

    def _union(self, schema: ConnectSchema, branches: list[Any], namespace: str) -> Convert | None:
        others = [branch for branch in branches if branch != "null"]
        if len(others) == 1:
            return self.of(schema, others[0], namespace)
        names = [f.name for f in schema.fields]
        inner = {f.name: self.of(f.schema, b, namespace) for f, b in zip(schema.fields, others, strict=True)}
        by_type = {f.name: _python_types(f.schema) for f in schema.fields}

        def convert(value: Any) -> Any:
            made: dict[str, Any] = dict.fromkeys(names)
            if isinstance(value, tuple):
                name, value = value[0].rpartition(".")[2], value[1]
            else:
                name = next((n for n in names if isinstance(value, by_type[n])), names[0])
            change = inner.get(name)
            made[name] = value if change is None else change(value)
            return made

        return convert


_PYTHON: dict[Type, tuple[type, ...]] = {
    Type.INT32: (int, date, time), Type.INT64: (int, datetime), Type.FLOAT32: (float,), Type.FLOAT64: (float,),
    Type.BOOLEAN: (bool,), Type.STRING: (str,), Type.BYTES: (bytes, Decimal), Type.ARRAY: (list,), Type.MAP: (dict,),
    Type.STRUCT: (dict,),
}  # fmt: skip


def _python_types(schema: ConnectSchema) -> tuple[type, ...]:
    return _PYTHON.get(schema.type, (int,))


def writer_values(schema: ConnectSchema) -> Convert:
    """A function from values to what fastavro writes, for containers of many records."""
    return _writer(schema) or _same
