"""A record as a row of a table: its columns with their types, and which of them are the primary key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config
from headwater.connect.record import SinkRecord
from headwater.connect.schema import ConnectSchema
from headwater.core.errors import DataError

KAFKA_KEY = ("__connect_topic", "__connect_partition", "__connect_offset")
_JSON = ConnectSchema(s.Type.STRUCT)
"""Stands for any value that is written as a JSON document."""
_GUESSES: tuple[tuple[type | tuple[type, ...], ConnectSchema], ...] = (
    (bool, s.BOOLEAN), (int, s.INT64), (float, s.FLOAT64), (str, s.STRING), (bytes, s.BYTES),
    (Decimal, s.ConnectSchema(s.Type.FLOAT64)), (datetime, s.TIMESTAMP_SCHEMA), (date, s.DATE_SCHEMA),
    (time, s.TIME_SCHEMA), ((list, dict), _JSON),
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column; `schema` None where a record without a schema has a null."""

    name: str
    schema: ConnectSchema | None
    is_key: bool = False

    @property
    def nullable(self) -> bool:
        return not self.is_key and (self.schema is None or self.schema.optional)


@dataclass(frozen=True)
class Row:
    """What to do in a table: write these values, or delete the row of the key where `deletes`."""

    table: str
    columns: tuple[Column, ...]
    values: tuple[Any, ...]
    deletes: bool = False


@dataclass(frozen=True)
class RowShape:
    """How records become rows, from a sink's configuration."""

    table_format: str
    pk_mode: str
    pk_fields: tuple[str, ...]
    fields: frozenset[str]
    deletes: bool

    @classmethod
    def of(cls, config: Config) -> RowShape:
        return cls(
            config.text("table.name.format"), config.text("pk.mode"), tuple(config.texts("pk.fields")),
            frozenset(config.texts("fields.whitelist")), config.flag("delete.enabled"),
        )  # fmt: skip

    def row(self, record: SinkRecord) -> Row | None:
        """The row; None for a tombstone that is not to delete. Raises `DataError` for what cannot be a row."""
        table = self.table_format.replace("${topic}", record.topic)
        keys = self._keys(record)
        if record.value is None:
            if not self.deletes:
                return None
            if self.pk_mode != "record_key":
                raise DataError("delete.enabled needs pk.mode=record_key")
            return Row(table, tuple(keys), tuple(keys.values()), deletes=True)
        value = record.value
        if not isinstance(value, dict):
            raise DataError(f"A row needs a value that is a struct or an object, found: {type(value).__name__}")
        key_names = {column.name for column in keys}
        taken = {
            column: item
            for column, item in _members(value, record.value_schema)
            if column.name not in key_names and (not self.fields or column.name in self.fields)
        }
        found = {**keys, **taken}
        return Row(table, tuple(found), tuple(found.values()))

    def _keys(self, record: SinkRecord) -> dict[Column, Any]:
        match self.pk_mode:
            case "none":
                return {}
            case "kafka":
                names = self.pk_fields or KAFKA_KEY
                if len(names) != 3:
                    raise DataError("pk.mode=kafka needs three pk.fields: topic, partition, offset")
                values = (record.topic, record.partition, record.offset)
                schemas = (s.STRING, s.INT32, s.INT64)
                return {Column(n, schema, True): v for n, schema, v in zip(names, schemas, values, strict=True)}
            case "record_key":
                return self._of_key(record)
            case _:
                return self._of_value(record)

    def _of_key(self, record: SinkRecord) -> dict[Column, Any]:
        if record.key is None:
            raise DataError("The record has no key, but pk.mode=record_key")
        if isinstance(record.key, dict):
            found = {c.name: (c, v) for c, v in _members(record.key, record.key_schema)}
            names = [name for name in self.pk_fields if name in found] or list(found)
            return {Column(name, found[name][0].schema, True): found[name][1] for name in names}
        if len(self.pk_fields) != 1:
            raise DataError("The key is a single value: name its column with one pk.fields")
        schema = record.key_schema or _guess(record.key)
        return {Column(self.pk_fields[0], schema, True): record.key}

    def _of_value(self, record: SinkRecord) -> dict[Column, Any]:
        if not isinstance(record.value, dict):
            raise DataError("pk.mode=record_value needs a value that is a struct or an object")
        found = {c.name: (c, v) for c, v in _members(record.value, record.value_schema)}
        missing = [name for name in self.pk_fields if name not in found or found[name][1] is None]
        if missing or not self.pk_fields:
            raise DataError(f"The value has no field for the primary key: {', '.join(missing) or 'set pk.fields'}")
        return {Column(name, found[name][0].schema, True): found[name][1] for name in self.pk_fields}


def _members(value: Mapping[str, Any], schema: ConnectSchema | None) -> list[tuple[Column, Any]]:
    if schema is None:
        return [(Column(name, _guess(item)), item) for name, item in value.items()]
    return [
        (Column(f.name, f.schema), f.schema.default if value.get(f.name) is None else value[f.name])
        for f in schema.fields
    ]


def _guess(value: Any) -> ConnectSchema | None:
    for kinds, schema in _GUESSES:
        if isinstance(value, kinds):
            return schema.as_optional()
    return None


def runs(rows: Sequence[tuple[SinkRecord, Row]]) -> list[list[tuple[SinkRecord, Row]]]:
    """Neighbours that one statement serves: the same table, columns and kind."""
    made: list[list[tuple[SinkRecord, Row]]] = []
    last: Any = None
    for record, row in rows:
        shape = (row.table, tuple(column.name for column in row.columns), row.deletes)
        if shape != last:
            made.append([])
            last = shape
        made[-1].append((record, row))
    return made
