"""Transforms that take a value out of a struct, or put it into one: ExtractField, HoistField, ValueToKey; and
SetSchemaMetadata, which names its schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.schema import ConnectSchema
from headwater.connect.transforms.api import R, SchemaCache, Transform, TransformError, or_default

DEFAULTS = Key("replace.null.with.default", Type.BOOLEAN, "Whether a default replaces a null.", default=True)


class ExtractField(Transform):
    """The value of one field takes the place of the struct."""

    names = ("org.apache.kafka.connect.transforms.ExtractField",)
    config = ConfigDef(
        Key("field", Type.STRING, "Name of the field; with V2 a path with dots."),
        Key("field.syntax.version", Type.STRING, "V2: dots lead into nested fields (KIP-821).", default="V1",
            choices=("V1", "V2")),
        DEFAULTS,
    )  # fmt: skip

    def configure(self, config: Config) -> None:
        self._field = config.text("field")
        self._path = split_path(self._field) if config.text("field.syntax.version") == "V2" else [self._field]
        self._defaults = config.flag("replace.null.with.default")

    def apply(self, record: R) -> R | None:
        schema, value = self.schema_of(record), self.value_of(record)
        if schema is None and value is not None and not isinstance(value, dict):
            self.struct_of(record, "field extraction")
        for step in self._path:
            inner = None if schema is None else schema.field(step)
            if schema is not None and inner is None:
                raise TransformError(f"Unknown field: {self._field}")
            value = value.get(step) if isinstance(value, dict) else None
            if inner is not None:
                value = or_default(value, inner, self._defaults)
            schema = inner
        return self.changed(record, schema, value)


def split_path(path: str) -> list[str]:
    """The steps of a path: dots part them, backticks keep them (KIP-821)."""
    steps, current, quoted = [], "", False
    for char in path:
        if char == "`":
            quoted = not quoted
        elif char == "." and not quoted:
            steps.append(current)
            current = ""
        else:
            current += char
    return [*steps, current]


class HoistField(Transform):
    """The value becomes the only field of a struct."""

    names = ("org.apache.kafka.connect.transforms.HoistField",)
    config = ConfigDef(Key("field", Type.STRING, "Name of the field."))

    def configure(self, config: Config) -> None:
        self._field = config.text("field")
        self._schemas = SchemaCache(lambda schema: s.struct([(self._field, schema)]))

    def apply(self, record: R) -> R | None:
        schema = self.schema_of(record)
        made = None if schema is None else self._schemas(schema)
        return self.changed(record, made, {self._field: self.value_of(record)})


class ValueToKey(Transform):
    """A new key of some of the value's fields."""

    names = ("org.apache.kafka.connect.transforms.ValueToKey",)
    sided = False
    config = ConfigDef(Key("fields", Type.LIST, "Names of the value's fields."), DEFAULTS)

    def configure(self, config: Config) -> None:
        self._fields = config.texts("fields")
        self._defaults = config.flag("replace.null.with.default")
        self._schemas = SchemaCache(self._make_schema)

    def apply(self, record: R) -> R | None:
        value = self.struct_of(record, "copying fields from value to key")
        schema = record.value_schema
        if schema is None:
            return record.replace(key_schema=None, key={name: value.get(name) for name in self._fields})
        made = self._schemas(schema)
        key = {f.name: or_default(value.get(f.name), f.schema, self._defaults) for f in made.fields}
        return record.replace(key_schema=made, key=key)

    def _make_schema(self, schema: ConnectSchema) -> ConnectSchema:
        fields = []
        for name in self._fields:
            found = schema.field(name)
            if found is None:
                raise TransformError(f"Field does not exist: {name}")
            fields.append((name, found))
        return s.struct(fields)


class SetSchemaMetadata(Transform):
    """Another name and version for a schema."""

    names = ("org.apache.kafka.connect.transforms.SetSchemaMetadata",)
    config = ConfigDef(
        Key("schema.name", Type.STRING, "Name to set.", default=None),
        Key("schema.version", Type.INT, "Version to set.", default=None),
        DEFAULTS,
    )

    def configure(self, config: Config) -> None:
        changes: dict[str, Any] = {"name": config["schema.name"], "version": config["schema.version"]}
        self._changes = {key: value for key, value in changes.items() if value is not None}
        self._schemas = SchemaCache(lambda schema: replace(schema, **self._changes))

    def apply(self, record: R) -> R | None:
        schema = self.schema_of(record)
        if schema is None:
            if self.value_of(record) is None:
                return record
            raise TransformError("Schema required for [updating schema metadata]")
        return self.changed(record, self._schemas(schema), self.value_of(record))
