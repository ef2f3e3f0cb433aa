"""Records as rows: JSON values as BigQuery's `insertAll` takes them, and the columns that they need: pure."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from headwater.connect import schema as s
from headwater.connect.connectors.bigquery.fields import (
    NULLABLE,
    REQUIRED,
    BigQueryField,
    Fields,
    Naming,
    field_of_schema,
    field_of_value,
    fields_of_schema,
    fields_of_values,
    joined,
)
from headwater.connect.record import SinkRecord
from headwater.connect.schema import ConnectSchema, Type

_VERBATIM = frozenset({*s.INTEGERS, Type.STRING, Type.BOOLEAN})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One row. `id` tells it apart from all others, so that the same record twice is one row. `values` None deletes the
    row of the key."""

    id: str
    values: Mapping[str, Any] | None
    key: Mapping[str, Any]
    """Values of the key's columns; empty where rows are only added."""


@dataclass(frozen=True)
class Shape:
    """How records become rows."""

    naming: Naming = field(default_factory=Naming)
    key_field: str = ""
    """Column for the record's key; empty: none, or with `keyed` a column for each field of the key."""
    data_field: str = ""
    """Column for topic, partition, offset and time of insertion."""
    keyed: bool = False
    """Whether a row is found by its key."""

    def row(self, record: SinkRecord, now_ms: int) -> tuple[Row, Fields]:
        """The row of a record and the columns that it needs. Raises `ValueError` for what is no row."""
        key, key_fields = self._key(record)
        place = f"{record.original_topic}-{record.partition}-{record.offset}"
        if record.value is None:
            return Row(place, None, key), key_fields
        if not isinstance(record.value, Mapping):
            raise ValueError(f"the value is no structure but {type(record.value).__name__}")
        schema = record.value_schema
        if schema is None:
            fields = fields_of_values(record.value, self.naming)
        else:
            fields = fields_of_schema(schema, self.naming)
        values = _structure(record.value, schema, self.naming)
        if key:
            values, fields = {**values, **key}, joined(key_fields, fields)
        if self.data_field:
            values[self.data_field] = _kafka_data(record, now_ms)
            fields = joined(fields, (BigQueryField(self.data_field, "RECORD", NULLABLE, _KAFKA_DATA),))
        return Row(place, values, key if self.keyed else {}), fields

    def _key(self, record: SinkRecord) -> tuple[dict[str, Any], Fields]:
        if not self.key_field and not self.keyed:
            return {}, ()
        key, schema = record.key, record.key_schema
        if key is None:
            if self.keyed:
                raise ValueError("the key is null, and rows are found by their key")
            return {}, ()
        if self.key_field:
            if schema is not None:
                column: BigQueryField | None = field_of_schema(self.key_field, schema.as_optional(), self.naming)
            else:
                column = field_of_value(self.key_field, key, self.naming)
            return {self.key_field: plain(key, schema, self.naming)}, () if column is None else (column,)
        if not isinstance(key, Mapping):
            raise ValueError("the key is a single value: name its column with kafkaKeyFieldName")
        fields = fields_of_values(key, self.naming) if schema is None else fields_of_schema(schema, self.naming)
        return _structure(key, schema, self.naming), fields


_KAFKA_DATA = (
    BigQueryField("topic", "STRING", REQUIRED),
    BigQueryField("partition", "INTEGER", REQUIRED),
    BigQueryField("offset", "INTEGER", REQUIRED),
    BigQueryField("insertTime", "TIMESTAMP"),
)


def _kafka_data(record: SinkRecord, now_ms: int) -> dict[str, Any]:
    return {
        "topic": record.original_topic,
        "partition": record.partition,
        "offset": record.offset,
        "insertTime": _moment(s.timestamp_of_ms(now_ms)),
    }


def plain(value: Any, schema: ConnectSchema | None, naming: Naming) -> Any:
    """A value as BigQuery's JSON has it. Raises `ValueError` for what it cannot hold."""
    match value:
        case bool() | str() | int() | None:
            return _named(value, schema)
        case float() | Decimal() | bytes() | date() | time():
            return _scalar(value, naming)
        case Mapping():
            if schema is None or schema.type is not Type.MAP:
                return _structure(value, schema, naming)
            return [
                {"key": plain(key, schema.key_schema, naming), "value": plain(one, schema.value_schema, naming)}
                for key, one in value.items()
            ]
        case list():
            item = None if schema is None else schema.value_schema
            return [plain(one, item, naming) for one in value]
    raise ValueError(f"BigQuery has no type for {type(value).__name__}")


def _scalar(value: float | Decimal | bytes | date | time, naming: Naming) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else _special(value)
        case Decimal():
            return float(value) if naming.decimals == "FLOAT" else str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return _moment(value)
    return value.isoformat()


def _structure(value: Mapping[str, Any], schema: ConnectSchema | None, naming: Naming) -> dict[str, Any]:
    """An object without its nulls: a column that is not there is null."""
    if schema is None:
        return {naming.name(str(name)): plain(one, None, naming) for name, one in value.items() if one is not None}
    found = {}
    for name, column, inner, verbatim in _columns(schema, naming):
        one = value.get(name)
        if one is None:
            one = inner.default
        if one is not None:
            found[column] = one if verbatim else plain(one, inner, naming)
    return found


@lru_cache(maxsize=1_000)
def _columns(schema: ConnectSchema, naming: Naming) -> tuple[tuple[str, str, ConnectSchema, bool], ...]:
    """Of each field of a STRUCT: its name, its column's, its schema, and whether JSON has its values as they are."""
    return tuple(
        (one.name, naming.name(one.name), one.schema, one.schema.name is None and one.schema.type in _VERBATIM)
        for one in schema.fields
    )


def _named(value: Any, schema: ConnectSchema | None) -> Any:
    """Debezium's times are numbers; BigQuery reads texts."""
    match None if schema is None or value is None else schema.name:
        case "io.debezium.time.Date":
            return s.date_of_days(value).isoformat()
        case "io.debezium.time.Timestamp":
            return _moment(s.timestamp_of_ms(value))
        case "io.debezium.time.MicroTimestamp":
            return _moment(_EPOCH + timedelta(microseconds=value))
    return value


def _moment(value: datetime) -> str:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
