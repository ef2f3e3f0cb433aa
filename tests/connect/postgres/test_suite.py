"""What any source must do, by the connector in a worker: on a real server, and over the embedded tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from headwater.connect.embedded.tables import TableStore
from headwater.testing.connector_suite import SourceConnectorSuite
from tests.connect.postgres.running import settings
from tests.postgres_fixture import Database

CONVERTERS = {
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


class TestPostgres(SourceConnectorSuite):
    topic = "data.public.items"
    required = "topic.prefix"

    @pytest.fixture(autouse=True)
    def _database(self, postgres: Database) -> None:
        self.database = postgres
        postgres.execute("CREATE TABLE items (id int PRIMARY KEY)")

    def config(self) -> dict[str, str]:
        given = settings(self.database)
        del given["name"]
        return {**given, **CONVERTERS}

    async def add(self, items: Sequence[int]) -> None:
        self.database.execute(f"INSERT INTO items SELECT generate_series({items[0]}, {items[-1]})")

    def item(self, value: Any) -> int:
        return int(value["after"]["id"])


class TestEmbeddedTables(SourceConnectorSuite):
    topic = "data.public.items"
    required = "topic.prefix"

    async def set_up(self) -> None:
        self.store = TableStore(self.folder / "services")
        self.store.create_table("items", {"id": "int"}, key=["id"])

    def config(self) -> dict[str, str]:
        connector = "io.debezium.connector.postgresql.PostgresConnector"
        return {"connector.class": connector, "database.hostname": "embedded", "topic.prefix": "data", **CONVERTERS}

    async def add(self, items: Sequence[int]) -> None:
        with self.store.transaction() as transaction:
            for item in items:
                transaction.insert("items", {"id": item})

    def item(self, value: Any) -> int:
        return int(value["after"]["id"])
