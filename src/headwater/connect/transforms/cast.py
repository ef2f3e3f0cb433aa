"""Cast: other types for fields, or for the whole key or value."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key
from headwater.connect.config import Type as ConfigType
from headwater.connect.converters.java_values import java_text, moment_text
from headwater.connect.errors import UsageError
from headwater.connect.schema import ConnectSchema, Field, Type
from headwater.connect.transforms.api import R, SchemaCache, Transform, TransformError, or_default, with_fields
from headwater.core.javatext import parse_double

_TARGETS = {
    "int8": Type.INT8, "int16": Type.INT16, "int32": Type.INT32, "int64": Type.INT64, "float32": Type.FLOAT32,
    "float64": Type.FLOAT64, "boolean": Type.BOOLEAN, "string": Type.STRING,
}  # fmt: skip


class Cast(Transform):
    """`spec` lists `field:type`, or names one type for the whole value."""

    names = ("org.apache.kafka.connect.transforms.Cast",)
    config = ConfigDef(
        Key("spec", ConfigType.LIST, "Pairs field:type, or one type for the whole value."),
        Key("replace.null.with.default", ConfigType.BOOLEAN, "Whether a default replaces a null.", default=True),
    )

    def configure(self, config: Config) -> None:
        self._whole: Type | None = None
        self._fields: dict[str, Type] = {}
        for part in config.texts("spec"):
            name, _, kind = part.rpartition(":")
            if kind.strip().lower() not in _TARGETS:
                raise UsageError(f"Invalid value {part} for configuration spec: Invalid type: {kind}")
            if name:
                self._fields[name.strip()] = _TARGETS[kind.strip().lower()]
            else:
                self._whole = _TARGETS[kind.strip().lower()]
        if self._whole is not None and self._fields:
            raise UsageError("Cast transformations that specify a type to cast the entire value to may ony specify one")
        self._defaults = config.flag("replace.null.with.default")
        self._schemas = SchemaCache(self._make_schema)

    def apply(self, record: R) -> R | None:
        schema, value = self.schema_of(record), self.value_of(record)
        if schema is None:
            return self._schemaless(record, value)
        made = self._schemas(schema)
        if self._whole is not None:
            return self.changed(record, made, cast(value, self._whole, schema))
        if value is None:
            return record
        source = self.struct_of(record, "cast types")
        values = {f.name: or_default(source.get(f.name), f.schema, self._defaults) for f in schema.fields}
        for name, target in self._fields.items():
            if name in values:
                values[name] = cast(values[name], target, schema.field(name))
        return self.changed(record, made, values)

    def _schemaless(self, record: R, value: Any) -> R:
        if self._whole is not None:
            return self.changed(record, None, cast(value, self._whole, None))
        if value is None:
            return record
        values = dict(self.struct_of(record, "cast types"))
        for name, target in self._fields.items():
            values[name] = cast(values.get(name), target, None)
        return self.changed(record, None, values)

    def _make_schema(self, schema: ConnectSchema) -> ConnectSchema:
        if self._whole is not None:
            return _retyped(schema, self._whole)
        fields = [
            Field(f.name, _retyped(f.schema, self._fields[f.name])) if f.name in self._fields else f
            for f in schema.fields
        ]
        made = with_fields(schema, fields)
        return replace(made, optional=schema.optional, default=schema.default and cast_default(schema, self._fields))


def cast_default(schema: ConnectSchema, fields: Mapping[str, Type]) -> Any:
    """A struct's default with its fields cast."""
    return {
        name: cast(value, fields[name], schema.field(name)) if name in fields else value
        for name, value in schema.default.items()
    }


def _retyped(schema: ConnectSchema, target: Type) -> ConnectSchema:
    default = None if schema.default is None else cast(schema.default, target, schema)
    return ConnectSchema(target, optional=schema.optional, default=default)


def cast(value: Any, target: Type, schema: ConnectSchema | None) -> Any:
    """A value as another type, by Java's rules: integers wrap around, fractions are cut off."""
    if value is None:
        return None
    try:
        return _CASTS[target](value, schema)
    except (ValueError, TypeError, OverflowError) as error:
        raise TransformError(f"Cannot cast {value!r} to {target}: {error}") from None


def _to_integer(bits: int) -> Callable[[Any, ConnectSchema | None], int]:
    half = 1 << bits - 1

    def convert(value: Any, _: ConnectSchema | None) -> int:
        if isinstance(value, str):
            number = int(value) if value.strip() == value and "_" not in value else int("")
            if not -half <= number < half:
                raise ValueError(f"Value out of range for {bits} bits")
            return number
        number = int(_number(value))
        if isinstance(value, float):  # Java's narrowing of floats stops at int's or long's bounds before it wraps
            wide = 1 << max(bits, 32) - 1
            number = max(-wide, min(number, wide - 1))
        return (number + half & (1 << bits) - 1) - half

    return convert


def _number(value: Any) -> Any:
    if isinstance(value, datetime):
        return s.ms_of_timestamp(value)
    if isinstance(value, date):
        return s.days_of_date(value)
    if isinstance(value, time):
        return s.ms_of_time(value)
    if isinstance(value, float) and value != value:
        return 0
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return (1 << 63) - 1 if value > 0 else -(1 << 63)
    if isinstance(value, bool | int | float | Decimal):
        return value
    raise TypeError(f"Unexpected value in Cast transformation: {type(value).__name__}")


def _to_float(value: Any, _: ConnectSchema | None) -> float:
    return parse_double(value) if isinstance(value, str) else float(_number(value))


def _to_float32(value: Any, schema: ConnectSchema | None) -> float:
    return s.float32(_to_float(value, schema))


def _to_boolean(value: Any, _: ConnectSchema | None) -> bool:
    return value.lower() == "true" if isinstance(value, str) else int(_number(value)) != 0


def _to_string(value: Any, schema: ConnectSchema | None) -> str:
    if isinstance(value, datetime | date | time):
        return moment_text(value)
    return b64encode(value).decode() if isinstance(value, bytes) else java_text(value, schema)


_CASTS: Mapping[Type, Callable[[Any, ConnectSchema | None], Any]] = {
    Type.INT8: _to_integer(8), Type.INT16: _to_integer(16), Type.INT32: _to_integer(32), Type.INT64: _to_integer(64),
    Type.FLOAT32: _to_float32, Type.FLOAT64: _to_float, Type.BOOLEAN: _to_boolean, Type.STRING: _to_string,
}  # fmt: skip
