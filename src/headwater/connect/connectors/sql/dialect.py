"""The SQL of each database: types, quoting, and statements that write rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from headwater.connect import schema as s
from headwater.connect.connectors.sql.rows import Column
from headwater.connect.schema import Type

_TYPES: Mapping[Type, str] = {
    Type.INT8: "SMALLINT", Type.INT16: "SMALLINT", Type.INT32: "INTEGER", Type.INT64: "BIGINT", Type.FLOAT32: "REAL",
    Type.FLOAT64: "DOUBLE PRECISION", Type.BOOLEAN: "BOOLEAN", Type.STRING: "TEXT", Type.BYTES: "BYTEA",
    Type.ARRAY: "TEXT", Type.MAP: "TEXT", Type.STRUCT: "TEXT",
}  # fmt: skip
_JSON = msgspec.json.Encoder(decimal_format="number").encode


def _marker(number: int) -> str:
    return "?"


@dataclass(frozen=True)
class Dialect:
    """How a database writes things. `conflict` is `standard` (ON CONFLICT), `mysql`, or `none`."""

    name: str
    types: Mapping[Type, str] = field(default_factory=dict)
    quote: str = '"'
    conflict: str = "standard"
    marker: Callable[[int], str] = _marker
    text_key: str = "TEXT"
    moments_as_text: bool = False
    decimals_as_text: bool = False

    def quoted(self, name: str) -> str:
        """An identifier; dots part schema and table."""
        return ".".join(f"{self.quote}{p.replace(self.quote, self.quote * 2)}{self.quote}" for p in name.split("."))

    def column(self, name: str) -> str:
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def type_of(self, column: Column) -> str:
        schema = column.schema or s.OPTIONAL_STRING
        if schema.name == s.DECIMAL and not self.decimals_as_text:
            return f"DECIMAL({schema.precision or 38},{schema.scale})"
        named = {s.DECIMAL: "TEXT", s.DATE: "DATE", s.TIME: "TIME", s.TIMESTAMP: "TIMESTAMP"}
        if schema.name in named:
            return named[schema.name]
        if column.is_key and schema.type is Type.STRING:
            return self.text_key
        return self.types.get(schema.type, _TYPES[schema.type])

    def create(self, table: str, columns: Sequence[Column]) -> str:
        parts = [f"{self.column(c.name)} {self.type_of(c)}{'' if c.nullable else ' NOT NULL'}" for c in columns]
        keys = [self.column(c.name) for c in columns if c.is_key]
        if keys:
            parts.append(f"PRIMARY KEY ({', '.join(keys)})")
        return f"CREATE TABLE {self.quoted(table)} ({', '.join(parts)})"

    def add_column(self, table: str, column: Column) -> str:
        return f"ALTER TABLE {self.quoted(table)} ADD COLUMN {self.column(column.name)} {self.type_of(column)}"

    def insert(self, table: str, columns: Sequence[Column]) -> str:
        names = ", ".join(self.column(c.name) for c in columns)
        markers = ", ".join(self.marker(i) for i in range(1, len(columns) + 1))
        return f"INSERT INTO {self.quoted(table)} ({names}) VALUES ({markers})"

    def upsert(self, table: str, columns: Sequence[Column]) -> str:
        """An INSERT that overwrites the row of the same key."""
        keys = [self.column(c.name) for c in columns if c.is_key]
        others = [self.column(c.name) for c in columns if not c.is_key]
        insert = self.insert(table, columns)
        if self.conflict == "mysql":
            changes = ", ".join(f"{name}=VALUES({name})" for name in others or keys)
            return f"{insert} ON DUPLICATE KEY UPDATE {changes}"
        changes = ", ".join(f"{name}=EXCLUDED.{name}" for name in others)
        return f"{insert} ON CONFLICT ({', '.join(keys)}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"

    def update(self, table: str, columns: Sequence[Column]) -> str:
        """An UPDATE; its parameters are the other columns before those of the key."""
        others = [c for c in columns if not c.is_key]
        changes = ", ".join(f"{self.column(c.name)}={self.marker(i)}" for i, c in enumerate(others, 1))
        return f"UPDATE {self.quoted(table)} SET {changes} WHERE {self._where(columns, len(others))}"

    def delete(self, table: str, columns: Sequence[Column]) -> str:
        return f"DELETE FROM {self.quoted(table)} WHERE {self._where(columns, 0)}"

    def _where(self, columns: Sequence[Column], before: int) -> str:
        keys = [c for c in columns if c.is_key]
        return " AND ".join(f"{self.column(c.name)}={self.marker(before + i)}" for i, c in enumerate(keys, 1))

    def value(self, value: Any) -> Any:
        """A value as the driver takes it: moments in UTC, structures as JSON text."""
        if isinstance(value, dict | list):
            return _JSON(value).decode()
        if isinstance(value, datetime):
            naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return naive.isoformat(" ", "milliseconds") if self.moments_as_text else naive
        if isinstance(value, date | time) and self.moments_as_text:
            return value.isoformat()
        return str(value) if isinstance(value, Decimal) and self.decimals_as_text else value


SQLITE = Dialect(
    "sqlite", {Type.BYTES: "BLOB", Type.INT64: "INTEGER", Type.FLOAT64: "REAL"}, moments_as_text=True,
    decimals_as_text=True,
)  # fmt: skip
DUCKDB = Dialect("duckdb", {Type.BYTES: "BLOB", Type.FLOAT64: "DOUBLE"})
_DIALECTS = {
    "sqlite": SQLITE,
    "postgresql": Dialect("postgresql"),
    "mysql": Dialect("mysql", {Type.BYTES: "LONGBLOB", Type.FLOAT64: "DOUBLE", Type.FLOAT32: "FLOAT"}, "`", "mysql",
                     text_key="VARCHAR(255)"),
    "mariadb": Dialect("mariadb", {Type.BYTES: "LONGBLOB", Type.FLOAT64: "DOUBLE", Type.FLOAT32: "FLOAT"}, "`", "mysql",
                       text_key="VARCHAR(255)"),
    "mssql": Dialect("mssql", {Type.BYTES: "VARBINARY(MAX)", Type.FLOAT64: "FLOAT", Type.BOOLEAN: "BIT",
                               Type.STRING: "NVARCHAR(MAX)"}, conflict="none", text_key="NVARCHAR(255)"),
    "oracle": Dialect("oracle", {Type.BYTES: "BLOB", Type.STRING: "CLOB", Type.BOOLEAN: "NUMBER(1)",
                                 Type.INT64: "NUMBER(19)"}, conflict="none", text_key="VARCHAR2(255)"),
}  # fmt: skip
_MARKERS: Mapping[str, Callable[[int], str]] = {
    "qmark": lambda number: "?", "format": lambda number: "%s", "pyformat": lambda number: "%s",
    "numeric": lambda number: f":{number}", "numeric_dollar": lambda number: f"${number}",
    "named": lambda number: f":{number}",
}  # fmt: skip


def dialect_of(name: str, paramstyle: str) -> Dialect:
    """The dialect of a database as SQLAlchemy calls it; what is unknown is taken for one that follows the standard."""
    found = _DIALECTS.get(name, Dialect(name))
    return Dialect(**{**{f: getattr(found, f) for f in found.__dataclass_fields__}, "marker": _MARKERS[paramstyle]})
