"""Transforms that change which fields a struct has: InsertField, ReplaceField, MaskField, Flatten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.errors import UsageError
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.schema import ConnectSchema, Field
from headwater.connect.transforms.api import R, SchemaCache, Transform, TransformError, or_default, with_fields
from headwater.connect.transforms.fields import DEFAULTS

_Read = Callable[[SourceRecord | SinkRecord], Any]


class InsertField(Transform):
    """Fields with the record's topic, partition, offset or time, or with a text."""

    names = ("org.apache.kafka.connect.transforms.InsertField",)
    config = ConfigDef(
        Key("topic.field", Type.STRING, "Field for the topic; `!` after it: required, `?`: optional.", default=None),
        Key("partition.field", Type.STRING, "Field for the partition.", default=None),
        Key("offset.field", Type.STRING, "Field for the offset, in sinks.", default=None),
        Key("timestamp.field", Type.STRING, "Field for the record's time.", default=None),
        Key("static.field", Type.STRING, "Field for a text.", default=None),
        Key("static.value", Type.STRING, "That text.", default=None),
        DEFAULTS,
    )

    def configure(self, config: Config) -> None:
        static = config["static.value"]
        if config["static.field"] is not None and static is None:
            raise UsageError("No value specified for static field: set static.value")
        sources: dict[str, tuple[ConnectSchema, _Read]] = {
            "topic.field": (s.STRING, lambda record: record.topic),
            "partition.field": (s.INT32, lambda record: record.partition),
            "offset.field": (s.INT64, _offset),
            "timestamp.field": (s.TIMESTAMP_SCHEMA, lambda record: record.timestamp_ms),
            "static.field": (s.STRING, lambda record: static),
        }
        self._inserted = [
            (name.rstrip("!?"), schema if name.endswith("!") else schema.as_optional(), read)
            for key, (schema, read) in sources.items()
            if (name := config[key]) is not None
        ]
        if not self._inserted:
            raise UsageError("No field insertion configured")
        self._defaults = config.flag("replace.null.with.default")
        self._schemas = SchemaCache(self._make_schema)

    def apply(self, record: R) -> R | None:
        if self.value_of(record) is None:
            return record
        value = self.struct_of(record, "field insertion")
        schema = self.schema_of(record)
        if schema is None:
            return self.changed(record, None, value | {name: read(record) for name, _, read in self._inserted})
        made = {f.name: or_default(value.get(f.name), f.schema, self._defaults) for f in schema.fields}
        for name, field_schema, read in self._inserted:
            found = read(record)
            is_time = field_schema.name == s.TIMESTAMP and found is not None
            made[name] = s.timestamp_of_ms(found) if is_time else found
        return self.changed(record, self._schemas(schema), made)

    def _make_schema(self, schema: ConnectSchema) -> ConnectSchema:
        return with_fields(schema, [*schema.fields, *(Field(name, inner) for name, inner, _ in self._inserted)])


def _offset(record: SourceRecord | SinkRecord) -> Any:
    if isinstance(record, SinkRecord):
        return record.offset
    raise TransformError("Offset insertion is only supported for sink connectors")


class ReplaceField(Transform):
    """Leaves fields out, or in, and renames them."""

    names = ("org.apache.kafka.connect.transforms.ReplaceField",)
    config = ConfigDef(
        Key("exclude", Type.LIST, "Fields to leave out.", default=(), aliases=("blacklist",)),
        Key("include", Type.LIST, "Fields to keep; empty: all.", default=(), aliases=("whitelist",)),
        Key("renames", Type.LIST, "Pairs old:new.", default=()),
        DEFAULTS,
    )

    def configure(self, config: Config) -> None:
        self._exclude, self._include = frozenset(config.texts("exclude")), frozenset(config.texts("include"))
        self._renames: dict[str, str] = {}
        for pair in config.texts("renames"):
            old, colon, new = pair.partition(":")
            if not colon or not old or not new:
                raise UsageError(f"Invalid value {pair} for configuration renames: Invalid rename mapping")
            self._renames[old.strip()] = new.strip()
        self._defaults = config.flag("replace.null.with.default")
        self._schemas = SchemaCache(self._make_schema)

    def apply(self, record: R) -> R | None:
        schema = self.schema_of(record)
        if self.value_of(record) is None:
            return record if schema is None else self.changed(record, self._schemas(schema), None)
        value = self.struct_of(record, "field replacement")
        renamed = self._renames.get
        if schema is None:
            return self.changed(record, None, {renamed(k, k): v for k, v in value.items() if self._keeps(k)})
        made = {
            renamed(f.name, f.name): or_default(value.get(f.name), f.schema, self._defaults)
            for f in schema.fields
            if self._keeps(f.name)
        }
        return self.changed(record, self._schemas(schema), made)

    def _keeps(self, name: str) -> bool:
        return name not in self._exclude and (not self._include or name in self._include)

    def _make_schema(self, schema: ConnectSchema) -> ConnectSchema:
        kept = [Field(self._renames.get(f.name, f.name), f.schema) for f in schema.fields if self._keeps(f.name)]
        return replace(with_fields(schema, kept), optional=schema.optional)


