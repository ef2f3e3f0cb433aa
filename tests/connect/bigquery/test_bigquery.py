"""The sink for BigQuery, into a project and into the datasets inside the node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from headwater.connect.embedded.datasets import DatasetStore
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite
from tests.connect.bigquery.warehouse import PROJECT, Warehouse, warehouse

CLASS = "com.wepay.kafka.connect.bigquery.BigQuerySinkConnector"
PLAIN = {"connector.class": CLASS, "datasets": "workshop", "auto.create.tables": "true", "auto.update.schemas": "true"}
KEYED = {**PLAIN, "upsert.enabled": "true", "delete.enabled": "true", "kafkaKeyFieldName": "k"}


class TestEmbedded(SinkConnectorSuite):
    idempotent = True
    required = "datasets"

    def config(self) -> dict[str, str]:
        return PLAIN

    async def held(self) -> list[int]:
        store = DatasetStore(self.folder / "services")
        if ("workshop", self.topic) not in store.tables():
            return []
        return [row["id"] for row in store.rows("workshop", self.topic, limit=100_000)]


class TestEmbeddedByKey(TestEmbedded):
    def config(self) -> dict[str, str]:
        return KEYED


class TestServer(SinkConnectorSuite):
    idempotent = True
    required = "datasets"

    async def set_up(self) -> None:
        self._running = warehouse()
        self.server = self._running.__enter__()

    async def tear_down(self) -> None:
        await self.rig.worker.close()
        self._running.__exit__(None, None, None)

    def config(self) -> dict[str, str]:
        return {**PLAIN, **login(self.server)}

    async def held(self) -> list[int]:
        table = self.server.table(self.topic)
        return [] if table is None else [row["id"] for row in table.rows]


class TestServerByKey(TestServer):
    def config(self) -> dict[str, str]:
        return {**KEYED, **login(self.server)}


def login(server: Warehouse) -> dict[str, str]:
    return {"project": PROJECT, "keyfile": server.keyfile(), "bigquery.endpoint": server.url}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[ConnectRig]:
    async with ConnectRig(tmp_path / "services") as rig:
        yield rig


@pytest.fixture
def server() -> Iterator[Warehouse]:
    with warehouse() as server:
        yield server
