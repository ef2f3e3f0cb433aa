"""What a single-message transform is, and what it works upon: the key, the value, or the whole record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from headwater.connect.config import Config, ConfigDef
from headwater.connect.errors import UsageError
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.schema import ConnectSchema, Field, Type
from headwater.core.errors import DataError

R = TypeVar("R", SourceRecord, SinkRecord)


class Side(StrEnum):
    """What follows the `$` of a class name."""

    KEY = "Key"
    VALUE = "Value"
    WHOLE = ""


class TransformError(DataError):
    """A transform cannot be applied to a record."""


class Transform(ABC):
    """One change of records. `apply` returns the record, a changed copy, or None to leave it out; it raises
    `TransformError`, and the record's own values and schemas stay as they are."""

    names: ClassVar[tuple[str, ...]]
    """Class names that select it, the original's first, without `$Key` and `$Value`."""
    sided: ClassVar[bool] = True
    """Whether the class name says key or value."""
    config: ClassVar[ConfigDef] = ConfigDef()

    def __init__(self, settings: Mapping[str, str], side: Side = Side.WHOLE) -> None:
        parsed = self.config.parse(settings)
        for problems in parsed.errors.values():
            raise UsageError(problems[0])
        self.side = side
        self.configure(parsed.config)

    @abstractmethod
    def configure(self, config: Config) -> None:
        """Take the settings. Raises `UsageError`."""

    @abstractmethod
    def apply(self, record: R) -> R | None:
        """See the class."""

    def schema_of(self, record: SourceRecord | SinkRecord) -> ConnectSchema | None:
        """The schema of the side."""
        return record.key_schema if self.side is Side.KEY else record.value_schema

    def value_of(self, record: SourceRecord | SinkRecord) -> Any:
        """The value of the side."""
        return record.key if self.side is Side.KEY else record.value

    def changed(self, record: R, schema: ConnectSchema | None, value: Any) -> R:
        """The record with another schema and value on the side."""
        if self.side is Side.KEY:
            return record.replace(key_schema=schema, key=value)
        return record.replace(value_schema=schema, value=value)

    def struct_of(self, record: SourceRecord | SinkRecord, purpose: str) -> dict[str, Any]:
        """The value as a struct or map. Raises `TransformError` for others."""
        value = self.value_of(record)
        if not isinstance(value, dict):
            kind = "null" if value is None else type(value).__name__
            raise TransformError(f"Only Struct and Map objects supported for [{purpose}], found: {kind}")
        return value


Made = Callable[[ConnectSchema], ConnectSchema]


class SchemaCache:
    """A schema made of another, once."""

    def __init__(self, make: Made) -> None:
        self._make = make
        self._made: dict[ConnectSchema, ConnectSchema] = {}

    def __call__(self, schema: ConnectSchema) -> ConnectSchema:
        found = self._made.get(schema)
        if found is None:
            if len(self._made) >= 16:  # as many as the originals keep
                self._made.clear()
            found = self._made[schema] = self._make(schema)
        return found


def with_fields(schema: ConnectSchema, fields: tuple[Field, ...] | list[Field]) -> ConnectSchema:
    """A STRUCT with other fields; name, version, documentation and parameters are kept, as the originals do."""
    return ConnectSchema(
        Type.STRUCT, name=schema.name, version=schema.version, doc=schema.doc, parameters=schema.parameters,
        fields=tuple(fields),
    )  # fmt: skip


def or_default(value: Any, schema: ConnectSchema, use_default: bool) -> Any:
    """A field's value, or its default in the place of a null."""
    return schema.default if value is None and use_default else value
