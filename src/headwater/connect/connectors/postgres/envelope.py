"""Debezium's envelope: the schemas of a table's records, and the functions that make keys and rows of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headwater.connect.connectors.postgres.columns import Column, Table
from headwater.connect.connectors.postgres.defaults import default_value
from headwater.connect.connectors.postgres.filters import Filters, Mask
from headwater.connect.connectors.postgres.mapped import Mapped, Reader
from headwater.connect.connectors.postgres.options import Options
from headwater.connect.connectors.postgres.pgoutput import UNCHANGED, Raw
from headwater.connect.connectors.postgres.types import TypeMap
from headwater.connect.schema import (
    INT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    ConnectSchema,
    Type,
    array,
    struct,
)

CONNECTOR = "postgresql"
VERSION = "3.2.3.Final"
"""What the records say about their maker: readers decide by it which fields there are, so it is the Debezium whose
records these are like."""

_SNAPSHOT = replace(
    STRING,
    optional=True,
    name="io.debezium.data.Enum",
    version=1,
    default="false",
    parameters={"allowed": "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},
)
SOURCE = struct(
    {
        "version": STRING, "connector": STRING, "name": STRING, "ts_ms": INT64, "snapshot": _SNAPSHOT, "db": STRING,
        "sequence": OPTIONAL_STRING, "ts_us": OPTIONAL_INT64, "ts_ns": OPTIONAL_INT64, "schema": STRING,
        "table": STRING, "txId": OPTIONAL_INT64, "lsn": OPTIONAL_INT64, "xmin": OPTIONAL_INT64,
    },
    "io.debezium.connector.postgresql.Source",
    version=1,
)  # fmt: skip
TRANSACTION_BLOCK = struct(
    {"id": STRING, "total_order": INT64, "data_collection_order": INT64}, "event.block", optional=True, version=1
)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def topic_name(prefix: str, delimiter: str, schema: str, table: str) -> str:
    """The topic of a table; what a topic's name cannot have is an underscore."""
    return _UNSAFE.sub("_", delimiter.join((prefix, schema, table)))


def envelope_schema(name: str, value: ConnectSchema) -> ConnectSchema:
    """The schema of a change of rows like `value`."""
    return struct(
        {
            "before": value, "after": value, "source": SOURCE, "transaction": TRANSACTION_BLOCK, "op": STRING,
            "ts_ms": OPTIONAL_INT64, "ts_us": OPTIONAL_INT64, "ts_ns": OPTIONAL_INT64,
        },
        f"{name}.Envelope",
        version=2,
    )  # fmt: skip


MESSAGE_KEY = struct({"prefix": OPTIONAL_STRING}, "io.debezium.connector.postgresql.MessageKey", version=1)
HEARTBEAT_KEY = struct({"serverName": STRING}, "io.debezium.connector.common.ServerNameKey", version=1)
HEARTBEAT_VALUE = struct({"ts_ms": INT64}, "io.debezium.connector.common.Heartbeat", version=1)
TRANSACTION_KEY = struct({"id": STRING}, "io.debezium.connector.common.TransactionMetadataKey", version=1)
TRANSACTION_VALUE = struct(
    {
        "status": STRING, "id": STRING, "event_count": OPTIONAL_INT64,
        "data_collections": replace(
            array(
                struct(
                    {"data_collection": STRING, "event_count": INT64}, "event.collection", optional=True, version=1
                ),
            ),
            optional=True,
        ),
        "ts_ms": INT64,
    },
    "io.debezium.connector.common.TransactionMetadataValue",
    version=1,
)  # fmt: skip