_EMPTY: tuple[tuple[type | tuple[type, ...], Any], ...] = (
    (bool, False), (int, 0), (float, 0.0), (str, ""),
    (datetime, datetime(1970, 1, 1, tzinfo=UTC)), (date, date(1970, 1, 1)), (time, time()), (list, []), (dict, {}),
)  # fmt: skip


class MaskField(Transform):
    """The null of its type, or a replacement, in the place of a field's value."""

    names = ("org.apache.kafka.connect.transforms.MaskField",)
    config = ConfigDef(
        Key("fields", Type.LIST, "Fields to mask."),
        Key("replacement", Type.STRING, "What takes the place of texts and numbers.", default=None),
        DEFAULTS,
    )

    def configure(self, config: Config) -> None:
        self._fields, self._replacement = config.texts("fields"), config["replacement"]
        self._defaults = config.flag("replace.null.with.default")

    def apply(self, record: R) -> R | None:
        if self.value_of(record) is None:
            return record
        value = self.struct_of(record, "mask fields")
        schema = self.schema_of(record)
        made = dict(value) if schema is None else {
            f.name: or_default(value.get(f.name), f.schema, self._defaults) for f in schema.fields
        }  # fmt: skip
        for name in self._fields:
            if made.get(name) is not None:
                made[name] = self._masked(made[name])
            elif schema is None:
                made[name] = None  # as the original does
        return self.changed(record, schema, made)

    def _masked(self, value: Any) -> Any:
        if self._replacement is not None:
            return self._replaced(value, self._replacement)
        if isinstance(value, Decimal):
            return value * 0  # which keeps its fraction digits, as its schema wants
        for kinds, empty in _EMPTY:
            if isinstance(value, kinds):
                return empty
        raise TransformError(f"Cannot mask value of type {type(value).__name__}")

    @staticmethod
    def _replaced(value: Any, text: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise TransformError(f"Cannot mask value of type {type(value).__name__} with custom replacement value.")
        try:
            return type(value)(text)
        except (ValueError, InvalidOperation):
            raise TransformError(
                f"Unable to convert {text} to a number of type {type(value).__name__} for masking"
            ) from None


class Flatten(Transform):
    """Nested fields become fields of the outer struct, their names joined."""

    names = ("org.apache.kafka.connect.transforms.Flatten",)
    config = ConfigDef(Key("delimiter", Type.STRING, "What joins the names.", default="."))

    def configure(self, config: Config) -> None:
        self._delimiter = config.text("delimiter")
        self._schemas = SchemaCache(self._make_schema)

    def apply(self, record: R) -> R | None:
        schema = self.schema_of(record)
        if self.value_of(record) is None:
            return record if schema is None else self.changed(record, self._schemas(schema), None)
        value = self.struct_of(record, "flattening")
        if schema is None:
            return self.changed(record, None, dict(self._members(value, "")))
        return self.changed(record, self._schemas(schema), dict(self._values(schema, value, "")))

    def _members(self, value: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name, item in value.items():
            if isinstance(item, dict):
                yield from self._members(item, f"{prefix}{name}{self._delimiter}")
            else:
                yield prefix + name, item

    def _values(self, schema: ConnectSchema, value: dict[str, Any] | None, prefix: str) -> Iterator[tuple[str, Any]]:
        for f in schema.fields:
            item = None if value is None else or_default(value.get(f.name), f.schema, True)
            if f.schema.type is s.Type.STRUCT:
                yield from self._values(f.schema, item, f"{prefix}{f.name}{self._delimiter}")
            else:
                yield prefix + f.name, item

    def _make_schema(self, schema: ConnectSchema) -> ConnectSchema:
        return replace(
            with_fields(schema, list(self._fields(schema, "", schema.optional))),
            optional=schema.optional,
            default=None if schema.default is None else dict(self._values(schema, schema.default, "")),
        )

    def _fields(self, schema: ConnectSchema, prefix: str, optional: bool) -> Iterator[Field]:
        for f in schema.fields:
            inner_optional = optional or f.schema.optional
            if f.schema.type is s.Type.STRUCT:
                yield from self._fields(f.schema, f"{prefix}{f.name}{self._delimiter}", inner_optional)
            else:
                yield Field(prefix + f.name, f.schema.as_optional() if inner_optional else f.schema)
