"""Connect's schemas and values as SQL types and rows, so that the formats JSON_SR and PROTOBUF serve Connect too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.connect import schema as s
from headwater.connect.schema import ConnectSchema, SchemaMismatchError, Type
from headwater.core import types as t

Convert = Callable[[Any], Any]

_TO_SQL: dict[Type, t.SqlType] = {
    Type.INT8: t.INTEGER, Type.INT16: t.INTEGER, Type.INT32: t.INTEGER, Type.INT64: t.BIGINT, Type.FLOAT32: t.DOUBLE,
    Type.FLOAT64: t.DOUBLE, Type.BOOLEAN: t.BOOLEAN, Type.STRING: t.STRING, Type.BYTES: t.BYTES,
}  # fmt: skip
_LOGICAL: dict[str, t.SqlType] = {s.DATE: t.DATE, s.TIME: t.TIME, s.TIMESTAMP: t.TIMESTAMP}
_TO_NUMBER: dict[str, Convert] = {s.DATE: s.days_of_date, s.TIME: s.ms_of_time, s.TIMESTAMP: s.ms_of_timestamp}
_FROM_NUMBER: dict[t.SqlType, Convert] = {
    t.DATE: s.date_of_days, t.TIME: s.time_of_ms, t.TIMESTAMP: s.timestamp_of_ms,
}  # fmt: skip
_DEFAULT_PRECISION = 64
_TO_CONNECT: dict[t.SqlType, ConnectSchema] = {
    t.INTEGER: s.OPTIONAL_INT32, t.BIGINT: s.OPTIONAL_INT64, t.DOUBLE: s.OPTIONAL_FLOAT64,
    t.BOOLEAN: s.OPTIONAL_BOOLEAN, t.STRING: s.OPTIONAL_STRING, t.BYTES: s.OPTIONAL_BYTES,
    t.DATE: s.DATE_SCHEMA.as_optional(), t.TIME: s.TIME_SCHEMA.as_optional(),
    t.TIMESTAMP: s.TIMESTAMP_SCHEMA.as_optional(),
}  # fmt: skip


def sql_type(schema: ConnectSchema) -> t.SqlType:
    """The SQL type of a schema. Raises `SchemaMismatchError` for a MAP whose keys are no texts."""
    if schema.name == s.DECIMAL:
        return t.Decimal(schema.precision or _DEFAULT_PRECISION, schema.scale)
    if schema.name in _LOGICAL:
        return _LOGICAL[schema.name]
    if schema.type is Type.STRUCT:
        return t.Struct(tuple(t.Field(f.name, sql_type(f.schema)) for f in schema.fields))
    if schema.type is Type.ARRAY and schema.value_schema is not None:
        return t.Array(sql_type(schema.value_schema))
    if schema.type is Type.MAP and schema.value_schema is not None:
        if schema.key_schema is None or schema.key_schema.type is not Type.STRING:
            raise SchemaMismatchError("Maps need keys of type STRING in this format")
        return t.Map(t.STRING, sql_type(schema.value_schema))
    return _TO_SQL[schema.type]


def connect_schema(sql: t.SqlType, name: str | None = None) -> ConnectSchema:
    """The (optional) schema of a SQL type."""
    if isinstance(sql, t.Decimal):
        return s.decimal(sql.scale, sql.precision, optional=True)
    if isinstance(sql, t.Struct):
        return s.struct([(f.name, connect_schema(f.type)) for f in sql.fields], name, optional=True)
    if isinstance(sql, t.Array):
        return s.array(connect_schema(sql.element), optional=True)
    if isinstance(sql, t.Map):
        return s.map_of(s.STRING, connect_schema(sql.value), optional=True)
    return _TO_CONNECT[sql]


def to_row(schema: ConnectSchema) -> Convert:
    """A function from a value (not None) to what a `Writer` takes: tuples for structs, numbers for moments."""
    simple = _TO_NUMBER.get(schema.name or "")
    if simple is not None:
        return simple
    if schema.type is Type.STRUCT:
        members = [(f.name, _nullable(to_row(f.schema), f.schema.default)) for f in schema.fields]
        return lambda v: tuple([convert(v.get(name)) for name, convert in members])
    if schema.type is Type.ARRAY and schema.value_schema is not None:
        item = _nullable(to_row(schema.value_schema))
        return lambda v: [item(x) for x in v]
    if schema.type is Type.MAP and schema.value_schema is not None:
        item = _nullable(to_row(schema.value_schema))
        return lambda v: {k: item(x) for k, x in v.items()}
    return float if schema.type in (Type.FLOAT32, Type.FLOAT64) else _same


def from_row(sql: t.SqlType) -> Convert:
    """A function from what a `Reader` gives (not None) to a value."""
    if isinstance(sql, t.Struct):
        members = [(f.name, _nullable(from_row(f.type))) for f in sql.fields]
        return lambda row: {name: convert(x) for (name, convert), x in zip(members, row, strict=True)}
    if isinstance(sql, t.Array):
        item = _nullable(from_row(sql.element))
        return lambda v: [item(x) for x in v]
    if isinstance(sql, t.Map):
        item = _nullable(from_row(sql.value))
        return lambda v: {k: item(x) for k, x in v.items()}
    return _FROM_NUMBER.get(sql, _same)


def _nullable(convert: Convert, default: Any = None) -> Convert:
    if convert is _same and default is None:
        return _same
    null = None if default is None else convert(default)
    return lambda v: null if v is None else convert(v)


def _same(value: Any) -> Any:
    return value
