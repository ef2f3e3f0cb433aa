"""Where the rows are: the tables inside the node, or a PostgreSQL server. One transaction at a time, one per change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from model import TABLES, Row, ddl


class NoSuchRow(LookupError):
    """There is no row of that id."""


class Transaction(Protocol):
    """Rows read and written together. Numbers of rows are given out by `insert`."""

    def insert(self, table: str, values: Mapping[str, Any]) -> Row: ...
    def update(self, table: str, number: int, values: Mapping[str, Any]) -> Row: ...
    def delete(self, table: str, number: int) -> None: ...
    def get(self, table: str, number: int) -> Row: ...


class Database(Protocol):
    """A place for the rows. Reading and writing one that is not there raises `NoSuchRow`."""

    def transaction(self) -> AbstractContextManager[Transaction]: ...
    def rows(self, table: str) -> list[Row]: ...
    def drop(self) -> None: ...


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def value_of(kind: str, value: Any) -> Any:
    """A column's value as JSON has it: whole numbers, texts, and moments in UTC."""
    if value is None:
        return None
    if kind in ("bigint", "integer"):
        return int(value)
    if kind == "timestamptz":
        return iso(value if isinstance(value, datetime) else datetime.fromisoformat(value))
    return value


def row_of(table: str, found: Mapping[str, Any]) -> Row:
    return {column: value_of(kind, found[column]) for column, kind in TABLES[table].items()}


class EmbeddedDatabase:
    """The tables of a node, in its folder for services: what `database.hostname=embedded` captures."""

    def __init__(self, folder: Path) -> None:
        from headwater.connect.embedded.tables import TableStore

        self._store = TableStore(folder)
        known = {table.name for table in self._store.definitions()}
        for name in TABLES.keys() - known:
            self._store.create_table(name, TABLES[name], key=["id"])

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._store.transaction() as transaction:
            yield _Embedded(transaction)

    def rows(self, table: str) -> list[Row]:
        return [row_of(table, row) for row in self._store.rows(table)]

    def drop(self) -> None:
        for name in TABLES:
            self._store.drop_table(name)


class _Embedded:
    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction

    def insert(self, table: str, values: Mapping[str, Any]) -> Row:
        number = self._transaction.next_number(table)
        return row_of(table, self._transaction.insert(table, {"id": number, **_moments(table, values)}))

    def update(self, table: str, number: int, values: Mapping[str, Any]) -> Row:
        self.get(table, number)
        return row_of(table, self._transaction.update(table, number, _moments(table, values)))

    def delete(self, table: str, number: int) -> None:
        self.get(table, number)
        self._transaction.delete(table, number)

    def get(self, table: str, number: int) -> Row:
        from headwater.connect.embedded.tables import TableError

        try:
            return row_of(table, self._transaction.get(table, number))
        except TableError as error:
            raise NoSuchRow(str(error)) from None


def _moments(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Texts of moments as moments, which the tables write as PostgreSQL does."""
    kinds = TABLES[table]
    return {
        column: datetime.fromisoformat(value) if kinds[column] == "timestamptz" and value is not None else value
        for column, value in values.items()
    }


class PostgresDatabase:
    """A server, by an address such as postgresql://user:password@host/name; `pip install 'headwater[postgres]'`."""

    def __init__(self, address: str) -> None:
        import psycopg
        from psycopg.rows import dict_row

        self._connect = lambda: psycopg.connect(address, row_factory=dict_row)
        with self._connect() as connection:
            for statement in ddl():
                connection.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._connect() as connection:
            yield _Postgres(connection)

    def rows(self, table: str) -> list[Row]:
        with self._connect() as connection:
            return [row_of(table, row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]

    def drop(self) -> None:
        with self._connect() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")


class _Postgres:
    """Names of tables and columns are those of `TABLES`, never a user's."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def insert(self, table: str, values: Mapping[str, Any]) -> Row:
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        return self._one(table, f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING *", [*values.values()])

    def update(self, table: str, number: int, values: Mapping[str, Any]) -> Row:
        changes = ", ".join(f"{name} = %s" for name in values)
        return self._one(table, f"UPDATE {table} SET {changes} WHERE id = %s RETURNING *", [*values.values(), number])

    def delete(self, table: str, number: int) -> None:
        self._one(table, f"DELETE FROM {table} WHERE id = %s RETURNING *", [number])

    def get(self, table: str, number: int) -> Row:
        return self._one(table, f"SELECT * FROM {table} WHERE id = %s", [number])

    def _one(self, table: str, query: str, values: list[Any]) -> Row:
        found = self._connection.execute(query, values).fetchone()
        if found is None:
            raise NoSuchRow(f"There is no row {values[-1]} in {table}")
        return row_of(table, found)
