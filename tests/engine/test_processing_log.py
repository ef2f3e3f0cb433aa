"""The processing log: shapes of its records, and bounds on how many there are."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec
import pytest

from headwater.cluster.api import Commit
from headwater.cluster.local import LocalCluster
from headwater.engine.processing_log import ProcessingLog, ProcessingLogSettings
from headwater.testing.clock import ManualClock
from tests.engine.sql_node import SqlNode

SETTINGS = ProcessingLogSettings(topic="log", create_topic=True, include_rows=True)


async def entries(node: SqlNode) -> list[dict[str, Any]]:
    return [msgspec.json.decode(record.value or b"") for record in await node.records("log")]


@pytest.fixture
def node() -> SqlNode:
    return SqlNode(ManualClock(1_000))


async def test_each_kind_has_its_shape(node: SqlNode) -> None:
    log = ProcessingLog(node.cluster, node.clock, SETTINGS)
    await log.start()
    cause = ValueError("outer")
    cause.__cause__ = KeyError("inner")
    log.deserialization_error("Q", "S.Source", "orders", "key", "bad", cause, b"\x00")
    log.record_error("Q", "Project", "failed", None, '{"A":1}')
    log.production_error("Q", "Sink", "refused")
    log.serialization_error("Q", "Sink", "out", "value", "too long", None, "row")
    log.task_error("Q", "task", "died", ValueError("why"))
    await log.close()
    found = await entries(node)
    assert [(entry["level"], entry["logger"], entry["time"]) for entry in found[:2]] == [
        ("ERROR", "processing.Q.S.Source", 1_000),
        ("ERROR", "processing.Q.Project", 1_000),
    ]
    source = {
        "target": "key",
        "errorMessage": "bad",
        "recordB64": "AA==",
        "cause": ["outer", "'inner'"],
        "topic": "orders",
    }
    sink = {"target": "value", "errorMessage": "too long", "record": "row", "cause": [], "topic": "out"}
    assert [entry["message"] for entry in found] == [
        {"type": 0, "deserializationError": source},
        {"type": 1, "recordProcessingError": {"errorMessage": "failed", "record": '{"A":1}', "cause": []}},
        {"type": 2, "productionError": {"errorMessage": "refused"}},
        {"type": 3, "serializationError": sink},
        {"type": 4, "kafkaStreamsThreadError": {"errorMessage": "died", "threadName": "task", "cause": ["why"]}},
    ]


async def test_rows_are_left_out_unless_wanted(node: SqlNode) -> None:
    log = ProcessingLog(node.cluster, node.clock, ProcessingLogSettings(topic="log", create_topic=True))
    await log.start()
    log.deserialization_error("Q", "S", "t", "value", "bad", None, b"secret")
    log.record_error("Q", "Project", "failed", None, "secret")
    await log.close()
    assert all("secret" not in str(entry) and "c2VjcmV0" not in str(entry) for entry in await entries(node))


async def test_a_flood_is_counted_instead_of_written(node: SqlNode) -> None:
    log = ProcessingLog(node.cluster, node.clock, SETTINGS)
    await log.start()
    for _ in range(1_000):
        log.record_error("Q", "Project", "failed")
    log.record_error("OTHER", "Project", "failed")
    await log.flush()
    found = await entries(node)
    assert len(found) == 52
    assert found[-1]["message"]["recordProcessingError"]["errorMessage"].startswith("950 more")
    log.record_error("Q", "Project", "failed")
    await log.close()
    assert len(await entries(node)) == 53


async def test_entries_are_written_by_and_by(node: SqlNode) -> None:
    clock = node.clock
    assert isinstance(clock, ManualClock)
    log = ProcessingLog(node.cluster, clock, SETTINGS)
    await log.start()
    log.record_error("Q", "Project", "failed")
    await clock.until_sleeping()
    assert await entries(node) == []
    clock.advance(200)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(await entries(node)) == 1
    log.record_error("Q", "Project", "failed again")
    await clock.until_sleeping()
    assert len(await entries(node)) == 1
    await log.close()


async def test_a_log_without_a_topic_disturbs_nobody(node: SqlNode) -> None:
    log = ProcessingLog(node.cluster, node.clock, ProcessingLogSettings(topic="log"))
    await log.start()
    log.record_error("Q", "Project", "failed")
    await log.close()
    assert node.cluster.topic("log") is None


class FaultyCluster(LocalCluster):
    """Its next commit fails with a defect, once."""

    faulty = True

    async def commit(self, work: Commit) -> list[int]:
        if self.faulty:
            self.faulty = False
            raise RuntimeError("a defect")
        return await super().commit(work)


async def test_a_defect_does_not_end_the_log() -> None:
    clock = ManualClock()
    node = SqlNode(clock, cluster=FaultyCluster)
    log = ProcessingLog(node.cluster, clock, SETTINGS)
    await log.start()
    log.record_error("Q", "Project", "lost")
    await clock.until_sleeping()
    clock.advance(200)
    await clock.until_sleeping()
    assert log.writing.problem == "a defect"
    log.record_error("Q", "Project", "written")
    clock.advance(1_000)
    await clock.until_sleeping()
    clock.advance(200)
    for _ in range(100):
        await asyncio.sleep(0)
    assert log.writing.healthy
    assert [entry["message"]["recordProcessingError"]["errorMessage"] for entry in await entries(node)] == ["written"]
    await log.close()


async def test_no_text_is_too_odd_or_too_long_to_be_reported(node: SqlNode) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    log = ProcessingLog(node.cluster, node.clock, SETTINGS)
    await log.start()
    log.record_error("Q", "Project", "bad: \ud83d", Odd(), "\udc00")
    cause: Exception = ValueError("😀" * 10_000)
    for _ in range(20):
        outer = ValueError(str(len(str(cause))) + "😀" * 10_000)
        outer.__cause__ = cause
        cause = outer
    log.deserialization_error("Q", "S", "t", "value", "\ud83d" + "é" * 100_000, cause, b"x" * 100_000)
    log.serialization_error("Q", "S", "t", "value", "x" * 5_000, None, "y" * 5_000)
    await log.close()
    odd, long, halved = await entries(node)
    shown = {"errorMessage": "bad: ?", "record": "?", "cause": ["Odd"]}
    assert odd["message"]["recordProcessingError"] == shown
    assert all(len(record.value or b"") <= 8192 for record in await node.records("log"))
    payload = long["message"]["deserializationError"]["recordB64"]
    assert set(base64.b64decode(payload, validate=True)) == set(b"x")
    assert len(halved["message"]["serializationError"]["record"]) == 2_000
