"""MongoDB's source against a deployment: its copy, its stream, and what becomes of them when something breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SourceConnectorSuite
from tests.connect.mongodb.change_server import ChangeServer, CommandError, change_server

Client = AsyncMongoClient[dict[str, Any]]
TOPIC = "shop.items"


def source(server: ChangeServer, **more: str) -> dict[str, str]:
    return {
        "connector.class": "com.mongodb.kafka.connect.MongoSourceConnector",
        "connection.host": server.address,
        "database": "shop",
        "collection": "items",
        "poll.await.time.ms": "100",
        "errors.retry.delay.max.ms": "50",
        **{name.replace("_", "."): value for name, value in more.items()},
    }


class TestServerSource(SourceConnectorSuite):
    topic = TOPIC
    required = "database"

    async def set_up(self) -> None:
        self._stack = AsyncExitStack()
        self.server = await self._stack.enter_async_context(change_server())
        self.client = await self._stack.enter_async_context(Client(self.server.address))

    async def tear_down(self) -> None:
        await self.rig.worker.close()
        await self._stack.aclose()

    def config(self) -> dict[str, str]:
        return source(self.server, startup_mode="copy_existing")

    async def add(self, items: Sequence[int]) -> None:
        await self.client["shop"]["items"].insert_many([{"_id": item, "n": item} for item in items])

    def item(self, value: Any) -> int:
        return int(value["fullDocument"]["n"])


@pytest.fixture
async def server() -> AsyncIterator[ChangeServer]:
    async with change_server() as server:
        yield server


@pytest.fixture
async def items(server: ChangeServer) -> AsyncIterator[Any]:
    """The collection, for the test to change."""
    async with Client(server.address) as client:
        yield client["shop"]["items"]


@pytest.fixture
async def rig(tmp_path: Path, server: ChangeServer) -> AsyncIterator[ConnectRig]:
    async with ConnectRig(tmp_path / "services") as rig:
        yield rig


async def arrived(rig: ConnectRig, count: int) -> list[dict[str, Any]]:
    """The values of the topic, when there are so many."""

    async def all_there() -> bool:
        return len(await rig.values(TOPIC)) >= count

    await rig.until(all_there, f"{count} changes")
    return await rig.values(TOPIC)


async def test_every_kind_of_change_is_an_event(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server, change_stream_full_document="updateLookup"))
    await items.insert_one({"_id": 1, "n": 1})
    await items.update_one({"_id": 1}, {"$set": {"n": 2}})
    await items.replace_one({"_id": 1}, {"n": 3})
    await items.delete_one({"_id": 1})
    events = await arrived(rig, 4)
    assert [event["operationType"] for event in events] == ["insert", "update", "replace", "delete"]
    assert [event["documentKey"] for event in events] == [{"_id": 1}] * 4
    assert events[1]["updateDescription"]["updatedFields"] == {"n": 2}
    assert events[2]["fullDocument"] == {"_id": 1, "n": 3}
    assert server.opened == [{"fullDocument": "updateLookup"}]


async def test_the_offset_is_the_resume_token(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server))
    await items.insert_many([{"_id": number} for number in range(3)])
    await arrived(rig, 3)
    token = server.changes[-1]["_id"]
    (held,) = await rig.worker.offsets("items")
    assert held == {"partition": {"ns": "shop.items"}, "offset": {"_id": token}}
    await rig.worker.stop("items")
    await items.insert_one({"_id": 3})
    await rig.worker.resume("items")
    assert [event["documentKey"]["_id"] for event in await arrived(rig, 4)] == [0, 1, 2, 3]
    assert server.opened[-1]["startAfter"] == token


async def test_a_pipeline_chooses_changes(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server, pipeline='[{"$match": {"operationType": "delete"}}]'))
    await items.insert_one({"_id": 1})
    await items.delete_one({"_id": 1})
    assert [event["operationType"] for event in await arrived(rig, 1)] == ["delete"]


async def test_broken_connections_lose_and_double_nothing(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server))
    for start in range(0, 50, 10):
        await items.insert_many([{"_id": number} for number in range(start, start + 10)])
        await arrived(rig, start + 5)
        server.disconnect()
    assert [event["documentKey"]["_id"] for event in await arrived(rig, 50)] == list(range(50))


async def test_a_server_that_goes_away_and_comes_back_is_waited_for(
    rig: ConnectRig, server: ChangeServer, items: Any
) -> None:
    await rig.create("items", source(server, connection_timeout_ms="200"))
    await items.insert_one({"_id": 1})
    await arrived(rig, 1)
    await server.stop()
    await rig.until(lambda: "the server does not answer" in rig.trace("items"), "the retries to show")
    await server.start()
    await items.insert_one({"_id": 2})
    assert [event["documentKey"]["_id"] for event in await arrived(rig, 2)] == [1, 2]


async def test_an_error_that_passes_is_not_the_end(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server))
    server.failures = [CommandError(91, "shutting down", "ResumableChangeStreamError")] * 3
    await items.insert_one({"_id": 1})
    assert len(await arrived(rig, 1)) == 1


async def test_a_lost_history_fails_the_task_with_what_to_do(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server))
    await items.insert_one({"_id": 1})
    await arrived(rig, 1)
    await rig.worker.stop("items")
    await items.insert_many([{"_id": 2}, {"_id": 3}])
    server.forget()
    await rig.worker.resume("items")
    assert "Reset the connector's offsets" in await rig.failed("items")


async def test_a_history_lost_while_reading_fails_the_task_too(
    rig: ConnectRig, server: ChangeServer, items: Any
) -> None:
    await rig.create("items", source(server))
    server.failures = [CommandError(286, "the resume point may no longer be in the oplog")]
    assert "Reset the connector's offsets" in await rig.failed("items")


async def test_after_a_reset_a_lost_history_is_made_up_for_by_a_copy(
    rig: ConnectRig, server: ChangeServer, items: Any
) -> None:
    await items.insert_one({"_id": 1})
    await rig.create("items", source(server, startup_mode="copy_existing"))
    await arrived(rig, 1)
    await rig.worker.stop("items")
    await items.insert_one({"_id": 2})
    server.forget()
    await rig.worker.reset_offsets("items")
    await rig.worker.resume("items")
    assert [event["documentKey"]["_id"] for event in await arrived(rig, 3)] == [1, 1, 2]


async def test_a_dropped_collection_is_followed_when_it_is_there_again(
    rig: ConnectRig, server: ChangeServer, items: Any
) -> None:
    await rig.create("items", source(server))
    await items.insert_one({"_id": 1})
    await items.drop()
    await items.insert_one({"_id": 2})

    await arrived(rig, 1)
    await rig.until(lambda: ends_with(rig, 2), "the insertion after the drop")
    await rig.worker.restart_task("items", 0)
    await items.insert_one({"_id": 3})
    await rig.until(lambda: ends_with(rig, 3), "the insertion after the restart")
    kinds = [event["operationType"] for event in await rig.values(TOPIC)]
    assert kinds == ["insert", "drop", "insert", "insert"]
    assert rig.cluster.topic("shop") is None


async def ends_with(rig: ConnectRig, item: int) -> bool:
    """Whether the last change of the topic is this document's."""
    return bool((await rig.values(TOPIC))[-1].get("documentKey") == {"_id": item})


async def test_a_change_does_not_wait_for_the_next_one(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server, poll_await_time_ms="600000"))
    for number in range(3):
        await items.insert_one({"_id": number})
        assert len(await arrived(rig, number + 1)) == number + 1


async def test_a_pause_does_not_wait_for_a_change(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await rig.create("items", source(server, poll_await_time_ms="600000"))
    await rig.worker.pause("items")
    await rig.until(lambda: set(rig.states("items")) == {"PAUSED"}, "the pause")
    await items.insert_one({"_id": 1})
    await rig.worker.resume("items")
    await items.insert_one({"_id": 2})
    assert [event["documentKey"]["_id"] for event in await arrived(rig, 2)] == [1, 2]


async def test_changes_during_the_copy_come_after_it(rig: ConnectRig, server: ChangeServer, items: Any) -> None:
    await items.insert_many([{"_id": number} for number in range(30)])
    await rig.create("items", source(server, startup_mode="copy_existing", poll_max_batch_size="10"))
    await items.insert_one({"_id": 30})
    await items.delete_one({"_id": 0})
    events = await arrived(rig, 32)
    assert [event["operationType"] for event in events][-1] == "delete"
    assert {event["documentKey"]["_id"] for event in events} == set(range(31))
