"""MongoDB's sink and source: into a server, and with the documents inside the node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, ObjectId
from pymongo import MongoClient

from headwater.connect.connectors.mongodb.json_text import DEFAULT, EXTENDED, SIMPLIFIED, to_plain
from headwater.connect.connectors.mongodb.writes import Kind, bson_value, write_of
from headwater.connect.embedded.documents import DocumentStore, Write
from headwater.connect.embedded.history import History
from headwater.connect.record import SinkRecord
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite, SourceConnectorSuite
from tests.conftest import skip_or_fail
from tests.connect.mongodb.mongo_server import mongo_server
from tests.kafka_fixture import CannotRunError

KEYED = {
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "database": "shop",
    "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.FullKeyStrategy",
    "delete.on.null.values": "true",
}
ATLAS = {
    "connector.class": "MongoDbAtlasSink",
    "kafka.auth.mode": "SERVICE_ACCOUNT",
    "kafka.service.account.id": "sa-1",
    "input.data.format": "JSON",
    "topics": "job_status",
    "max.num.retries": "3",
    "retries.defer.timeout": "5000",
    "max.batch.size": "0",
    "database": "all_jobs",
    "collection": "orders",
    "tasks.max": "1",
}
"""The connector of the service-management system, but for its host and login."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    try:
        with mongo_server() as address:
            yield address
    except CannotRunError as error:
        skip_or_fail(str(error))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[ConnectRig]:
    async with ConnectRig(tmp_path / "services") as rig:
        yield rig


class TestEmbeddedSink(SinkConnectorSuite):
    idempotent = True
    required = "database"

    def config(self) -> dict[str, str]:
        return KEYED

    async def held(self) -> list[int]:
        return sorted(body["id"] for _, body in DocumentStore(self.folder / "services", "shop").find(self.topic))


class TestServerSink(SinkConnectorSuite):
    idempotent = True
    required = "database"

    @pytest.fixture(autouse=True)
    def _server(self, server: str) -> Iterator[None]:
        self.address = server
        with MongoClient[dict[str, Any]](f"mongodb://{server}/?retryWrites=false") as client:
            client.drop_database("shop")
            self.collection = client["shop"][self.topic]
            yield

    def config(self) -> dict[str, str]:
        return {**KEYED, "connection.host": self.address}

    async def held(self) -> list[int]:
        return sorted(document["id"] for document in self.collection.find())


class TestEmbeddedSource(SourceConnectorSuite):
    topic = "shop.items"
    required = "database"

    async def set_up(self) -> None:
        (self.folder / "services").mkdir(exist_ok=True)

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "com.mongodb.kafka.connect.MongoSourceConnector",
            "database": "shop",
            "collection": "items",
            "startup.mode": "copy_existing",
        }

    async def add(self, items: Sequence[int]) -> None:
        store = DocumentStore(self.folder / "services", "shop")
        await asyncio.to_thread(store.write, [Write("items", f"{item:09}", {"n": item}) for item in items], 1)

    def item(self, value: Any) -> int:
        return int(value["fullDocument"]["n"])


async def test_the_sink_of_the_cloud_writes_a_document_with_an_id_of_its_own(rig: ConnectRig, server: str) -> None:
    status = {"SERVICE_OPTION": "plumbing", "PRICE": 331, "CURRENT_STATUS": "ACCEPTED", "CUSTOMER_ID": "105"}
    await rig.produce("job_status", [(b"\x00\x00\x00\x38", status)])
    await rig.create("orders", {**ATLAS, "connection.host": server})
    with MongoClient[dict[str, Any]](f"mongodb://{server}/") as client:
        orders = client["all_jobs"]["orders"]
        await rig.until(lambda: orders.count_documents({}) == 1)
        document = orders.find_one()
    assert document is not None
    assert isinstance(document.pop("_id"), ObjectId)
    assert document == status


async def test_a_null_deletes_the_document_of_its_key(rig: ConnectRig, server: str) -> None:
    await rig.produce("things", [(b"a", {"n": 1}), (b"b", {"n": 2}), (b"a", None)])
    await rig.create("things", {**KEYED, "topics": "things", "database": "nulls", "connection.host": server})
    with MongoClient[dict[str, Any]](f"mongodb://{server}/") as client:
        await rig.until(lambda: [one["_id"] for one in client["nulls"]["things"].find()] == ["b"])


async def test_a_server_that_is_not_there_is_an_error_of_its_field(rig: ConnectRig) -> None:
    config = {**KEYED, "name": "x", "topics": "t", "connection.host": "127.0.0.1:1", "connection.timeout.ms": "100"}
    found = await rig.worker.validate(config["connector.class"], config)
    (wrong,) = [entry["value"] for entry in found["configs"] if entry["value"]["errors"]]
    assert wrong["name"] == "connection.host"


