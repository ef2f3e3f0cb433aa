"""Tables of datasets in one SQLite file: what a data warehouse is to the BigQuery sink, with no install.

Each table is one of SQLite named `dataset.table`, which any tool for SQLite shows; records and arrays are JSON in it.
Columns are given as BigQuery's REST API gives them (`name`, `type`, `mode`, `fields`), and what does not fit a column
is refused, as there. Calls block as long as SQLite does: use them through `asyncio.to_thread`.

    store = DatasetStore(folder)
    store.tables()                          # {("workshop", "promotions"): 12}
    store.rows("workshop", "promotions")    # [{"PROD_ID": 1, ...}, ...]
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.connect.embedded.sqlite import connected, writing
from headwater.core.errors import HeadwaterError

FILE = "datasets.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS "tables" (
  dataset TEXT NOT NULL, name TEXT NOT NULL, columns TEXT NOT NULL, PRIMARY KEY (dataset, name)
) WITHOUT ROWID;
"""
_ROW_ID = "_row_id"
_SQL_TYPES: Mapping[str, str] = {"INTEGER": "INTEGER", "FLOAT": "REAL", "BOOLEAN": "INTEGER"}
_PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "INTEGER": int, "FLOAT": (int, float, str), "BOOLEAN": bool, "RECORD": dict, "STRING": str, "BYTES": str,
}  # fmt: skip

Column = Mapping[str, Any]
Refused = list[tuple[int, str]]


class NoTableError(HeadwaterError):
    """Rows for a table that is not there."""


@dataclass(frozen=True)
class Keyed:
    """A row in the place of the one with its key; with `values` None that one goes away."""

    key: Mapping[str, Any]
    values: Mapping[str, Any] | None


