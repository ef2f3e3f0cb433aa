"""The sink for BigQuery, into a project and into the datasets inside the node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.connect import schema as s
from headwater.connect.converters.registry import converter
from headwater.connect.embedded.datasets import DatasetStore
from headwater.formats.schema_registry import LocalSchemaRegistry
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


def to(server: Warehouse, topic: str = "orders", **more: str) -> dict[str, str]:
    return {
        **PLAIN,
        "topics": topic,
        "offset.flush.interval.ms": "50",
        "errors.retry.delay.max.ms": "20",
        **login(server),
        **{name.replace("_", "."): value for name, value in more.items()},
    }


def rows(server: Warehouse, table: str = "orders") -> list[dict[str, Any]]:
    found = server.table(table)
    return [] if found is None else found.rows


async def wrong(rig: ConnectRig, config: dict[str, str]) -> dict[str, list[str]]:
    """Errors by field."""
    found = await rig.worker.validate(CLASS, {"name": "warehouse", **config})
    return {one["value"]["name"]: one["value"]["errors"] for one in found["configs"] if one["value"]["errors"]}


PROMOTIONS = s.struct({
    "TS": s.OPTIONAL_STRING, "PROD_ID": s.OPTIONAL_INT32, "PRODUCT_NAME": s.OPTIONAL_STRING,
    "STOCK_LEVEL": s.OPTIONAL_FLOAT64, "TXN_PER_HOUR": s.OPTIONAL_INT64, "EXPECTED_TXN_PER_HOUR": s.OPTIONAL_INT32,
}, name="io.confluent.ksql.avro_schemas.KsqlDataSourceSchema")  # fmt: skip
PROMOTION = {
    "TS": "2024-01-31 10:00:00", "PROD_ID": 7, "PRODUCT_NAME": "Lamp", "STOCK_LEVEL": 90.5, "TXN_PER_HOUR": 3,
    "EXPECTED_TXN_PER_HOUR": 10,
}  # fmt: skip


async def test_promotions_of_the_lab_become_a_table_of_six_columns(tmp_path: Path, server: Warehouse) -> None:
    topic, registry = "pksqlc-1abcdABC_PROMOTIONS", LocalSchemaRegistry()
    made = converter("io.confluent.connect.avro.AvroConverter", {}, is_key=False, registry=registry)
    config = {
        "connector.class": "BigQuerySink", "topics": topic, "input.data.format": "AVRO", "kafka.api.key": "key",
        "kafka.api.secret": "secret", "keyfile": server.keyfile(), "project": PROJECT, "datasets": "workshop",
        "auto.create.tables": "true", "tasks.max": "1", "bigquery.endpoint": server.url,
    }  # fmt: skip
    async with ConnectRig(tmp_path / "services", registry=registry) as rig:
        await rig.produce(topic, [(b"\x00\x00", made.encode(topic, PROMOTIONS, PROMOTION))])
        assert await wrong(rig, config) == {}
        await rig.create("BigQuerySinkConnector", config)
        table = "pksqlc_1abcdABC_PROMOTIONS"
        await rig.until(lambda: bool(rows(server, table)))
        found = server.table(table)
    assert found is not None
    assert found.rows == [PROMOTION]
    assert {name: one["type"] for name, one in found.columns.items()} == {
        "TS": "STRING", "PROD_ID": "INTEGER", "PRODUCT_NAME": "STRING", "STOCK_LEVEL": "FLOAT",
        "TXN_PER_HOUR": "INTEGER", "EXPECTED_TXN_PER_HOUR": "INTEGER",
    }  # fmt: skip
    assert found.resource["timePartitioning"] == {"type": "DAY"}


async def test_a_refused_row_goes_to_the_dead_letter_topic_and_the_others_do_not_wait(
    rig: ConnectRig, server: Warehouse
) -> None:
    await rig.produce("orders", [(b"1", {"n": 1}), (b"2", {"n": "two"}), (b"3", {"n": 3}), (b"4", [1])])
    tolerant = {
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    await rig.create("warehouse", {**to(server), **tolerant})

    async def given_up() -> bool:
        return len(await rig.records("dead")) == 2

    await rig.until(given_up, "the dead letters")
    message = "__connect.errors.exception.message"
    dead = {record.key: dict(record.headers)[message] for record in await rig.records("dead")}
    assert rows(server) == [{"n": 1}, {"n": 3}]
    assert b"orders-0 offset 1: BigQuery refuses it: Cannot convert value to INTEGER (n)" in (dead[b"2"] or b"")
    assert b"orders-0 offset 3: the value is no structure but list" in (dead[b"4"] or b"")


async def test_a_busy_server_is_asked_again(rig: ConnectRig, server: Warehouse) -> None:
    await rig.produce("orders", [(b"1", {"n": 1})])
    server.busy = 2
    await rig.create("warehouse", to(server))
    await rig.until(lambda: rows(server) == [{"n": 1}])


async def test_a_column_that_streams_do_not_see_yet_is_waited_for(rig: ConnectRig, server: Warehouse) -> None:
    await rig.produce("orders", [(b"1", {"n": 1})])
    await rig.create("warehouse", to(server))
    await rig.until(lambda: len(rows(server)) == 1)
    server.slow = 2
    await rig.produce("orders", [(b"2", {"n": 2, "added": "x"})])
    await rig.until(lambda: rows(server) == [{"n": 1}, {"n": 2, "added": "x"}])


@pytest.mark.parametrize("target", ["server", "embedded"])
async def test_a_table_that_somebody_drops_is_made_again(
    rig: ConnectRig, server: Warehouse, tmp_path: Path, target: str
) -> None:
    await rig.produce("orders", [(b"1", {"n": 1})])
    config = to(server)
    if target == "embedded":
        del config["project"], config["keyfile"], config["bigquery.endpoint"]
    await rig.create("warehouse", config)
    store = DatasetStore(tmp_path / "services")

    def held() -> list[dict[str, Any]]:
        return rows(server) if target == "server" else store.rows("workshop", "orders")

    await rig.until(lambda: held() == [{"n": 1}])
    if target == "server":
        del server.datasets["workshop"]["orders"]
    else:
        store.drop("workshop", "orders")
    await rig.produce("orders", [(b"2", {"n": 2})])
    await rig.until(lambda: held() == [{"n": 2}])


async def test_a_request_that_is_too_large_is_sent_in_parts(rig: ConnectRig, server: Warehouse) -> None:
    server.largest = 3
    await rig.produce("orders", [(None, {"n": number}) for number in range(20)])
    await rig.create("warehouse", to(server))
    await rig.until(lambda: [row["n"] for row in rows(server)] == list(range(20)))


async def test_a_table_that_may_not_be_made_fails_the_task(rig: ConnectRig, server: Warehouse) -> None:
    await rig.produce("orders", [(b"1", {"n": 1})])
    await rig.worker.create("warehouse", to(server, auto_create_tables="false"))
    assert "Table workshop.orders is missing" in await rig.failed("warehouse")


async def test_without_leave_to_widen_a_new_field_is_refused(rig: ConnectRig, server: Warehouse) -> None:
    await rig.produce("orders", [(b"1", {"n": 1}), (b"2", {"n": 2, "m": 1})])
    config = to(server, auto_update_schemas="false", batch_size="1")
    await rig.produce("orders", [])
    await rig.worker.create("warehouse", {**config, "consumer.override.max.poll.records": "1"})
    trace = await rig.failed("warehouse")
    assert "orders-0 offset 1: BigQuery refuses it: no such field: m. (m)" in trace


@pytest.mark.parametrize("target", ["server", "embedded"])
async def test_a_key_has_one_row_and_a_null_deletes_it(
    rig: ConnectRig, server: Warehouse, tmp_path: Path, target: str
) -> None:
    keys = [({"id": 7}, {"s": "placed", "n": 1}), ({"id": 8}, {"s": "placed"}), ({"id": 7}, {"s": "sent"})]
    await rig.produce("orders", [*keys, ({"id": 8}, None), ({"id": 9}, {"s": "placed"})])
    config = to(server, ingestion_mode="UPSERT_DELETE", topics="orders", batch_size="2")
    if target == "embedded":
        del config["project"], config["keyfile"], config["bigquery.endpoint"]
    await rig.create("warehouse", config)
    store = DatasetStore(tmp_path / "services")
    expected = [{"id": 7, "s": "sent"}, {"id": 9, "s": "placed"}]

    def held() -> list[dict[str, Any]]:
        found = rows(server) if target == "server" else [dict(row) for row in store.rows("workshop", "orders")]
        return sorted(found, key=lambda row: row["id"])

    await rig.until(lambda: held() == expected, f"{expected}")


async def test_rows_go_into_the_partition_of_their_time(rig: ConnectRig, server: Warehouse) -> None:
    await rig.produce("orders", [(b"1", {"n": 1})])
    (record,) = await rig.records("orders")
    config = to(server, partitioning_type="RECORD_TIME", time_partitioning_type="MONTH", kafkaDataFieldName="kafka")
    await rig.create("warehouse", config)
    await rig.until(lambda: len(rows(server)) == 1)
    table = server.table("orders")
    assert table is not None
    assert table.decorators == [datetime.fromtimestamp(record.timestamp / 1000, UTC).strftime("%Y%m")]
    assert {**table.rows[0]["kafka"], "insertTime": ""} == {
        "topic": "orders", "partition": 0, "offset": 0, "insertTime": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"keyfile": "{"}, "keyfile", "is no valid JSON"),
        ({"keyfile": "/no/such/file.json"}, "keyfile", "No such file"),
        ({"keyfile": '{"type": "service_account"}'}, "keyfile", "no key of a service account"),
        ({"keyfile": None}, "keyfile", "the server wants a login"),
        ({"datasets": "elsewhere"}, "datasets", "Not found: Dataset"),
        ({"topic2table.map": "orders"}, "topic2table.map", "pairs of topic:table"),
        ({"partitioning.type": "TIMESTAMP_COLUMN"}, "timestamp.partition.field.name", "must be set"),
        ({"auto.create.tables": "maybe"}, "auto.create.tables", "must be one of"),
        ({"datasets": "(=x"}, "datasets", "regular expression"),
    ],
)
async def test_what_is_wrong_is_an_error_of_its_field(
    rig: ConnectRig, server: Warehouse, changes: dict[str, str | None], field: str, words: str
) -> None:
    config = {key: value for key, value in {**to(server), **changes}.items() if value is not None}
    (found,) = (await wrong(rig, config)).items()
    assert found[0] == field
    assert words in found[1][0]


async def test_a_key_of_another_account_is_an_error_of_its_field(rig: ConnectRig, server: Warehouse) -> None:
    found = await wrong(rig, {**to(server), "keyfile": server.wrong_keyfile()})
    assert list(found) == ["keyfile"]
    assert "PRIVATE KEY" not in str(found)


async def test_a_server_that_is_not_there_is_an_error_of_the_project(rig: ConnectRig, server: Warehouse) -> None:
    config = {**to(server), "bigquery.endpoint": "http://127.0.0.1:1"}
    del config["keyfile"]
    assert list(await wrong(rig, config)) == ["project"]


async def test_an_emulator_needs_no_login(rig: ConnectRig, server: Warehouse, tmp_path: Path) -> None:
    server.needs_login = False
    await rig.produce("orders", [(b"1", {"n": 1})])
    config = to(server)
    del config["keyfile"]
    await rig.create("warehouse", config)
    await rig.until(lambda: rows(server) == [{"n": 1}])


async def test_the_key_may_be_a_file(rig: ConnectRig, server: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(server.keyfile())
    assert await wrong(rig, to(server, keyfile=str(path))) == {}