async def test_a_source_that_comes_back_too_late_fails_as_with_a_server(rig: ConnectRig, tmp_path: Path) -> None:
    (tmp_path / "services").mkdir(exist_ok=True)
    store = DocumentStore(tmp_path / "services", "abc", History("sequence", "at_ms", "space", most=10))
    await rig.create("abc", {"connector.class": "MongoDbAtlasSource", "database": "abc"})
    store.write([Write("clicks", "first", {})], 5)

    async def followed() -> bool:
        return len(await rig.values("abc.clicks")) == 1

    await rig.until(followed)
    await rig.worker.stop("abc")
    store.write([Write("clicks", str(number), {}) for number in range(3_000)], 5)
    await rig.worker.resume("abc")
    assert "does not have the changes since the last one read any more" in await rig.failed("abc")


async def test_deletions_and_replacements_are_change_events(rig: ConnectRig, tmp_path: Path) -> None:
    (tmp_path / "services").mkdir(exist_ok=True)
    config = {
        "connector.class": "MongoDbAtlasSource",
        "database": "abc",
        "kafka.api.key": "k",
        "kafka.api.secret": "s",
        "output.data.format": "JSON",
    }
    await rig.create("abc", config)
    store = DocumentStore(tmp_path / "services", "abc")
    store.write([Write("clicks", "1", {"a": 1}), Write("clicks", "1", {"a": 2}), Write("clicks", "1", None)], 5)

    async def all_there() -> bool:
        return len(await rig.values("abc.clicks")) == 3

    await rig.until(all_there)
    events = await rig.values("abc.clicks")
    assert [event["operationType"] for event in events] == ["insert", "replace", "delete"]
    assert [event.get("fullDocument") for event in events] == [{"a": 1}, {"a": 2}, None]
    assert events[2]["documentKey"] == {"_id": "1"}
    info = rig.cluster.topic("abc.clicks")
    assert info is not None
    assert info.partitions == 1


DOCUMENT = {
    "_id": ObjectId("0123456789abcdef01234567"),
    "small": 5,
    "large": Int64(1 << 40),
    "price": Decimal128("1.50"),
    "at": datetime(2024, 1, 1, tzinfo=UTC),
    "raw": Binary(b"\x00"),
    "deep": [{"n": Int64(2)}],
}


@pytest.mark.parametrize(
    ("formatter", "field", "expected"),
    [
        (DEFAULT, "large", {"$numberLong": "1099511627776"}),
        (DEFAULT, "small", 5),
        (DEFAULT, "at", {"$date": 1704067200000}),
        (DEFAULT, "_id", {"$oid": "0123456789abcdef01234567"}),
        (EXTENDED, "small", {"$numberInt": "5"}),
        (EXTENDED, "large", {"$numberLong": "1099511627776"}),
        (SIMPLIFIED, "large", 1099511627776),
        (SIMPLIFIED, "at", "2024-01-01T00:00:00.000Z"),
        (SIMPLIFIED, "_id", "0123456789abcdef01234567"),
        (SIMPLIFIED, "price", "1.50"),
        (SIMPLIFIED, "raw", "AA=="),
        (SIMPLIFIED, "deep", [{"n": 2}]),
    ],
)
def test_documents_become_json_as_the_formatter_says(formatter: str, field: str, expected: object) -> None:
    plain = to_plain(formatter)(DOCUMENT)
    assert plain[field] == expected
    assert json.loads(json.dumps(plain)) == plain


NOW = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("strategy", "model", "kind", "id_"),
    [
        ("BsonOidStrategy", "ReplaceOneDefaultStrategy", Kind.REPLACE, None),
        ("FullKeyStrategy", "ReplaceOneDefaultStrategy", Kind.REPLACE, {"_id": 7}),
        ("ProvidedInKeyStrategy", "InsertOneDefaultStrategy", Kind.INSERT, 7),
        ("ProvidedInValueStrategy", "UpdateOneDefaultStrategy", Kind.UPDATE, 9),
        ("KafkaMetaDataStrategy", "UpdateOneTimestampsStrategy", Kind.UPDATE, "t#2#5"),
        ("FullKeyStrategy", "DeleteOneDefaultStrategy", Kind.DELETE, {"_id": 7}),
    ],
)
def test_ids_and_writes_are_those_of_the_strategies(strategy: str, model: str, kind: Kind, id_: object) -> None:
    record = SinkRecord("t", 2, 5, key={"_id": 7}, value={"_id": 9, "price": Decimal("1.5")})
    write = write_of(record, strategy, model, NOW, bson_value)
    assert (write.kind, write.id) == (kind, id_)
    if kind is not Kind.DELETE:
        assert write.document is not None
        assert write.document["price"] == Decimal128("1.5")
        assert "_id" not in write.document
