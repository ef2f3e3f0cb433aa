"""Functions between a schema's values and JSON, made once per schema."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from headwater.connect import schema as s
from headwater.connect.converters.java_values import shortest_float32
from headwater.connect.schema import ConnectSchema, SchemaMismatchError, Type

Convert = Callable[[Any], Any]


def to_json(schema: ConnectSchema, numeric_decimals: bool, use_defaults: bool) -> Convert:
    """A function from values to what `msgspec.json` encodes. It raises `SchemaMismatchError`."""
    inner = _Writer(numeric_decimals, use_defaults).of(schema)
    return _nullable(schema, inner, use_defaults)


def from_json(schema: ConnectSchema, use_defaults: bool) -> Convert:
    """A function from a parsed document to values. It raises `SchemaMismatchError`."""
    inner = _Reader(use_defaults).of(schema)

    def convert(node: Any) -> Any:
        if node is None:
            return _null(schema, use_defaults, schema.default)
        return inner(node)

    return convert


def plain(value: Any) -> Any:
    """JSON of a value without a schema, for what `msgspec.json` writes in another way than Connect does."""
    match value:
        case dict() if not all(type(key) is str for key in value):
            return [[plain(key), plain(item)] for key, item in value.items()]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case float():
            return _finite(value)
        case datetime() | date() | time():
            return _moment(value)
        case _:
            return value


def _moment(value: Any) -> int:
    if isinstance(value, datetime):
        return s.ms_of_timestamp(value)
    return s.days_of_date(value) if isinstance(value, date) else s.ms_of_time(value)


def _finite(value: float) -> Any:
    """Jackson writes what is not a number as text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _null(schema: ConnectSchema, use_defaults: bool, default: Any) -> Any:
    if schema.default is not None and use_defaults:
        return default
    if schema.optional:
        return None
    raise SchemaMismatchError(
        f"Conversion error: null value for a {schema.type} that is required and has no default value"
    )


def _nullable(schema: ConnectSchema, inner: Convert, use_defaults: bool) -> Convert:
    default = inner(schema.default) if schema.default is not None else None

    def convert(value: Any) -> Any:
        return _null(schema, use_defaults, default) if value is None else inner(value)

    return convert


class _Writer:
    def __init__(self, numeric_decimals: bool, use_defaults: bool) -> None:
        self._numeric, self._defaults = numeric_decimals, use_defaults

    def of(self, schema: ConnectSchema) -> Convert:
        """For values that are not None."""
        logical = self._logical(schema)
        if logical is not None:
            return logical
        match schema.type:
            case Type.STRUCT:
                return self._struct(schema)
            case Type.ARRAY:
                item = self._item(schema.value_schema)
                return lambda v: [item(x) for x in _checked(v, list, schema)]
            case Type.MAP:
                return self._map(schema)
            case Type.BYTES:
                return lambda v: base64.b64encode(v).decode()
            case Type.FLOAT32:
                return lambda v: _finite(shortest_float32(v))
            case Type.FLOAT64:
                return lambda v: _finite(float(v))
            case _:
                return _checker(schema)

    def _item(self, schema: ConnectSchema | None) -> Convert:
        if schema is None:
            return plain
        return _nullable(schema, self.of(schema), self._defaults)

    def _logical(self, schema: ConnectSchema) -> Convert | None:
        if schema.name == s.DECIMAL and schema.type is Type.BYTES:
            scale = schema.scale
            if self._numeric:
                return lambda v: _checked(v, Decimal, schema)
            return lambda v: base64.b64encode(s.bytes_of_decimal(_checked(v, Decimal, schema), scale)).decode()
        kinds: dict[str | None, tuple[type, Convert]] = {
            s.DATE: (date, s.days_of_date), s.TIME: (time, s.ms_of_time), s.TIMESTAMP: (datetime, s.ms_of_timestamp),
        }  # fmt: skip
        found = kinds.get(schema.name)
        if found is None:
            return None
        kind, convert = found
        return lambda v: convert(_checked(v, kind, schema))

    def _struct(self, schema: ConnectSchema) -> Convert:
        # The common cases, a value that stays as it is and a null that may be one, cost no call.
        members = [(f.name, self._as_is(f.schema), self._may_be_null(f.schema), self._member(f.schema))
                   for f in schema.fields]  # fmt: skip

        def convert(value: Any) -> Any:
            get = _checked(value, dict, schema).get
            made = {}
            name = ""
            try:
                for name, kind, nullable, write in members:
                    member = get(name)
                    if type(member) is kind or (member is None and nullable):
                        made[name] = member
                    else:
                        made[name] = write(member)
            except SchemaMismatchError as error:
                raise SchemaMismatchError(f"{error}, field: {name}") from None
            return made

        return convert

    def _as_is(self, schema: ConnectSchema) -> type | None:
        """The Python type whose values JSON has as they are; None where there is something to convert."""
        return None if self._logical(schema) is not None else _PYTHON.get(schema.type)

    def _may_be_null(self, schema: ConnectSchema) -> bool:
        return schema.optional and (schema.default is None or not self._defaults)

    def _member(self, schema: ConnectSchema) -> Convert:
        return self._item(schema)

    def _map(self, schema: ConnectSchema) -> Convert:
        item = self._item(schema.value_schema)
        key = self._item(schema.key_schema)
        keys = schema.key_schema
        if keys is not None and keys.type is Type.STRING and not keys.optional:
            return lambda v: {k: item(x) for k, x in _checked(v, dict, schema).items()}
        return lambda v: [[key(k), item(x)] for k, x in _checked(v, dict, schema).items()]


