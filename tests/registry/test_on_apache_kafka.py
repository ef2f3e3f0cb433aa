"""Two nodes on one Apache Kafka: one writes the schemas, the other sends writes on and reads its own memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
import pytest

from headwater.app.node import Node
from headwater.cluster.kafka import KafkaCluster
from headwater.core.clock import SystemClock
from headwater.core.settings import ClusterSettings, KsqlSettings, NodeSettings, RegistrySettings, Settings
from headwater.registry.decisions import NEW_ID, Candidate
from headwater.registry.errors import RegistryError
from headwater.registry.registering import register
from headwater.registry.registry import TRANSACTIONAL_ID, Registry
from tests.broker.server import until
from tests.kafka_fixture import Kafka
from tests.registry.registry_door import CHANGED, RECORD, WIDER, body

pytestmark = [pytest.mark.kafka, pytest.mark.compat, pytest.mark.xdist_group("kafka")]


def _settings(kafka: Kafka, service: str) -> Settings:
    return Settings(
        node=NodeSettings(memory=True),
        ksql=KsqlSettings(port=0, service_id=service),
        registry=RegistrySettings(port=0),
        cluster=ClusterSettings(bootstrap_servers=kafka.bootstrap_servers),
    )


async def _ask(node: Node, method: str, path: str, content: object = None) -> tuple[int, Any]:
    url = next(endpoint.address for endpoint in node.endpoints if endpoint.name == "registry")
    async with httpx.AsyncClient() as client:
        answer = await client.request(method, url + path, json=content)
        return answer.status_code, answer.json()


async def _until(node: Node, path: str, expected: object) -> None:
    """The other node reads the topic in its own time."""
    await _tried(node, "GET", path, None, lambda status, answer: answer == expected)


async def _tried(node: Node, method: str, path: str, content: object, good: Callable[[int, Any], bool]) -> None:
    """Ask until the answer is good: nothing announces what another process knows."""
    async with asyncio.timeout(30):
        for _ in count():
            if good(*await _ask(node, method, path, content)):
                return
            await asyncio.sleep(0.02)


async def test_two_nodes_elect_one_writer_and_either_takes_every_request(kafka: Kafka) -> None:
    first, second = (Node(_settings(kafka, service), listeners=("registry",)) for service in ("one_", "two_"))
    try:
        await first.start()
        assert await _ask(first, "POST", "/subjects/a/versions", body(RECORD)) == (200, {"id": 1})
        await second.start()
        for node in (first, second):
            assert await _ask(node, "POST", "/subjects/a/versions", body(WIDER)) == (200, {"id": 2})
            await _until(node, "/subjects/a/versions", [1, 2])
        status, refused = await _ask(second, "POST", "/subjects/a/versions", body(CHANGED))
        assert (status, refused["error_code"]) == (409, 409)
        for number, node in enumerate((first, second), 3):
            made = await _ask(
                node, "POST", f"/subjects/s{number}/versions", body({"type": "fixed", "name": "F", "size": number})
            )
            assert made == (200, {"id": number})
            assert await _ask(node, "GET", f"/schemas/ids/{number}/subjects") == (200, [f"s{number}"])
        assert await _ask(second, "PUT", "/config/s3", {"compatibility": "NONE"}) == (200, {"compatibility": "NONE"})
        await _until(first, "/config/s3", {"compatibilityLevel": "NONE"})
        sql = "CREATE STREAM {0} (k INT KEY, v INT) WITH (kafka_topic='{0}', partitions=1, value_format='AVRO');"
        await first.engine.execute(sql.format("from_first"))
        await second.engine.execute(sql.format("from_second"))
        for node in (first, second):
            await _until(node, "/subjects?subjectPrefix=from_", ["from_first-value", "from_second-value"])
        await first.close()
        await _tried(second, "POST", "/subjects/b/versions", body("bytes"), lambda status, _: status == 200)
        assert await _ask(second, "GET", "/subjects/b/versions") == (200, [1])
    finally:
        await first.close()
        await second.close()


async def test_a_writer_that_was_replaced_and_does_not_know_it_is_refused(kafka: Kafka) -> None:
    clusters = [KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers)) for _ in range(3)]
    clock = SystemClock()
    former, writer, reader = (Registry(cluster, clock) for cluster in clusters)
    try:
        for cluster in clusters:
            await cluster.start()
        await former.load()
        await former.lead()
        await _register(former, "before")
        await writer.load()
        await writer.lead()
        with pytest.raises(RegistryError, match="cannot be written"):
            await _register(former, "late")
        assert not former.writes_here
        await _register(writer, "after")
        await _register(writer, "after that")
        await reader.load()
        for registry in (former, writer, reader):
            await registry.catch_up()
            assert {"before", "after", "after that"} <= set(registry.state.subjects)
            assert "late" not in registry.state.subjects
        await former.lead()
        await _register(former, "again")
        with pytest.raises(RegistryError, match="cannot be written"):
            await _register(writer, "late")
    finally:
        for registry, cluster in zip((former, writer, reader), clusters, strict=True):
            await registry.close()
            await cluster.close()


async def _register(registry: Registry, subject: str) -> None:
    candidate = Candidate('"string"', "AVRO", id=NEW_ID)
    await registry.carry_out(lambda _: register(registry.schemas, subject, candidate, False, 0))


async def test_a_writer_that_was_shut_out_writes_again_once_the_group_says_so(kafka: Kafka) -> None:
    """As after a transaction that took so long that Kafka has aborted it."""
    node = Node(_settings(kafka, "shut_out_"), listeners=("registry",))
    somebody = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers))
    try:
        await node.start()
        await somebody.start()
        assert (await _ask(node, "POST", "/subjects/shut-out/versions", body(RECORD)))[0] == 200
        await somebody.take_over(TRANSACTIONAL_ID)
        status, refused = await _ask(node, "POST", "/subjects/shut-out/versions", body(WIDER))
        assert (status, refused["error_code"]) == (500, 50001)
        await _tried(node, "POST", "/subjects/shut-out/versions", body(WIDER), lambda status, _: status == 200)
        assert await _ask(node, "GET", "/subjects/shut-out/versions") == (200, [1, 2])
    finally:
        await node.close()
        await somebody.close()


async def test_who_is_elected_again_is_not_shut_out_by_itself(kafka: Kafka) -> None:
    cluster = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers))
    registry = Registry(cluster, SystemClock())
    try:
        await cluster.start()
        await registry.load()
        await registry.lead()
        writing = asyncio.create_task(_register(registry, "in-flight"))
        await until(cluster._transactions[TRANSACTIONAL_ID]._lock.locked)
        registry.defer(None)
        await registry.lead()
        await writing
        assert registry.writes_here
        await _register(registry, "afterwards")
    finally:
        await registry.close()
        await cluster.close()
