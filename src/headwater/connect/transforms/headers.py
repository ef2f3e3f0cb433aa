"""Transforms of headers: InsertHeader, DropHeaders, HeaderFrom."""

from __future__ import annotations

from typing import Any

from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.converters.simple_header import SimpleHeaderConverter
from headwater.connect.errors import UsageError
from headwater.connect.record import Header
from headwater.connect.schema import ConnectSchema
from headwater.connect.transforms.api import R, SchemaCache, Transform, TransformError, with_fields
from headwater.connect.transforms.fields import DEFAULTS


class InsertHeader(Transform):
    """A header with a fixed value, whose type is guessed from the text."""

    names = ("org.apache.kafka.connect.transforms.InsertHeader",)
    sided = False
    config = ConfigDef(
        Key("header", Type.STRING, "The header's key."), Key("value.literal", Type.STRING, "The header's value.")
    )

    def configure(self, config: Config) -> None:
        literal = config.text("value.literal").encode()
        found = SimpleHeaderConverter({}, is_key=False).decode("", literal)
        self._header = Header(config.text("header"), found.value, found.schema)

    def apply(self, record: R) -> R | None:
        return record.replace(headers=(*record.headers, self._header))


class DropHeaders(Transform):
    """Takes headers away."""

    names = ("org.apache.kafka.connect.transforms.DropHeaders",)
    sided = False
    config = ConfigDef(Key("headers", Type.LIST, "Keys of the headers to drop."))

    def configure(self, config: Config) -> None:
        self._dropped = frozenset(config.texts("headers"))

    def apply(self, record: R) -> R | None:
        if not any(header.key in self._dropped for header in record.headers):
            return record
        return record.replace(headers=tuple(header for header in record.headers if header.key not in self._dropped))


class HeaderFrom(Transform):
    """Fields become headers, copied or moved."""

    names = ("org.apache.kafka.connect.transforms.HeaderFrom",)
    config = ConfigDef(
        Key("fields", Type.LIST, "Fields to take."),
        Key("headers", Type.LIST, "Keys of their headers, in the same order."),
        Key("operation", Type.STRING, "Whether the field stays.", choices=("move", "copy")),
        DEFAULTS,
    )

    def configure(self, config: Config) -> None:
        fields, headers = config.texts("fields"), config.texts("headers")
        if len(fields) != len(headers):
            raise UsageError("'fields' config must have the same number of elements as 'headers' config.")
        self._pairs = list(zip(fields, headers, strict=True))
        self._moves = config.text("operation") == "move"
        self._defaults = config.flag("replace.null.with.default")
        self._schemas = SchemaCache(self._make_schema)

    def apply(self, record: R) -> R | None:
        value, schema = self.struct_of(record, "header from"), self.schema_of(record)
        made = tuple(self._header(field, header, schema, value) for field, header in self._pairs)
        if not self._moves:
            return record.replace(headers=record.headers + made)
        moved = {field for field, _ in self._pairs}
        kept = {name: item for name, item in value.items() if name not in moved}
        changed = self.changed(record, None if schema is None else self._schemas(schema), kept)
        return changed.replace(headers=record.headers + made)

    def _header(self, field: str, header: str, schema: ConnectSchema | None, value: dict[str, Any]) -> Header:
        found = value.get(field)
        if schema is None:
            return Header(header, found)
        inner = schema.field(field)
        if inner is None:
            raise TransformError(f"Field does not exist: {field}")
        return Header(header, inner.default if found is None and self._defaults else found, inner)

    def _make_schema(self, schema: ConnectSchema) -> ConnectSchema:
        moved = {field for field, _ in self._pairs}
        return with_fields(schema, [f for f in schema.fields if f.name not in moved])
