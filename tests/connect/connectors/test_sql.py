"""The SQL connectors over SQLite and DuckDB: rows, keys, tables that grow, rows that are new."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from headwater.connect.errors import UsageError
from headwater.core.clock import SystemClock
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite, SourceConnectorSuite


def query(file: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(statement).fetchall()
    except sqlite3.OperationalError:  # there is no such table yet
        return []
    finally:
        connection.close()


class TestSqliteSink(SinkConnectorSuite):
    idempotent = True

    def config(self) -> dict[str, str]:
        return {"connector.class": "SqliteSink", "file": str(self.folder / "out.sqlite")}

    async def held(self) -> list[int]:
        return [row[0] for row in query(self.folder / "out.sqlite", f"SELECT id FROM {self.topic} ORDER BY rowid")]

    async def test_a_tombstone_deletes_and_a_key_overwrites(self) -> None:
        await self.rig.produce(self.topic, [(1, {"id": 1}), (2, {"id": 2}), (1, None), (2, {"id": 22, "new": [1]})])
        await self.rig.create("tested", self.full_config())
        file = self.folder / "out.sqlite"
        await self.rig.until(
            lambda: (
                query(file, f'SELECT "key", id, new FROM {self.topic}') == [(2, 22, "[1]")]
                if (self.folder / "out.sqlite").exists() and query(file, f"SELECT id FROM {self.topic}") == [(22,)]
                else False
            ),
            "one row",
        )


class TestDuckDbSink(SinkConnectorSuite):
    idempotent = True

    def config(self) -> dict[str, str]:
        return {"connector.class": "DuckDbSink", "file": str(self.folder / "out.duckdb")}

    async def held(self) -> list[int]:
        file = self.folder / "out.duckdb"
        if not file.exists():
            return []
        connection = duckdb.connect(str(file))
        try:
            return [row[0] for row in connection.execute(f"SELECT id FROM {self.topic} ORDER BY id").fetchall()]
        except duckdb.CatalogException:
            return []
        finally:
            connection.close()


class TestJdbcSinkOverSqlite(SinkConnectorSuite):
    required = "connection.url"
    idempotent = True

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "insert.mode": "upsert",
            "connection.url": f"jdbc:sqlite:{self.folder}/out.sqlite", "pk.mode": "record_value", "pk.fields": "id",
            "auto.create": "true", "auto.evolve": "true", "connection.password": "secret word",
        }  # fmt: skip

    async def held(self) -> list[int]:
        return [row[0] for row in query(self.folder / "out.sqlite", f"SELECT id FROM {self.topic} ORDER BY id")]


async def test_a_row_that_the_table_refuses_does_not_stop_the_others(tmp_path: Path) -> None:
    file = tmp_path / "out.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    connection.close()
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"id": n, "name": None if n == 3 else "x"}) for n in range(6)])
        await rig.create("sink", {
            "connector.class": "JdbcSink", "connection.url": f"sqlite:///{file}", "topics": "t",
            "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead",
        })  # fmt: skip
        await rig.until(lambda: len(query(file, "SELECT id FROM t")) == 5, "five rows")

        async def one_is_dead() -> bool:
            return len(await rig.records("dead")) == 1

        await rig.until(one_is_dead, "the row that is refused")


async def test_a_missing_table_or_column_is_told_with_the_key_to_set(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"id": 1})])
        config = {"connector.class": "JdbcSink", "connection.url": f"sqlite:///{tmp_path}/x.sqlite", "topics": "t"}
        await rig.worker.create("sink", config)
        assert "auto.create=true" in await rig.failed("sink")


class TestJdbcSourceOfGrowingNumbers(SourceConnectorSuite):
    required = "topic.prefix"
    topic = "db-items"
    mode = ("incrementing",)

    async def set_up(self) -> None:
        self.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20), at TIMESTAMP NOT NULL)")

    def execute(self, statement: str, *rows: Sequence[Any]) -> None:
        connection = sqlite3.connect(self.folder / "in.sqlite")
        with connection:
            connection.executemany(statement, rows) if rows else connection.execute(statement)
        connection.close()

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector", "poll.interval.ms": "20",
            "connection.url": f"jdbc:sqlite:{self.folder}/in.sqlite", "topic.prefix": "db-", "mode": "incrementing",
            "incrementing.column.name": "id", "batch.max.rows": "7",
        }  # fmt: skip

    async def add(self, items: Sequence[int]) -> None:
        rows = [(item, f"item {item}", f"2020-01-01 00:00:{item // 4 % 60:02}.000000") for item in items]
        self.execute("INSERT INTO items VALUES (?, ?, ?)", *rows)

    def item(self, value: Any) -> int:
        assert value["name"] == f"item {value['id']}"
        return int(value["id"])


class TestJdbcSourceOfTimes(TestJdbcSourceOfGrowingNumbers):
    def config(self) -> dict[str, str]:
        return {**super().config(), "mode": "timestamp+incrementing", "timestamp.column.name": "at"}


async def test_rows_of_one_time_come_together_and_bulk_comes_again(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "in.sqlite")
    connection.execute("CREATE TABLE t (id INTEGER, at TIMESTAMP)")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?)", [(n, f"2020-01-01 00:00:0{n // 5}.000000") for n in range(15)]
    )
    connection.commit()
    connection.close()
    async with ConnectRig(tmp_path, clock=SystemClock()) as rig:
        common = {"connector.class": "JdbcSource", "connection.url": f"sqlite:///{tmp_path}/in.sqlite",
                  "poll.interval.ms": "20", "batch.max.rows": "2"}  # fmt: skip
        times = {"topic.prefix": "times-", "mode": "timestamp", "timestamp.column.name": "at"}
        await rig.create("times", common | times)
        await rig.create(
            "bulk", common | {"topic.prefix": "bulk", "mode": "bulk", "query": "SELECT id FROM t WHERE id < 3"}
        )

        async def enough() -> bool:
            return len(await rig.values("times-t")) >= 15 and len(await rig.values("bulk")) >= 6

        await rig.until(enough, "all rows, and twice")
        assert sorted(value["id"] for value in await rig.values("times-t")) == list(range(15))
        assert [value["id"] for value in await rig.values("bulk")][:6] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(("url", "expected"), [
    ("jdbc:postgresql://h:5433/db?sslmode=require", "postgresql+psycopg://u:p@h:5433/db?sslmode=require"),
    ("jdbc:mysql://h/db", "mysql+pymysql://u:p@h/db"),
    ("jdbc:sqlserver://h:1433;databaseName=db", "mssql+pymssql://u:p@h:1433/db"),
    ("sqlite:////tmp/x", "sqlite:////tmp/x"),
])  # fmt: skip
def test_a_jdbc_address_becomes_one_of_sqlalchemy(url: str, expected: str) -> None:
    from headwater.connect.config import Config
    from headwater.connect.connectors.sql.address import address

    given = {"connection.url": url, "connection.user": "u", "connection.password": "p"}
    assert address(Config(given, given)).render_as_string(hide_password=False) == expected


async def test_a_missing_library_is_told_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)  # what Python takes for a module that is not there
    async with ConnectRig(tmp_path) as rig:
        with pytest.raises(UsageError, match=r"pip install 'headwater\[duckdb\]'"):
            await rig.worker.create("d", {"connector.class": "DuckDbSink", "topics": "t"})
