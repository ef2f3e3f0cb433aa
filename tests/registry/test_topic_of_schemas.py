"""The topic of schemas when others write to it, too, and when it can be neither written nor read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from headwater.cluster.api import Append, Commit, Fetched, TopicPartition
from headwater.cluster.local import LocalCluster
from headwater.core.errors import ClusterError
from headwater.registry.registry import TOPIC
from headwater.testing import ManualClock
from headwater.wire.records import build_batch
from tests.registry.registry_door import RECORD, WIDER, Door, memory_cluster, opened

PLACE = TopicPartition(TOPIC, 0)


class Gate(LocalCluster):
    """A cluster whose next reads wait until they are let through, or fail, and whose writes may fail."""

    shut: asyncio.Event | None = None
    reached: asyncio.Event
    """Set when a read waits."""
    reads_fail = writes_fail = False

    async def fetch(self, positions: Mapping[TopicPartition, int], max_bytes: int = 4 << 20) -> list[Fetched]:
        if self.shut is not None:
            self.reached.set()
            await self.shut.wait()
        if self.reads_fail:
            raise ClusterError("no reads")
        return await super().fetch(positions, max_bytes)

    async def commit(self, work: Commit) -> list[int]:
        if self.writes_fail:
            raise ClusterError("no writes")
        return await super().commit(work)


async def gate(clock: ManualClock) -> Gate:
    made = await memory_cluster(clock)
    made.__class__ = Gate
    assert isinstance(made, Gate)
    return made


async def write_as_somebody_else(cluster: LocalCluster, subject: str, schema_id: int, **members: str) -> None:
    key = {"keytype": "SCHEMA", "subject": subject, "version": 1, "magic": 1}
    value = {"subject": subject, "version": 1, "id": schema_id, "schema": '"long"', "deleted": False, **members}
    batch = build_batch([(json.dumps(key).encode(), json.dumps(value).encode(), 1, ())])
    await cluster.commit(Commit([Append(PLACE, batch)]))


async def test_schemas_are_there_while_the_topic_is_read_anew() -> None:
    clock = ManualClock()
    cluster = await gate(clock)
    async with opened(cluster, clock) as door:
        known = await door.register("known", RECORD)
        await write_as_somebody_else(cluster, "foreign", 7)
        cluster.shut, cluster.reached = asyncio.Event(), asyncio.Event()
        registering = asyncio.create_task(door.register("mine", WIDER))
        await cluster.reached.wait()
        assert (await door.ask("GET", f"/schemas/ids/{known}"))[0] == 200
        late = asyncio.create_task(door.register("late", "string"))
        await asyncio.sleep(0)
        cluster.shut.set()
        await asyncio.gather(registering, late)
        assert (await door.ask("GET", "/subjects"))[1] == ["foreign", "known", "late", "mine"]


async def test_what_can_be_neither_written_nor_read_is_not_decided_on(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    cluster = await gate(clock)
    async with opened(cluster, clock) as door:
        known = await door.register("known", RECORD)
        cluster.writes_fail = cluster.reads_fail = True
        assert await refused(door, "lost") == 50001
        cluster.writes_fail = False
        # An id given out now could be one that the topic has given to another schema.
        assert await refused(door, "later") == 50001
        assert (await door.ask("GET", f"/schemas/ids/{known}"))[0] == 200
        cluster.reads_fail = False
        await door.registry.follow()
        assert (await door.ask("GET", "/subjects"))[1] == ["known"]
        assert await door.register("later", WIDER) == known + 1


async def test_a_protobuf_schema_is_found_in_another_layout() -> None:
    clock = ManualClock()
    cluster = await gate(clock)
    text = 'syntax = "proto3";\n\nmessage M { int32 a = 1; }\n'
    async with opened(cluster, clock) as door:
        await door.register("known", RECORD)
        await write_as_somebody_else(cluster, "s", 7, schema=text, schemaType="PROTOBUF")
        await door.register("known", WIDER)
        for again in (text, "".join(text.splitlines())):
            sent = {"schema": again, "schemaType": "PROTOBUF"}
            assert (await door.ask("POST", "/subjects/s", sent))[1]["id"] == 7
            assert (await door.ask("POST", "/subjects/s/versions", sent))[1]["id"] == 7
        assert (await door.ask("GET", "/subjects/s/versions"))[1] == [1]


async def refused(door: Door, subject: str) -> int:
    status, answer = await door.ask("POST", f"/subjects/{subject}/versions", {"schema": json.dumps("string")})
    assert status == 500
    return int(answer["error_code"])
