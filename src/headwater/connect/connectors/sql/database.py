"""A connection to a database as the sink needs it: SQLite and DuckDB by their own clients, the rest by SQLAlchemy."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from headwater.connect.config import Config
from headwater.connect.connectors.sql.address import address, alchemy
from headwater.connect.connectors.sql.dialect import DUCKDB, SQLITE, Dialect, dialect_of
from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError
from headwater.core.errors import DataError

_DENIED = re.compile(r"password|authentication|access denied|login failed|does not exist|unknown database", re.I)


class Calls:
    """Blocking calls of one task, in threads. One that is cancelled goes on by itself; `drain` waits for it, so that no
    connection is taken away from under it."""

    def __init__(self) -> None:
        self._running: asyncio.Future[Any] | None = None

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's result."""
        self._running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
        return await asyncio.shield(self._running)

    async def drain(self) -> None:
        """Wait until nothing runs any more, however it ends."""
        if self._running is not None:
            await asyncio.wait([self._running])


class Database(Protocol):
    """Every call blocks. Errors are `RetriableError`, `ConnectError`, or `DataError` where a row is to blame."""

    dialect: Dialect

    def columns(self, table: str) -> set[str] | None:
        """Names of a table's columns; None where there is no such table."""
        ...

    def execute(self, statement: str) -> None:
        """Run a statement that changes tables."""
        ...

    def write(self, statements: Sequence[tuple[str, Sequence[Sequence[Any]]]]) -> None:
        """Run all of them for all their rows, or nothing."""
        ...

    def close(self) -> None: ...


class SqliteDatabase:
    """A file of SQLite."""

    dialect = SQLITE

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=5, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
        except (sqlite3.Error, OSError) as error:
            raise ConnectError(f"Cannot open the SQLite database {path}: {error}") from error

    def columns(self, table: str) -> set[str] | None:
        found = self._run(lambda c: c.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall())
        return {row[0] for row in found} or None

    def execute(self, statement: str) -> None:
        self._run(lambda c: c.execute(statement))

    def write(self, statements: Sequence[tuple[str, Sequence[Sequence[Any]]]]) -> None:
        def all_of_them(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            for statement, rows in statements:
                connection.executemany(statement, rows)
            connection.execute("COMMIT")

        self._run(all_of_them)

    def close(self) -> None:
        self._connection.close()

    def _run(self, work: Any) -> Any:
        try:
            return work(self._connection)
        except (sqlite3.Error, OverflowError) as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            away = isinstance(error, sqlite3.OperationalError) and re.search("locked|busy|full|I/O", str(error))
            raise (RetriableError if away else DataError)(f"SQLite: {error}") from error


class DuckDbDatabase:
    """A file of DuckDB."""

    dialect = DUCKDB

    def __init__(self, path: Path) -> None:
        try:
            import duckdb
        except ImportError:
            raise MissingExtraError("The DuckDB sink", "duckdb") from None
        self._error: type[Exception] = duckdb.Error
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection: Any = duckdb.connect(str(path))
        except duckdb.IOException as error:  # another process has it open
            raise RetriableError(f"Cannot open the DuckDB database {path}: {error}") from error
        except (duckdb.Error, OSError) as error:
            raise ConnectError(f"Cannot open the DuckDB database {path}: {error}") from error

    def columns(self, table: str) -> set[str] | None:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
        found = self._run(lambda: self._connection.execute(query, [table.rpartition(".")[2]]).fetchall())
        return {row[0] for row in found} or None

    def execute(self, statement: str) -> None:
        self._run(lambda: self._connection.execute(statement))

    def write(self, statements: Sequence[tuple[str, Sequence[Sequence[Any]]]]) -> None:
        def all_of_them() -> None:
            self._connection.begin()
            try:
                for statement, rows in statements:
                    for text, parameters in _together(statement, rows):
                        self._connection.execute(text, parameters)
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

        self._run(all_of_them)

    def close(self) -> None:
        self._connection.close()

    def _run(self, work: Any) -> Any:
        try:
            return work()
        except self._error as error:
            raise DataError(f"DuckDB: {error}") from error


_TOGETHER = 200
"""Rows of one INSERT: DuckDB takes some ms for each statement, whatever is in it."""


def _together(statement: str, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, list[Any]]]:
    """A statement for one row as statements for many."""
    head, values, tail = statement.partition("VALUES (")
    if not values:
        yield from ((statement, list(row)) for row in rows)
        return
    markers, _, rest = tail.partition(")")
    for start in range(0, len(rows), _TOGETHER):
        some = rows[start : start + _TOGETHER]
        text = f"{head}VALUES {', '.join([f'({markers})'] * len(some))}{rest}"
        yield text, [value for row in some for value in row]


class AlchemyDatabase:
    """Any database that SQLAlchemy has a driver for."""

    def __init__(self, config: Config) -> None:
        self._alchemy = alchemy()
        self._engine = engine(config)
        dialect = self._engine.dialect
        self.dialect = dialect_of(dialect.name, dialect.paramstyle)
        self._run(lambda: self._engine.connect().close())

    def columns(self, table: str) -> set[str] | None:
        schema, _, name = table.rpartition(".")
        inspector = self._run(lambda: self._alchemy.inspect(self._engine))
        if not self._run(lambda: inspector.has_table(name, schema=schema or None)):
            return None
        return {column["name"] for column in self._run(lambda: inspector.get_columns(name, schema=schema or None))}

    def execute(self, statement: str) -> None:
        def run() -> None:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(statement)

        self._run(run)

    def write(self, statements: Sequence[tuple[str, Sequence[Sequence[Any]]]]) -> None:
        def run() -> None:
            with self._engine.begin() as connection:
                for statement, rows in statements:
                    connection.exec_driver_sql(statement, [tuple(row) for row in rows])

        self._run(run)

    def close(self) -> None:
        self._engine.dispose()

    def _run(self, work: Any) -> Any:
        try:
            return work()
        except self._alchemy.exc.SQLAlchemyError as error:
            raise told(error) from error


def told(error: Any) -> ConnectError | DataError:
    """A client's error as the worker understands it: away, refused, or to be blamed on a row."""
    text = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
    kind = type(error).__name__
    if kind in ("OperationalError", "InterfaceError", "TimeoutError", "DisconnectionError"):
        denied = _DENIED.search(text) is not None
        return ConnectError(f"The database refuses: {text}") if denied else RetriableError(f"The database: {text}")
    if kind in (
        "IntegrityError",
        "DataError",
        "ProgrammingError",
        "StatementError",
        "InternalError",
        "NotSupportedError",
    ):
        return DataError(f"The database refuses the row: {text}")
    return ConnectError(f"The database: {text}")


def engine(config: Config) -> Any:
    """The engine of a configuration. Raises `ConnectError`, `MissingExtraError`."""
    library = alchemy()
    try:
        return library.create_engine(address(config), pool_pre_ping=True, pool_size=1, max_overflow=1)
    except ImportError as error:
        raise ConnectError(f"The driver for {config.text('connection.url')} is not installed: {error}") from None
    except (library.exc.SQLAlchemyError, ValueError) as error:
        raise ConnectError(f"connection.url is wrong: {error}") from None
