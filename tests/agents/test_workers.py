"""An app in processes of its own and inside a node: shared partitions, kill -9, groups and lineage."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater.cluster.api import EARLIEST, Commit, TopicPartition, TopicSpec
from headwater.cluster.batches import Partitioner, appends
from headwater.cluster.kafka import KafkaCluster
from headwater.core.settings import ClusterSettings
from headwater.wire.records import read_records
from tests.app.processes import command, environment, headwater_up, run
from tests.kafka_fixture import Kafka

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(120)  # a killed worker is noticed after ten seconds
PARTITIONS, CUSTOMERS = 4, 10
PATIENCE_SECONDS = 50.0


@contextmanager
def worker(servers: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    arguments = command("worker", "shop:app", "--bootstrap-servers", servers)
    with log.open("ab") as errors:
        process = subprocess.Popen(arguments, cwd=HERE, env=environment(), stdout=subprocess.DEVNULL, stderr=errors)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def connected(servers: str) -> AsyncIterator[KafkaCluster]:
    cluster = KafkaCluster(ClusterSettings(bootstrap_servers=servers))
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.close()


async def order(cluster: KafkaCluster, ids: range) -> None:
    records = [
        (b"c%d" % (n % CUSTOMERS), json.dumps({"id": n, "customer": f"c{n % CUSTOMERS}"}).encode(), n, ()) for n in ids
    ]
    parts = Partitioner(PARTITIONS).split(records)
    await cluster.commit(Commit([a for index, part in parts for a in appends("orders", index, part)]))


class Reader:
    """Everything that has come into a topic so far."""

    def __init__(self, cluster: KafkaCluster, topic: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._positions: dict[TopicPartition, int] = {}
        self.values: list[Any] = []

    async def until(self, count: int) -> list[Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._cluster.topic(self._topic) is None:
                await self._cluster.refresh()
                await asyncio.sleep(0.05)
            if not self._positions:
                places = [TopicPartition(self._topic, index) for index in range(PARTITIONS)]
                self._positions = {place: await self._cluster.list_offset(place, EARLIEST) for place in places}
            while len(self.values) < count:
                await self._cluster.wait(self._positions, 1)
                for batch in await self._cluster.fetch(self._positions):
                    records = read_records(batch.data, self._positions[batch.partition])
                    self.values += [json.loads(record.value or b"") for record in records]
                    self._positions[batch.partition] = batch.next_offset
        return self.values


async def check_two_workers(servers: str, folder: Path) -> None:
    """One of two is killed in the middle: every order is numbered once, and each customer's numbers have no gaps."""
    half, total = 4_000, 8_000
    async with connected(servers) as cluster:
        await cluster.create_topics([TopicSpec("orders", PARTITIONS)])
        numbered, ids = Reader(cluster, "numbered"), Reader(cluster, "ids")
        with worker(servers, folder / "1.log") as first, worker(servers, folder / "2.log") as second:
            await order(cluster, range(half))
            await numbered.until(half // 4)
            first.kill()
            await order(cluster, range(half, total))
            found = await numbered.until(total)
            assert Counter(await ids.until(total)) == Counter(range(total))
            second.terminate()
            assert await asyncio.to_thread(second.wait, 20) == 0
    assert Counter(row["id"] for row in found) == Counter(range(total))
    for customer in range(CUSTOMERS):
        mine = sorted(row["number"] for row in found if row["customer"] == f"c{customer}")
        assert mine == list(range(1, total // CUSTOMERS + 1))


async def test_two_workers_share_an_app_and_one_is_killed(tmp_path: Path) -> None:
    with headwater_up("--memory") as node:
        await check_two_workers(node.endpoints["kafka"], tmp_path)


@pytest.mark.kafka
async def test_the_same_on_apache_kafka(kafka: Kafka, tmp_path: Path) -> None:
    await check_two_workers(kafka.bootstrap_servers, tmp_path)


async def test_inside_a_node_a_kill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    total = 6_000
    env = {"PYTHONPATH": f"{environment()['PYTHONPATH']}:{HERE}"}
    options = ("--data", str(tmp_path / "data"), "--agents", "shop:app")
    with headwater_up(*options, env=env) as node:
        async with connected(node.endpoints["kafka"]) as cluster:
            await cluster.create_topics([TopicSpec("orders", PARTITIONS)])
            await order(cluster, range(total))
            await Reader(cluster, "numbered").until(total // 4)
            node.process.kill()
            node.process.wait()
    with headwater_up(*options, expect=("kafka", "ksqldb", "registry"), env=env) as node:
        async with connected(node.endpoints["kafka"]) as cluster:
            await order(cluster, range(total, total + PARTITIONS))  # so that lineage sees it write, in this process too
            total += PARTITIONS
            found = await Reader(cluster, "numbered").until(total)
        server = f"http://{node.endpoints['registry'].removeprefix('http://')}"
        shown = await asyncio.to_thread(run, "lineage", "orders", "--server", server)
        while "topic numbered" not in shown.stdout:  # the graph is looked at every few seconds
            shown = await asyncio.to_thread(run, "lineage", "orders", "--server", server)
        groups = await asyncio.to_thread(
            run, "groups", "describe", "shop", "--bootstrap-servers", node.endpoints["kafka"]
        )
    assert Counter(row["id"] for row in found) == Counter(range(total))
    assert "group shop" in shown.stdout, shown
    assert "topic numbered" in shown.stdout, shown
    assert "orders" in groups.stdout