def message_schema(content: ConnectSchema) -> ConnectSchema:
    """The schema of what `pg_logical_emit_message` wrote."""
    message = struct(
        {"prefix": OPTIONAL_STRING, "content": content.as_optional()},
        "io.debezium.connector.postgresql.Message",
        version=1,
    )
    return struct(
        {
            "op": STRING, "ts_ms": OPTIONAL_INT64, "source": SOURCE, "transaction": TRANSACTION_BLOCK,
            "message": message,
        },
        "io.debezium.connector.postgresql.MessageValue",
        version=1,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Captured:
    """A column that is in the records: where it is in a row as sent, and how its value is read.

    `null` stands for a null (a masked one looks like any other value), `missing` for a value that an old row does not
    have, `untouched` for one that an update did not send.
    """

    index: int
    name: str
    read: Reader
    null: Any
    missing: Any
    untouched: Any
    schema: ConnectSchema


@dataclass(frozen=True, slots=True)
class TableRecords:
    """What is needed to make records of one table's changes, as its columns are now."""

    table: Table
    topic: str
    key_schema: ConnectSchema | None
    value_schema: ConnectSchema
    """The envelope's."""
    columns: tuple[Captured, ...]
    key_names: tuple[str, ...]
    sent: tuple[tuple[int, str, Reader, Any], ...]
    """The columns again, as the loop over a row wants them."""

    def row(self, raw: Sequence[Raw]) -> dict[str, Any]:
        """A complete row."""
        return {name: null if (text := raw[at]) is None else read(text) for at, name, read, null in self.sent}  # type: ignore[arg-type]

    def changed_row(self, raw: Sequence[Raw], old: Sequence[Raw] | None) -> dict[str, Any]:
        """A row after an update: large values that were not sent come from the old row, if that is complete."""
        if UNCHANGED not in raw:
            return self.row(raw)
        if old is not None:
            raw = [before if now is UNCHANGED else now for now, before in zip(raw, old, strict=True)]
        row: dict[str, Any] = {}
        for column in self.columns:
            text = raw[column.index]
            if text is UNCHANGED:
                row[column.name] = column.untouched
            else:
                row[column.name] = column.null if text is None else column.read(text)
        return row

    def key_row(self, raw: Sequence[Raw]) -> dict[str, Any]:
        """An old row of which only the key was sent: what must not be null gets its default, or a zero."""
        row: dict[str, Any] = {}
        for column in self.columns:
            text = raw[column.index]
            row[column.name] = column.read(text) if isinstance(text, bytes) else column.missing
        return row

    def key(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record's key."""
        return {name: row[name] for name in self.key_names} if self.key_schema is not None else None


def table_records(
    table: Table, types: TypeMap, filters: Filters, options: Options, prefix: str, delimiter: str
) -> TableRecords:
    """How the records of a table look."""
    columns = tuple(
        captured
        for index, column in enumerate(table.columns)
        if filters.takes_column(table.id, column.name)
        and (captured := _captured(index, column, types, options, filters.mask(table.id, column.name))) is not None
    )
    topic = topic_name(prefix, delimiter, table.id.schema, table.id.name)
    schemas = {column.name: column.schema for column in columns}
    value = struct(schemas, f"{topic}.Value", optional=True)
    wanted = filters.key_of(table.id) or table.key
    key_names = tuple(name for name in wanted if name in schemas)
    key_schema = struct({name: schemas[name] for name in key_names}, f"{topic}.Key") if key_names else None
    sent = tuple((column.index, column.name, column.read, column.null) for column in columns)
    return TableRecords(table, topic, key_schema, envelope_schema(topic, value), columns, key_names, sent)


def _captured(index: int, column: Column, types: TypeMap, options: Options, mask: Mask | None) -> Captured | None:
    mapped = types.column(column)
    if mapped is None:
        return None
    base, _ = types.base(column.type_oid)
    default = default_value(column.default, base.name if base else "", mapped)
    schema = replace(mapped.schema, optional=column.nullable, default=default)
    missing = None if column.nullable else mapped.fallback if default is None else default
    read, null = mapped.read, None
    if mask is not None and mapped.schema.type is Type.STRING:
        read, null = _composed(mask.apply, mapped.read), mask.apply("") if mask.whole else None
        schema = replace(schema, parameters={"masked": "true"} if mask.whole else schema.parameters)
    return Captured(index, column.name, read, null, missing, _untouched(mapped, options), schema)


def _composed(after: Callable[[str], str], first: Reader) -> Reader:
    return lambda raw: after(first(raw))


def _untouched(mapped: Mapped, options: Options) -> Any:
    """The placeholder in the column's type."""
    text = options.placeholder
    match mapped.schema.type:
        case Type.STRING:
            return text
        case Type.BYTES if mapped.schema.name is None:
            return text.encode()
        case Type.MAP:
            return {text: text}
        case Type.ARRAY if mapped.schema.value_schema is not None:
            return [text] if mapped.schema.value_schema.type is Type.STRING else [mapped.fallback]
        case _:
            return mapped.fallback