class _Reader:
    def __init__(self, use_defaults: bool) -> None:
        self._defaults = use_defaults

    def of(self, schema: ConnectSchema) -> Convert:
        """For documents that are not null."""
        logical = _LOGICAL_READERS.get(schema.name or "")
        if schema.name == s.DECIMAL and schema.type is Type.BYTES:
            return _decimal_reader(schema)
        if logical is not None:
            return lambda node: logical(_number(node, schema))
        match schema.type:
            case Type.STRUCT:
                return self._struct(schema)
            case Type.ARRAY:
                item = self._item(schema.value_schema)
                return lambda node: [item(x) for x in _checked(node, list, schema)]
            case Type.MAP:
                return self._map(schema)
            case Type.BYTES:
                return lambda node: _base64(node, schema)
            case Type.FLOAT32 | Type.FLOAT64:
                return lambda node: _float(node, schema)
            case Type.BOOLEAN | Type.STRING:
                return _checker(schema)
            case _:
                return lambda node: _number(node, schema)

    def _item(self, schema: ConnectSchema | None) -> Convert:
        return (lambda node: node) if schema is None else from_json(schema, self._defaults)

    def _struct(self, schema: ConnectSchema) -> Convert:
        members = [(f.name, self._item(f.schema)) for f in schema.fields]

        def convert(node: Any) -> Any:
            get = _checked(node, dict, schema).get
            made = {}
            for name, read in members:
                try:
                    made[name] = read(get(name))
                except SchemaMismatchError as error:
                    raise SchemaMismatchError(f"{error}, field: {name}") from None
            return made

        return convert

    def _map(self, schema: ConnectSchema) -> Convert:
        key, item = self._item(schema.key_schema), self._item(schema.value_schema)
        keys = schema.key_schema
        if keys is not None and keys.type is Type.STRING and not keys.optional:
            return lambda node: {k: item(x) for k, x in _checked(node, dict, schema).items()}
        return lambda node: {key(k): item(x) for k, x in _checked(node, list, schema)}


def _checker(schema: ConnectSchema) -> Convert:
    expected = _PYTHON[schema.type]

    def check(value: Any) -> Any:
        if type(value) is not expected:
            raise _misfit(value, schema)
        return value

    return check


_PYTHON: dict[Type, type] = {
    Type.INT8: int, Type.INT16: int, Type.INT32: int, Type.INT64: int, Type.BOOLEAN: bool, Type.STRING: str,
}  # fmt: skip
_LOGICAL_READERS: dict[str, Callable[[int], Any]] = {
    s.DATE: s.date_of_days, s.TIME: s.time_of_ms, s.TIMESTAMP: s.timestamp_of_ms,
}  # fmt: skip


def _checked(value: Any, expected: type, schema: ConnectSchema) -> Any:
    if not isinstance(value, expected):
        raise _misfit(value, schema)
    return value


def _misfit(value: Any, schema: ConnectSchema) -> SchemaMismatchError:
    named = f" ({schema.name})" if schema.name else ""
    return SchemaMismatchError(
        f"Invalid type for {schema.type}{named}: {type(value).__name__}; conversion error: the value does not match "
        "the schema"
    )


def _number(node: Any, schema: ConnectSchema) -> int:
    if type(node) is int:
        return node
    if isinstance(node, float | Decimal):
        return int(node)
    raise _misfit(node, schema)


def _float(node: Any, schema: ConnectSchema) -> float:
    if isinstance(node, bool) or not isinstance(node, int | float | Decimal | str):
        raise _misfit(node, schema)
    if isinstance(node, str) and node not in ("NaN", "Infinity", "-Infinity"):
        raise _misfit(node, schema)
    value = float(node)
    return s.float32(value) if schema.type is Type.FLOAT32 else value


def _base64(node: Any, schema: ConnectSchema) -> bytes:
    try:
        return base64.b64decode(_checked(node, str, schema), validate=True)
    except binascii.Error as error:
        raise SchemaMismatchError(f"Invalid bytes field: {error}") from None


def _decimal_reader(schema: ConnectSchema) -> Convert:
    """Either way of writing a Decimal is understood, whatever `decimal.format` says."""
    scale = schema.scale
    quantum = Decimal((0, (1,), -scale))

    def convert(node: Any) -> Decimal:
        if isinstance(node, str):
            return s.decimal_of_bytes(_base64(node, schema), scale)
        if isinstance(node, bool) or not isinstance(node, int | float | Decimal):
            raise _misfit(node, schema)
        return Decimal(str(node)).quantize(quantum)

    return convert
