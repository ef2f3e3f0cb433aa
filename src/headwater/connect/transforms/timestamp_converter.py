"""TimestampConverter: moments as text, numbers, or Connect's Date, Time and Timestamp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.errors import UsageError
from headwater.connect.schema import ConnectSchema, Field
from headwater.connect.transforms.api import R, SchemaCache, Transform, TransformError, or_default, with_fields
from headwater.core.errors import HeadwaterError
from headwater.plan.datetime import compile_formatter, zone_of
from headwater.plan.datetime.simple_dates import compile_moment_parser

_DAY_MS = 86_400_000
_PER_MS = {"seconds": 1, "milliseconds": 1, "microseconds": 1_000, "nanoseconds": 1_000_000}
_UTC = zone_of("UTC")
_MOMENTS = (s.DATE, s.TIME, s.TIMESTAMP)


def simple_formatter(pattern: str) -> Callable[[int], str]:
    """A function from ms since the epoch to text in UTC. Raises `UsageError` for a wrong pattern."""
    try:
        made: Any = compile_formatter(pattern)
    except HeadwaterError as error:
        raise UsageError(f"Invalid pattern for timestamps {pattern!r}: {error}") from None
    return lambda ms: str(made(ms, _UTC))


def _simple_parser(pattern: str) -> Callable[[str], int]:
    try:
        return compile_moment_parser(pattern)
    except HeadwaterError as error:
        raise UsageError(f"Invalid pattern for timestamps {pattern!r}: {error}") from None


class TimestampConverter(Transform):
    """Of one field, or of the whole value."""

    names = ("org.apache.kafka.connect.transforms.TimestampConverter",)
    config = ConfigDef(
        Key("field", Type.STRING, "Name of the field; empty: the whole value.", default=""),
        Key("target.type", Type.STRING, "What to make of it.", choices=("string", "unix", "Date", "Time", "Timestamp")),
        Key("format", Type.STRING, "Pattern of Java's SimpleDateFormat, for texts.", default=""),
        Key("unix.precision", Type.STRING, "Unit of numbers.", default="milliseconds", choices=tuple(_PER_MS)),
        Key("replace.null.with.default", Type.BOOLEAN, "Whether a default replaces a null.", default=True),
    )

    def configure(self, config: Config) -> None:
        self._field, self._target = config.text("field"), config.text("target.type")
        self._precision = config.text("unix.precision")
        pattern = config.text("format")
        if self._target == "string" and not pattern:
            raise UsageError("TimestampConverter requires format option to be specified when using string timestamps")
        self._text = simple_formatter(pattern) if pattern else None
        self._parse = _simple_parser(pattern) if pattern else None
        self._defaults = config.flag("replace.null.with.default")
        self._schemas = SchemaCache(self._make_schema)

    def apply(self, record: R) -> R | None:
        schema, value = self.schema_of(record), self.value_of(record)
        if not self._field:
            made = None if schema is None else self._target_schema(schema.optional)
            return self.changed(record, made, self._converted(value))
        if value is None:
            return record
        source = self.struct_of(record, "timestamp conversion")
        if schema is None:
            return self.changed(record, None, source | {self._field: self._converted(source.get(self._field))})
        values = {f.name: or_default(source.get(f.name), f.schema, self._defaults) for f in schema.fields}
        if self._field in values:
            values[self._field] = self._converted(values[self._field])
        return self.changed(record, self._schemas(schema), values)

    def _make_schema(self, schema: ConnectSchema) -> ConnectSchema:
        found = schema.field(self._field)
        if found is not None and found.name not in _MOMENTS and found.type not in (s.Type.STRING, s.Type.INT64):
            raise TransformError(f"Field {self._field} of type {found.type} does not hold a known timestamp type")
        fields = [
            Field(f.name, self._target_schema(f.schema.optional)) if f.name == self._field else f for f in schema.fields
        ]
        return replace(with_fields(schema, fields), optional=schema.optional)

    def _target_schema(self, optional: bool) -> ConnectSchema:
        schemas = {
            "string": s.STRING, "unix": s.INT64, "Date": s.DATE_SCHEMA, "Time": s.TIME_SCHEMA,
            "Timestamp": s.TIMESTAMP_SCHEMA,
        }  # fmt: skip
        found = schemas[self._target]
        return found.as_optional() if optional else found

    def _converted(self, value: Any) -> Any:
        if value is None:
            return None
        ms = self._ms_of(value)
        match self._target:
            case "Date":
                return s.date_of_days(ms // _DAY_MS)
            case "Time":
                return s.time_of_ms(ms % _DAY_MS)
            case "Timestamp":
                return s.timestamp_of_ms(ms)
            case "unix":
                return ms // 1000 if self._precision == "seconds" else ms * _PER_MS[self._precision]
            case _:
                assert self._text is not None
                return self._text(ms)

    def _ms_of(self, value: Any) -> int:
        if isinstance(value, datetime):
            return s.ms_of_timestamp(value)
        if isinstance(value, date):
            return s.days_of_date(value) * _DAY_MS
        if isinstance(value, time):
            return s.ms_of_time(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value * 1000 if self._precision == "seconds" else value // _PER_MS[self._precision]
        if isinstance(value, str):
            return self._ms_of_text(value)
        raise TransformError(f"TimestampConverter does not support {type(value).__name__} objects as timestamps")

    def _ms_of_text(self, text: str) -> int:
        if self._parse is None:
            raise TransformError(
                "TimestampConverter requires format option to be specified when using string timestamps"
            )
        try:
            return self._parse(text)
        except HeadwaterError as error:
            raise TransformError(f"Could not parse timestamp: value ({text}) does not match pattern: {error}") from None
