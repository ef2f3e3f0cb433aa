"""The JDBC connectors against a real PostgreSQL: rows by key, all types there and back, wrong passwords, a crash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from headwater.connect.errors import UsageError
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite, SourceConnectorSuite
from tests.postgres_fixture import PASSWORD, USER, Database


def connection(database: Database, password: str = PASSWORD) -> dict[str, str]:
    server = database.server
    return {
        "connection.url": f"jdbc:postgresql://{server.host}:{server.port}/{database.name}",
        "connection.user": USER, "connection.password": password,
    }  # fmt: skip


class TestSinkIntoPostgres(SinkConnectorSuite):
    required = "connection.url"
    idempotent = True

    @pytest.fixture(autouse=True)
    def _database(self, postgres: Database) -> None:
        self.database = postgres

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "insert.mode": "upsert",
            "pk.mode": "record_value", "pk.fields": "id", "auto.create": "true", "auto.evolve": "true",
            **connection(self.database),
        }  # fmt: skip

    async def held(self) -> list[int]:
        if not self.database.execute(f"SELECT 1 FROM pg_tables WHERE tablename = '{self.topic}'"):
            return []
        return [row[0] for row in self.database.execute(f"SELECT id FROM {self.topic} ORDER BY id")]

    async def test_a_server_that_crashed_is_waited_for(self) -> None:
        await self.add(range(5))
        await self.rig.create("tested", self.full_config())
        await self._until_held(range(5))
        self.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                              "AND datname = current_database()")  # fmt: skip
        await self.add(range(5, 10))
        await self._until_held(range(10))


class TestSourceFromPostgres(SourceConnectorSuite):
    required = "topic.prefix"
    topic = "db-items"

    @pytest.fixture(autouse=True)
    def _database(self, postgres: Database) -> None:
        self.database = postgres
        postgres.execute("CREATE TABLE items (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector", "topic.prefix": "db-",
            "mode": "incrementing", "incrementing.column.name": "id", "poll.interval.ms": "20",
            **connection(self.database),
        }  # fmt: skip

    async def add(self, items: Sequence[int]) -> None:
        self.database.execute(f"INSERT INTO items SELECT generate_series({items[0]}, {items[-1]})")

    def item(self, value: Any) -> int:
        return int(value["id"])


async def test_all_types_come_out_and_go_in_again(postgres: Database, tmp_path: Path) -> None:
    postgres.execute(
        "CREATE TABLE a (id int PRIMARY KEY, s smallint, b bigint, r real, d double precision, n numeric(10,2), "
        "f boolean, t text, y bytea, day date, at timestamp, o time)",
        "INSERT INTO a VALUES (1, 2, 3, 1.5, 2.5, 1.50, true, 'é', '\\x0001', '2020-01-02', "
        "'2020-01-02 03:04:05.006', '03:04:05'), (2, null, null, null, null, null, null, null, null, null, null, null)",
    )
    async with ConnectRig(tmp_path) as rig:
        enveloped = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "true"}
        await rig.create("in", {
            "connector.class": "JdbcSource", "mode": "incrementing", "incrementing.column.name": "id",
            "topic.prefix": "copy_", "table.whitelist": "a", **connection(postgres), **enveloped,
        })  # fmt: skip
        await rig.create("out", {
            "connector.class": "JdbcSink", "topics.regex": "copy_.*", "auto.create": "true", "pk.mode": "record_value",
            "pk.fields": "id", "insert.mode": "upsert", **connection(postgres), **enveloped,
        })  # fmt: skip

        def copied() -> bool:
            there = postgres.execute("SELECT 1 FROM pg_tables WHERE tablename = 'copy_a'")
            return bool(there) and postgres.execute("SELECT count(*) FROM copy_a") == [(2,)]

        await rig.until(copied, "both rows")
        assert postgres.execute("SELECT * FROM copy_a ORDER BY id") == postgres.execute("SELECT * FROM a ORDER BY id")
        record = (await rig.records("copy_a"))[0]
        fields = {field["field"]: field for field in json.loads(record.value or b"")["schema"]["fields"]}
        assert fields["n"]["name"].endswith("Decimal")
        assert (fields["id"]["type"], fields["id"]["optional"]) == ("int32", False)


async def test_a_wrong_password_is_an_error_of_the_configuration(postgres: Database, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        config = {"connector.class": "JdbcSink", "topics": "t", **connection(postgres, "nonsense word")}
        with pytest.raises(UsageError, match="password authentication failed") as found:
            await rig.worker.create("sink", config)
        assert "nonsense word" not in str(found.value)
