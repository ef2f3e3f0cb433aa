"""Relational tables in one SQLite file: what a PostgreSQL database is to the CDC connector, with no install.

Columns have PostgreSQL's types and values its text forms, so that a captured change looks the same from either. Changes
are kept in the order of their commit, for a while (`embedded/history.py`). Calls block as long as SQLite does: use them
through `asyncio.to_thread`.

    store = TableStore(folder)
    store.create_table("orders", {"id": "bigint", "total": "numeric(10,2)", "placed": "timestamptz"}, key=["id"])
    with store.transaction() as transaction:
        transaction.insert("orders", {"id": 1, "total": "9.90"})
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from headwater.connect.embedded import history
from headwater.connect.embedded.history import History
from headwater.connect.embedded.sqlite import connected, writing
from headwater.core.errors import HeadwaterError

FILE = "tables.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tables (
  namespace TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, PRIMARY KEY (namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
  place INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE (namespace, name, key)
);
CREATE TABLE IF NOT EXISTS changes (
  lsn INTEGER PRIMARY KEY AUTOINCREMENT, xid INTEGER NOT NULL, at_us INTEGER NOT NULL, namespace TEXT NOT NULL,
  name TEXT NOT NULL, operation TEXT NOT NULL, before TEXT, after TEXT
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_HISTORY = History("lsn", "at_us / 1000", "namespace || '.' || name")

Texts = dict[str, str | None]
"""A row: PostgreSQL's text form of each value, by column."""


class TableError(HeadwaterError):
    """A write that the table refuses: the message names table, column and key."""


@dataclass(frozen=True)
class TableDefinition:
    """`columns` are types by name, as SQL writes them: `numeric(10,2) not null`."""

    namespace: str
    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"


@dataclass(frozen=True)
class RowChange:
    """One change: `operation` is c, u, d, t, or r for a row that was there."""

    lsn: int
    xid: int
    at_us: int
    namespace: str
    name: str
    operation: str
    before: Texts | None
    after: Texts | None


def text_form(value: Any) -> str | None:
    """PostgreSQL's text form of a Python value; texts are taken as they are."""
    match value:
        case None:
            return None
        case bool():
            return "t" if value else "f"
        case bytes():
            return "\\x" + value.hex()
        case datetime():
            moment = value if value.tzinfo is None else value.astimezone(UTC)
            return moment.replace(tzinfo=None).isoformat(" ") + ("" if value.tzinfo is None else "+00")
        case date():
            return value.isoformat()
        case Mapping() | list() | tuple():
            return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


