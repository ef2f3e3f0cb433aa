"""The SQL sinks: rows inserted, upserted, updated and deleted; tables made and widened where that is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

from headwater.connect.allowed import a_service_file
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.sql.address import files
from headwater.connect.connectors.sql.database import AlchemyDatabase, Calls, Database, DuckDbDatabase, SqliteDatabase
from headwater.connect.connectors.sql.rows import Column, Row, RowShape, runs
from headwater.connect.errors import ConnectError, MissingExtraError
from headwater.connect.record import SinkRecord
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask
from headwater.core.errors import DataError


def _keys(insert: str, pk: str, pk_fields: tuple[str, ...], makes: bool) -> ConfigDef:
    return ConfigDef(
        Key("insert.mode", Type.STRING, "How rows are written.", default=insert, choices=("insert", "upsert", "update"),
            importance=Importance.HIGH),
        Key("pk.mode", Type.STRING, "Where the primary key comes from.", default=pk, importance=Importance.HIGH,
            choices=("none", "kafka", "record_key", "record_value")),
        Key("pk.fields", Type.LIST, "Its columns: fields of the key or value, or names for topic, partition, offset.",
            default=pk_fields),
        Key("table.name.format", Type.STRING, "Name of the table.", default="${topic}"),
        Key("delete.enabled", Type.BOOLEAN, "Whether a null value deletes the row of its key.", default=makes),
        Key("fields.whitelist", Type.LIST, "Fields to write; empty: all.", default=()),
        Key("auto.create", Type.BOOLEAN, "Make tables that are missing.", default=makes),
        Key("auto.evolve", Type.BOOLEAN, "Add columns that are missing.", default=makes),
        Key("batch.size", Type.INT, "Most rows of one statement.", default=3000, minimum=1),
        ignored=("max.retries", "retry.backoff.ms", "connection.attempts", "connection.backoff.ms", "dialect.name",
                 "db.timezone", "quote.sql.identifiers", "table.types", "mssql.*", "date.timezone",
                 "trim.sensitive.log",
                 "replace.null.with.default", "timestamp.*", "max.batch.size"),
        check=_check,
    )  # fmt: skip


def _check(config: Config) -> Mapping[str, str]:
    if config.text("insert.mode") != "insert" and config.text("pk.mode") == "none":
        return {"pk.mode": f"Primary key mode must be set when insert.mode={config.text('insert.mode')}"}
    if config.flag("delete.enabled") and config.text("pk.mode") not in ("record_key", "kafka"):
        return {"delete.enabled": "Primary key mode must be 'record_key' when delete support is enabled"}
    if config.text("pk.mode") == "record_value" and not config.texts("pk.fields"):
        return {"pk.fields": "Must name fields of the value with pk.mode=record_value"}
    return {}


CONNECTION = ConfigDef(
    Key("connection.url", Type.STRING, "Address: a JDBC URL (jdbc:postgresql://host/db) or SQLAlchemy's.",
        importance=Importance.HIGH, group="Connection", path=files),
    Key("connection.user", Type.STRING, "User.", default="", importance=Importance.HIGH, group="Connection"),
    Key("connection.password", Type.PASSWORD, "Password.", default="", importance=Importance.HIGH, group="Connection"),
)  # fmt: skip


class SqlSinkTask(SinkTask):
    """Writes the batches of `put` in one transaction each."""

    open_database: ClassVar[Any]
    """(configuration, folder of embedded data) to the `Database`."""

    async def start(self, config: Config, context: SinkContext) -> None:
        self._context, self._shape = context, RowShape.of(config)
        self._mode, self._size = config.text("insert.mode"), config.integer("batch.size")
        self._creates, self._evolves = config.flag("auto.create"), config.flag("auto.evolve")
        self._known: dict[str, set[str]] = {}
        self._calls = Calls()
        self._database: Database = await self._calls.run(type(self).open_database, config, context.folder)

    async def put(self, records: Sequence[SinkRecord]) -> None:
        rows: list[tuple[SinkRecord, Row]] = []
        for record in records:
            try:
                row = self._shape.row(record)
            except DataError as error:
                self._context.report(record, error)
                continue
            if row is not None:
                rows.append((record, row))
        if rows:
            await self._write(rows)

    async def stop(self) -> None:
        if hasattr(self, "_calls"):
            await self._calls.drain()
        if hasattr(self, "_database"):
            await asyncio.to_thread(self._database.close)

    async def _write(self, rows: Sequence[tuple[SinkRecord, Row]]) -> None:
        """All at once; where a row is to blame, one by one, so that the others come through."""
        try:
            await self._calls.run(self._write_all, rows)
        except DataError as error:
            if len(rows) == 1:
                self._context.report(rows[0][0], error)
                return
            for row in rows:
                await self._write([row])

    def _write_all(self, rows: Sequence[tuple[SinkRecord, Row]]) -> None:
        statements: list[tuple[str, list[list[Any]]]] = []
        for run in runs(rows):
            row = run[0][1]
            self._prepare(row)
            found = [[self._database.dialect.value(value) for value in row.values] for _, row in run]
            for start in range(0, len(found), self._size):
                statements += self._statements(row, found[start : start + self._size])
        self._database.write(statements)

    def _prepare(self, row: Row) -> None:
        """See to it that the table has the columns. Raises `ConnectError` where that is not allowed."""
        known = self._known.get(row.table)
        names = {column.name for column in row.columns}
        if known is not None and names <= known:
            return
        dialect = self._database.dialect
        found = self._database.columns(row.table)
        if found is None:
            if not self._creates:
                raise ConnectError(f"Table {row.table} is missing and auto-creation is disabled: set auto.create=true")
            self._database.execute(dialect.create(row.table, row.columns))
            found = names
        for column in row.columns:
            if column.name not in found:
                if not self._evolves:
                    raise ConnectError(
                        f"Table {row.table} has no column {column.name} and auto-evolution is disabled: "
                        "set auto.evolve=true"
                    )
                self._database.execute(dialect.add_column(row.table, Column(column.name, column.schema)))
                found = found | {column.name}
        self._known[row.table] = found

    def _statements(self, row: Row, rows: list[list[Any]]) -> list[tuple[str, list[list[Any]]]]:
        dialect, columns = self._database.dialect, row.columns
        keys = [i for i, column in enumerate(columns) if column.is_key]
        if row.deletes:
            return [(dialect.delete(row.table, columns), rows)]
        if self._mode == "insert":
            return [(dialect.insert(row.table, columns), rows)]
        if self._mode == "update":
            others = [i for i in range(len(columns)) if i not in keys]
            return [(dialect.update(row.table, columns), [[r[i] for i in (*others, *keys)] for r in rows])]
        rows = list({tuple(row[i] for i in keys): row for row in rows}.values())
        if dialect.conflict == "none":
            by_key = [[row[i] for i in keys] for row in rows]
            return [(dialect.delete(row.table, columns), by_key), (dialect.insert(row.table, columns), rows)]
        return [(dialect.upsert(row.table, columns), rows)]


class _JdbcTask(SqlSinkTask):
    open_database = staticmethod(lambda config, folder: AlchemyDatabase(config))


class _SqliteTask(SqlSinkTask):
    open_database = staticmethod(lambda config, folder: SqliteDatabase(folder / config.text("file")))


class _DuckDbTask(SqlSinkTask):
    open_database = staticmethod(lambda config, folder: DuckDbDatabase(folder / config.text("file")))


class JdbcSink(SinkConnector):
    """Writes rows into the tables of a database that SQLAlchemy has a driver for."""

    names = ("io.confluent.connect.jdbc.JdbcSinkConnector", "JdbcSink")
    title = "JDBC sink"
    config = CONNECTION + _keys("insert", "none", (), makes=False)
    task = _JdbcTask

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        try:
            database = await asyncio.to_thread(AlchemyDatabase, config)
            await asyncio.to_thread(database.close)
        except (ConnectError, DataError) as error:
            return {"connection.url": [str(error)]}
        return {}


class SqliteSink(SinkConnector):
    """Writes rows into a SQLite file: by the record's key, tables and columns made as they are needed."""

    names = ("headwater.connectors.SqliteSink", "SqliteSink")
    title = "SQLite sink"
    config = ConfigDef(
        Key("file", Type.STRING, "File of the database; relative ones are in the node's embedded data.",
            default="sink.sqlite", importance=Importance.HIGH, path=a_service_file),
    ) + _keys("upsert", "record_key", ("key",), makes=True)  # fmt: skip
    task = _SqliteTask


class DuckDbSink(SinkConnector):
    """Writes rows into a DuckDB file: by the record's key, tables and columns made as they are needed."""

    names = ("headwater.connectors.DuckDbSink", "DuckDbSink")
    title = "DuckDB sink"
    config = ConfigDef(
        Key("file", Type.STRING, "File of the database; relative ones are in the node's embedded data.",
            default="sink.duckdb", importance=Importance.HIGH, path=a_service_file),
    ) + _keys("upsert", "record_key", ("key",), makes=True)  # fmt: skip
    task = _DuckDbTask

    async def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{}]  # one writer at a time is all that the file takes

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        if find_spec("duckdb") is None:
            raise MissingExtraError("The DuckDB sink", "duckdb")
        return {}
