"""The sink for Elasticsearch, into a server and into the index inside the node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headwater.connect.connectors.elasticsearch.actions import document, index_name
from headwater.connect.connectors.elasticsearch.index import SPACE
from headwater.connect.embedded.documents import DocumentStore
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite
from tests.connect.elasticsearch.search_server import API_KEY, SearchServer, search_server

CLASS = "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector"
KEYED = {
    "connector.class": CLASS,
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "behavior.on.null.values": "delete",
}


class TestEmbedded(SinkConnectorSuite):
    idempotent = True

    def config(self) -> dict[str, str]:
        return KEYED

    async def held(self) -> list[int]:
        store = DocumentStore(self.folder / "services", SPACE)
        return sorted(body["id"] for _, body in store.find(self.topic))


class TestServer(SinkConnectorSuite):
    idempotent = True

    async def set_up(self) -> None:
        self._running = search_server()
        self.server = self._running.__enter__()

    async def tear_down(self) -> None:
        await self.rig.worker.close()
        self._running.__exit__(None, None, None)

    def config(self) -> dict[str, str]:
        return {**KEYED, "connection.url": self.server.url, "connection.api.key": API_KEY}

    async def held(self) -> list[int]:
        return sorted(body["id"] for body in self.server.documents(self.topic).values())


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[ConnectRig]:
    async with ConnectRig(tmp_path / "services") as rig:
        yield rig


@pytest.fixture
def server() -> Any:
    with search_server() as server:
        yield server


def to(server: SearchServer, **more: str) -> dict[str, str]:
    return {
        **KEYED,
        "topics": "FULLDELIVERY",
        "connection.url": server.url,
        "connection.api.key": API_KEY,
        "offset.flush.interval.ms": "50",
        **{name.replace("_", "."): value for name, value in more.items()},
    }


async def test_updates_of_a_key_merge_into_one_document(rig: ConnectRig, server: SearchServer) -> None:
    await rig.produce("FULLDELIVERY", [(b"7", {"status": "placed", "city": "Oslo"}), (b"7", {"status": "sent"})])
    await rig.create("search", to(server, write_method="upsert"))
    await rig.until(lambda: bool(server.documents("fulldelivery")))
    assert server.documents("fulldelivery") == {"7": {"status": "sent", "city": "Oslo"}}


async def test_a_null_deletes_the_document(rig: ConnectRig, server: SearchServer) -> None:
    await rig.produce("FULLDELIVERY", [(b"7", {"n": 1}), (b"8", {"n": 2}), (b"7", None)])
    await rig.create("search", to(server))
    await rig.until(lambda: list(server.documents("fulldelivery")) == ["8"])


async def test_a_refused_document_goes_to_the_dead_letter_topic(rig: ConnectRig, server: SearchServer) -> None:
    await rig.produce("FULLDELIVERY", [(b"1", {"number": 1}), (b"2", {"number": "two"}), (b"3", {"number": 3})])
    tolerant = {
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    await rig.create("search", {**to(server), **tolerant})

    async def given_up() -> bool:
        return bool(await rig.records("dead"))

    await rig.until(given_up, "the dead letter")
    (dead,) = await rig.records("dead")
    assert sorted(server.documents("fulldelivery")) == ["1", "3"]
    assert dead.key == b"2"
    assert b"failed to parse field [number]" in (dict(dead.headers)["__connect.errors.exception.message"] or b"")


async def test_a_refused_document_fails_a_task_that_tolerates_none(rig: ConnectRig, server: SearchServer) -> None:
    await rig.produce("FULLDELIVERY", [(b"2", {"number": "two"})])
    await rig.worker.create("search", to(server))
    assert "FULLDELIVERY-0 offset 0: the index refuses it: document_parsing_exception" in await rig.failed("search")


async def test_a_busy_server_is_asked_again(rig: ConnectRig, server: SearchServer) -> None:
    await rig.produce("FULLDELIVERY", [(b"1", {"number": 1})])
    server.busy = 2
    await rig.create("search", to(server, errors_retry_delay_max_ms="20"))
    await rig.until(lambda: len(server.documents("fulldelivery")) == 1)
    assert server.requests == 3


async def test_a_wrong_api_key_is_an_error_of_its_field(rig: ConnectRig, server: SearchServer) -> None:
    config = {"name": "search", **to(server), "connection.api.key": "wrong"}
    found = await rig.worker.validate(CLASS, config)
    (wrong,) = [entry["value"] for entry in found["configs"] if entry["value"]["errors"]]
    assert wrong["name"] == "connection.password"
    assert "wrong" not in str(wrong["errors"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"price": Decimal("1.50")}, {"price": 1.5}),
        ({"at": datetime(2024, 1, 1, tzinfo=UTC)}, {"at": 1704067200000}),
        ({"raw": b"\x00\xff"}, {"raw": "AP8="}),
        ({"tags": ["a", {"b": Decimal(2)}]}, {"tags": ["a", {"b": 2.0}]}),
    ],
)
def test_values_become_json(value: dict[str, Any], expected: dict[str, Any]) -> None:
    assert document(value, compact_maps=True) == expected


def test_an_index_is_named_in_lower_case() -> None:
    assert index_name("FULLDELIVERY") == "fulldelivery"