class TableStore:
    """The tables in a folder. Several processes may use one at the same time."""

    def __init__(self, folder: Path, kept: History = _HISTORY) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._history = folder / FILE, kept
        with connected(self._path) as connection:
            connection.executescript(_SCHEMA + history.SCHEMA)

    def create_table(
        self, name: str, columns: Mapping[str, str], key: Sequence[str], *, namespace: str = "public"
    ) -> None:
        """Make a table, or give it other columns; its rows stay. Raises `TableError`."""
        if unknown := [column for column in key if column not in columns]:
            raise TableError(f"Table {namespace}.{name}: the key column {unknown[0]} is none of its columns")
        definition = json.dumps({"columns": dict(columns), "key": list(key)})
        with writing(self._path) as connection:
            connection.execute("INSERT OR REPLACE INTO tables VALUES (?, ?, ?)", (namespace, name, definition))

    def drop_table(self, name: str, *, namespace: str = "public") -> None:
        """Take a table away with its rows, its changes and its sequence; nothing happens if there is none."""
        with writing(self._path) as connection:
            for table in ("tables", "rows", "changes"):
                connection.execute(f"DELETE FROM {table} WHERE namespace = ? AND name = ?", (namespace, name))
            connection.execute("DELETE FROM counters WHERE name = ?", (f"{namespace}.{name}",))
            connection.execute("DELETE FROM forgotten WHERE scope = ?", (f"{namespace}.{name}",))

    def definitions(self) -> list[TableDefinition]:
        """All tables, by name."""
        with connected(self._path) as connection:
            rows = connection.execute("SELECT namespace, name, definition FROM tables ORDER BY 1, 2").fetchall()
        return [_definition(*row) for row in rows]

    @contextmanager
    def transaction(self) -> Iterator[TableTransaction]:
        """Writes that become visible, and are captured, together; an exception takes them back."""
        with writing(self._path) as connection:
            now_us = time.time_ns() // 1000
            yield TableTransaction(connection, _next(connection, "xid"), now_us)
            self._history.trim(connection, now_us // 1000)

    def rows(self, name: str, *, namespace: str = "public") -> list[Texts]:
        """All rows of a table, in the order they came."""
        with connected(self._path) as connection:
            found = connection.execute(
                "SELECT body FROM rows WHERE namespace = ? AND name = ? ORDER BY place", (namespace, name)
            )
            return [json.loads(body) for (body,) in found]

    def snapshot(self, names: Sequence[tuple[str, str]]) -> tuple[int, list[RowChange]]:
        """The place of the last change, and all rows of these tables at that place."""
        with connected(self._path) as connection:
            connection.execute("BEGIN")
            lsn = history.last_number(connection)
            now = time.time_ns() // 1000
            found = [
                RowChange(lsn, 0, now, namespace, name, "r", None, json.loads(body))
                for namespace, name in names
                for (body,) in connection.execute(
                    "SELECT body FROM rows WHERE namespace = ? AND name = ? ORDER BY place", (namespace, name)
                )
            ]
        return lsn, found

    def changes(self, after: int, limit: int, tables: Collection[str] = ()) -> list[RowChange]:
        """Changes after a place, in order. Raises `HistoryLostError` if some of these tables are not kept any more."""
        with connected(self._path) as connection:
            connection.execute("BEGIN")
            self._history.check(connection, after, tables)
            rows = connection.execute("SELECT * FROM changes WHERE lsn > ? ORDER BY lsn LIMIT ?", (after, limit))
            return [
                RowChange(lsn, xid, at_us, namespace, name, operation, _row(before), _row(now))
                for lsn, xid, at_us, namespace, name, operation, before, now in rows
            ]


class TableTransaction:
    """Writes of one transaction. A row's key is a mapping of the key's columns, or the one value of a single column."""

    def __init__(self, connection: sqlite3.Connection, xid: int, at_us: int) -> None:
        self._connection, self._xid, self._at_us = connection, xid, at_us

    def next_number(self, name: str, *, namespace: str = "public") -> int:
        """The next of a table's sequence, from 1, for keys that are numbered."""
        return _next(self._connection, f"{namespace}.{name}")

    def get(self, name: str, key: Any, *, namespace: str = "public") -> Texts:
        """A row as it is within this transaction. Raises `TableError` if there is no such row."""
        return self._existing(self._table(namespace, name), key)

    def insert(self, name: str, row: Mapping[str, Any], *, namespace: str = "public") -> Texts:
        """A new row; columns that are not given are null. Raises `TableError` if its key is taken."""
        table = self._table(namespace, name)
        after = self._checked(table, {column: text_form(row.get(column)) for column in table.columns}, row)
        if self._find(table, self._key(table, after)) is not None:
            raise TableError(f"Table {table} has a row with the key {self._key(table, after)} already")
        self._put(table, after)
        self._record(table, "c", None, after)
        return after

    def update(self, name: str, key: Any, changes: Mapping[str, Any], *, namespace: str = "public") -> Texts:
        """Other values in a row. Raises `TableError` if there is no such row."""
        table = self._table(namespace, name)
        before = self._existing(table, key)
        after = self._checked(table, {**before, **{c: text_form(value) for c, value in changes.items()}}, changes)
        if self._key(table, before) != self._key(table, after):
            self._remove(table, before)
        self._put(table, after)
        self._record(table, "u", before, after)
        return after

    def delete(self, name: str, key: Any, *, namespace: str = "public") -> Texts:
        """Take a row away; gives what it was. Raises `TableError` if there is no such row."""
        table = self._table(namespace, name)
        before = self._existing(table, key)
        self._remove(table, before)
        self._record(table, "d", before, None)
        return before

    def truncate(self, name: str, *, namespace: str = "public") -> None:
        """Take all rows away."""
        table = self._table(namespace, name)
        self._connection.execute("DELETE FROM rows WHERE namespace = ? AND name = ?", (namespace, name))
        self._record(table, "t", None, None)

    def _table(self, namespace: str, name: str) -> TableDefinition:
        found = self._connection.execute(
            "SELECT namespace, name, definition FROM tables WHERE namespace = ? AND name = ?", (namespace, name)
        ).fetchone()
        if found is None:
            raise TableError(f"There is no table {namespace}.{name}: make it with create_table")
        return _definition(*found)

    def _checked(self, table: TableDefinition, row: Texts, given: Mapping[str, Any]) -> Texts:
        if unknown := [column for column in given if column not in table.columns]:
            raise TableError(f"Table {table} has no column {unknown[0]}; it has {', '.join(table.columns)}")
        for column, kind in table.columns.items():
            if row.get(column) is None and ("not null" in kind.lower() or column in table.key):
                raise TableError(f"Table {table}: column {column} must not be null")
        return row

    def _key(self, table: TableDefinition, row: Mapping[str, str | None]) -> str:
        return json.dumps([row[column] for column in table.key])

    def _find(self, table: TableDefinition, key: str) -> Texts | None:
        found = self._connection.execute(
            "SELECT body FROM rows WHERE namespace = ? AND name = ? AND key = ?", (table.namespace, table.name, key)
        ).fetchone()
        return None if found is None else json.loads(found[0])

    def _existing(self, table: TableDefinition, key: Any) -> Texts:
        given = key if isinstance(key, Mapping) else dict.fromkeys(table.key, key)
        text = self._key(table, {column: text_form(given.get(column)) for column in table.key})
        found = self._find(table, text)
        if found is None:
            raise TableError(f"Table {table} has no row with the key {text}")
        return found

    def _put(self, table: TableDefinition, row: Texts) -> None:
        values = (table.namespace, table.name, self._key(table, row), json.dumps(row, ensure_ascii=False))
        self._connection.execute(
            "INSERT INTO rows (namespace, name, key, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (namespace, name, key) DO UPDATE SET body = excluded.body",
            values,
        )

    def _remove(self, table: TableDefinition, row: Texts) -> None:
        self._connection.execute(
            "DELETE FROM rows WHERE namespace = ? AND name = ? AND key = ?",
            (table.namespace, table.name, self._key(table, row)),
        )

    def _record(self, table: TableDefinition, operation: str, before: Texts | None, after: Texts | None) -> None:
        self._connection.execute(
            "INSERT INTO changes (xid, at_us, namespace, name, operation, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._xid, self._at_us, table.namespace, table.name, operation,
                None if before is None else json.dumps(before, ensure_ascii=False),
                None if after is None else json.dumps(after, ensure_ascii=False),
            ),
        )  # fmt: skip


def _next(connection: sqlite3.Connection, counter: str) -> int:
    query = "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    (value,) = connection.execute(query, (counter,)).fetchone()
    return int(value)


def _definition(namespace: str, name: str, definition: str) -> TableDefinition:
    found = json.loads(definition)
    return TableDefinition(namespace, name, found["columns"], tuple(found["key"]))


def _row(text: str | None) -> Texts | None:
    return None if text is None else json.loads(text)
