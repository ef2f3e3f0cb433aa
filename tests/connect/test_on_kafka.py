"""The worker over a real Apache Kafka cluster: its state, a source's transactions and a sink's group are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from headwater.app.connect_election import ConnectElection
from headwater.cluster.kafka import KafkaCluster
from headwater.cluster.remote.errors import FencedError
from headwater.connect.errors import UsageError
from headwater.connect.plugins import Plugins
from headwater.connect.worker import Worker, WorkerSettings
from headwater.core.clock import SystemClock
from headwater.core.settings import ClusterSettings
from headwater.testing.connect_rig import ConnectRig
from tests.connect.toy import SINK, SOURCE, Held, HeldConnector, Numbers, NumbersConnector
from tests.kafka_fixture import Kafka

pytestmark = pytest.mark.kafka


class Member:
    """A worker that takes part in the election, as a node on Apache Kafka does."""

    def __init__(self, kafka: Kafka, folder: Path, url: str) -> None:
        settings = ClusterSettings(bootstrap_servers=kafka.bootstrap_servers, request_timeout_ms=10_000)
        clock = SystemClock()
        self.cluster = KafkaCluster(settings, clock)
        told = WorkerSettings(folder, url, group_id="election-test", config_topic="election-configs")
        self.worker = Worker(self.cluster, clock, told, Plugins([NumbersConnector]))
        self.election = ConnectElection(self.worker, self.cluster, url)

    async def __aenter__(self) -> Self:
        await self.cluster.start()
        await self.election.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.worker.close()
        await self.election.close()
        await self.cluster.close()


async def test_of_two_workers_one_runs_the_connectors_and_the_other_takes_over(
    kafka: Kafka, tmp_path: Path, numbers: Numbers
) -> None:
    numbers.end = 10
    async with Member(kafka, tmp_path, "http://b:8083") as second:
        await second.worker.create("elected", {**SOURCE, "topic": "elected"})
        await until(lambda: progress(second) == 10)
        async with Member(kafka, tmp_path, "http://a:8083") as first:
            await until(lambda: second.worker.leader_url == "http://a:8083" and first.worker.ready)
            assert first.worker.names() == ["elected"]
            await until(lambda: states(first) == ["RUNNING", "RUNNING"])
            numbers.end = 20
            await until(lambda: progress(first) == 20)
            with pytest.raises(UsageError, match="they run at http://a:8083"):
                second.worker.names()
        await until(lambda: second.worker.ready and second.worker.leader_url is None)
        assert second.worker.names() == ["elected"]
        # It writes again under ids that the other one had taken from it.
        numbers.end = 30
        await until(lambda: progress(second) == 30)
        assert states(second) == ["RUNNING", "RUNNING"]
        await second.worker.pause("elected")


async def test_a_worker_that_was_shut_out_stops_until_the_group_has_decided(
    kafka: Kafka, tmp_path: Path, numbers: Numbers
) -> None:
    somebody = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers))
    async with Member(kafka, tmp_path, "http://a:8083") as member:
        numbers.end = 1
        await member.worker.create("shut-out", {**SOURCE, "topic": "shut-out"})
        await until(lambda: [task["state"] for task in member.worker.status("shut-out")["tasks"]] == ["RUNNING"])
        await somebody.start()
        try:
            await somebody.take_over(member.worker.settings.configs_transactional_id)
        finally:
            await somebody.close()
        with pytest.raises(FencedError):
            await member.worker.pause("shut-out")
        await until(lambda: not member.worker.ready)
        await until(lambda: member.worker.ready)
        await member.worker.pause("shut-out")


def states(member: Member) -> list[str]:
    """Of the connector and its tasks."""
    told = member.worker.status("elected")
    return [told["connector"]["state"], *(task["state"] for task in told["tasks"])]


def progress(member: Member) -> int:
    """The number behind the last one that is written."""
    found = member.worker._offsets.offset("elected", {"numbers": "all"})
    return int((found or {"next": 0})["next"])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - Kafka's group moves it
            await asyncio.sleep(0.05)


async def test_a_source_and_a_sink_go_on_after_a_restart_of_the_worker(
    kafka: Kafka, tmp_path: Path, numbers: Numbers, held: Held
) -> None:
    cluster = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers, request_timeout_ms=10_000))
    numbers.end = 25
    async with ConnectRig(tmp_path, (NumbersConnector, HeldConnector), cluster=cluster) as rig:
        smt = {
            "transforms": "id",
            "transforms.id.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
            "transforms.id.renames": "n:id",
        }
        await rig.create("kafka-n", {**SOURCE, **smt, "topic": "kafka-items"})
        await rig.create("kafka-h", {**SINK, "topics": "kafka-items", "errors.retry.delay.max.ms": "1000"})
        await rig.until(lambda: held.ids == list(range(25)), "the first 25")

        async def committed() -> bool:
            found = await rig.worker.offsets("kafka-h")
            # The markers of transactions have offsets too.
            return bool(found) and found[0]["offset"]["kafka_offset"] >= 25

        await rig.until(committed, "the sink's offsets")
        await rig.restart()
        numbers.end = 40
        await rig.until(lambda: held.ids == list(range(40)), "the rest, once")
        assert await rig.worker.offsets("kafka-n") == [{"partition": {"numbers": "all"}, "offset": {"next": 40}}]