class DatasetStore:
    """The tables in a folder. Several processes may use one at the same time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        with connected(self._path) as connection:
            connection.executescript(_SCHEMA)

    def tables(self) -> dict[tuple[str, str], int]:
        """How many rows each table has, by dataset and name."""
        with connected(self._path) as connection:
            names = connection.execute("SELECT dataset, name FROM tables ORDER BY dataset, name").fetchall()
            return {place: connection.execute(f"SELECT COUNT(*) FROM {_table(*place)}").fetchone()[0]
                    for place in names}  # fmt: skip

    def columns(self, dataset: str, name: str) -> list[Column] | None:
        """Of a table; None if there is none."""
        with connected(self._path) as connection:
            return _columns(connection, dataset, name)

    def define(self, dataset: str, name: str, columns: Sequence[Column]) -> None:
        """Make a table, or give it more columns. Its rows and the columns that it has stay."""
        with writing(self._path) as connection:
            held = _columns(connection, dataset, name)
            if held is None:
                connection.execute(f"CREATE TABLE {_table(dataset, name)} ({_ROW_ID} TEXT UNIQUE)")
            have = {one["name"].lower(): one for one in held or ()}
            for column in columns:
                if column["name"].lower() not in have:
                    connection.execute(f"ALTER TABLE {_table(dataset, name)} ADD COLUMN {_sql_column(column)}")
                have[column["name"].lower()] = column
            row = (dataset, name, json.dumps(list(have.values())))
            connection.execute("INSERT OR REPLACE INTO tables VALUES (?, ?, ?)", row)

    def drop(self, dataset: str, name: str) -> None:
        """Take a table away, if there is one."""
        with writing(self._path) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {_table(dataset, name)}")
            connection.execute("DELETE FROM tables WHERE dataset = ? AND name = ?", (dataset, name))

    def insert(self, dataset: str, name: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Refused:
        """Add (id, values) rows; one whose id is there is left out. (position, reason) of what does not fit.

        Raises `NoTableError`.
        """
        with writing(self._path) as connection:
            columns = _by_name(connection, dataset, name)
            refused: Refused = []
            runs: list[tuple[tuple[str, ...], list[list[Any]]]] = []
            for at, (row_id, values) in enumerate(rows):
                if (problem := misfit(columns, values)) is not None:
                    refused.append((at, problem))
                    continue
                stored = {_ROW_ID: row_id, **_stored(columns, values)}
                if not runs or runs[-1][0] != tuple(stored):
                    runs.append((tuple(stored), []))
                runs[-1][1].append(list(stored.values()))
            for names, some in runs:
                _insert(connection, _table(dataset, name), names, some)
        return refused

    def merge(self, dataset: str, name: str, key: Sequence[str], rows: Sequence[Keyed]) -> Refused:
        """Replace or delete rows by the values of these columns. (position, reason) of what does not fit.

        Raises `NoTableError`.
        """
        with writing(self._path) as connection:
            columns = _by_name(connection, dataset, name)
            refused: Refused = []
            chosen = " AND ".join(f"{_quoted(one)} IS ?" for one in key)
            for at, row in enumerate(rows):
                if row.values is not None and (problem := misfit(columns, row.values)) is not None:
                    refused.append((at, problem))
                    continue
                held = _stored(columns, row.key)
                values = [held.get(columns[one.lower()]["name"]) for one in key]
                connection.execute(f"DELETE FROM {_table(dataset, name)} WHERE {chosen}", values)
                if row.values is not None:
                    stored = _stored(columns, row.values)
                    _insert(connection, _table(dataset, name), tuple(stored), [list(stored.values())])
        return refused

    def rows(self, dataset: str, name: str, limit: int = 1000, offset: int = 0) -> list[dict[str, Any]]:
        """Rows in the order they came, none of a table that is not there; nulls are left out."""
        with connected(self._path) as connection:
            columns = _columns(connection, dataset, name)
            if columns is None:
                return []
            names = ", ".join(_quoted(one["name"]) for one in columns)
            query = f"SELECT {names} FROM {_table(dataset, name)} ORDER BY rowid LIMIT ? OFFSET ?"
            found = connection.execute(query, (limit, offset)).fetchall()
        return [
            {one["name"]: _loaded(one, value) for one, value in zip(columns, row, strict=True) if value is not None}
            for row in found
        ]


def misfit(columns: Mapping[str, Column], values: Mapping[str, Any]) -> str | None:
    """Why values do not fit columns (by name in lower case), or None."""
    names = {str(name).lower() for name in values}
    for name, value in values.items():
        column = columns.get(name.lower())
        if column is None:
            return f"no such field: {name}."
        if (problem := _misfit(column, value)) is not None:
            return problem
    missing = [
        one["name"] for one in columns.values() if one.get("mode") == "REQUIRED" and one["name"].lower() not in names
    ]
    return f"Missing required field: {missing[0]}." if missing else None


def _misfit(column: Column, value: Any) -> str | None:
    if column.get("mode") == "REPEATED":
        if not isinstance(value, list):
            return f"Array specified for non-repeated field, or the other way round: {column['name']}."
        single = {**column, "mode": "NULLABLE"}
        return next((problem for one in value if (problem := _misfit(single, one)) is not None), None)
    if column["type"] == "RECORD" and isinstance(value, dict):
        return misfit({one["name"].lower(): one for one in column.get("fields", ())}, value)
    kind = _PYTHON.get(column["type"], object)
    if not isinstance(value, kind) or (isinstance(value, bool) and column["type"] != "BOOLEAN"):
        return f"Cannot convert value to {column['type'].lower()}: field {column['name']}."
    return None


def _columns(connection: sqlite3.Connection, dataset: str, name: str) -> list[Column] | None:
    query = "SELECT columns FROM tables WHERE dataset = ? AND name = ?"
    row = connection.execute(query, (dataset, name)).fetchone()
    return None if row is None else json.loads(row[0])


def _by_name(connection: sqlite3.Connection, dataset: str, name: str) -> dict[str, Column]:
    columns = _columns(connection, dataset, name)
    if columns is None:
        raise NoTableError(f"There is no table {dataset}.{name}: make it with define")
    return {one["name"].lower(): one for one in columns}


def _insert(connection: sqlite3.Connection, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    markers = ", ".join("?" * len(names))
    columns = ", ".join(map(_quoted, names))
    connection.executemany(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({markers})", rows)


def _stored(columns: Mapping[str, Column], values: Mapping[str, Any]) -> dict[str, Any]:
    found = {columns[name.lower()]["name"]: value for name, value in values.items()}
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        for name, value in found.items()
    }


def _loaded(column: Column, value: Any) -> Any:
    if column.get("mode") == "REPEATED" or column["type"] == "RECORD":
        return json.loads(value)
    return bool(value) if column["type"] == "BOOLEAN" else value


def _sql_column(column: Column) -> str:
    kind = "TEXT" if column.get("mode") == "REPEATED" else _SQL_TYPES.get(column["type"], "TEXT")
    return f"{_quoted(column['name'])} {kind}"


def _table(dataset: str, name: str) -> str:
    return _quoted(f"{dataset}.{name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
