"""KafkaCluster against a real Apache Kafka broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from headwater.cluster.api import Append, Commit, TopicPartition, TopicSpec
from headwater.cluster.kafka import KafkaCluster
from headwater.cluster.remote.errors import FencedError
from headwater.core.errors import ClusterError, StartupError, TopicExistsError, UnknownTopicError
from headwater.core.settings import ClusterSettings
from headwater.testing.cluster_suite import ClusterSuite
from headwater.wire.records import build_batch, read_records
from tests.kafka_fixture import Kafka, Server

pytestmark = pytest.mark.kafka


def batch(*values: str, timestamp: int = 1_000) -> bytes:
    return build_batch((None, value.encode(), timestamp, ()) for value in values)


async def values_of(cluster: KafkaCluster, partition: TopicPartition, count: int) -> list[str]:
    """The first `count` values of a partition, waiting for them."""
    position, seen = 0, list[str]()
    async with asyncio.timeout(20):
        while len(seen) < count:
            await cluster.wait({partition: position}, 5)
            for fetched in await cluster.fetch({partition: position}):
                seen += [(r.value or b"").decode() for r in read_records(fetched.data, position)]
                position = fetched.next_offset
    return seen


@pytest.fixture
async def cluster(kafka: Kafka) -> AsyncIterator[KafkaCluster]:
    cluster = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers, request_timeout_ms=10_000))
    await cluster.start()
    yield cluster
    await cluster.close()


class TestKafkaCluster(ClusterSuite):
    """What every cluster does."""


@pytest.fixture
async def topic(cluster: KafkaCluster) -> str:
    name = f"t-{uuid4()}"
    await cluster.create_topics([TopicSpec(name, partitions=2, configs={"retention.ms": "123456"})])
    return name


async def test_a_created_topic_is_there_with_its_configs(cluster: KafkaCluster, topic: str) -> None:
    info = cluster.topic(topic)
    assert info is not None
    assert (info.partitions, info.replication, info.configs["retention.ms"]) == (2, 1, "123456")
    assert cluster.cluster_id
    with pytest.raises(TopicExistsError):
        await cluster.create_topics([TopicSpec(topic)])


async def test_a_deleted_topic_is_unknown(cluster: KafkaCluster, topic: str) -> None:
    await cluster.delete_topics([topic])
    assert cluster.topic(topic) is None
    with pytest.raises(UnknownTopicError, match=topic):
        await cluster.delete_topics([topic])
    with pytest.raises(UnknownTopicError, match=topic):
        await cluster.fetch({TopicPartition(topic, 0): 0})


async def test_appended_batches_come_back_with_their_offsets(cluster: KafkaCluster, topic: str) -> None:
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    work = [Append(zero, batch("a", "b") + batch("c")), Append(one, batch("x")), Append(zero, batch("d"))]
    assert await cluster.commit(Commit(work)) == [0, 0, 3]
    assert await cluster.commit(Commit([Append(zero, batch("e"))])) == [4]
    assert await values_of(cluster, zero, 5) == ["a", "b", "c", "d", "e"]
    assert await values_of(cluster, one, 1) == ["x"]


async def test_group_offsets_are_kept_and_forgotten(cluster: KafkaCluster, topic: str) -> None:
    zero, one, group = TopicPartition(topic, 0), TopicPartition(topic, 1), f"g-{uuid4()}"
    assert await cluster.committed(group, [zero, one]) == {}
    await cluster.commit(Commit(group=group, offsets={zero: 5}))
    assert await cluster.committed(group, [zero, one]) == {zero: 5}
    await cluster.delete_group(group)
    await cluster.delete_group(group)
    assert await cluster.committed(group, [zero, one]) == {}


async def test_a_transaction_writes_records_and_offsets(cluster: KafkaCluster, topic: str) -> None:
    zero, one, group, owner = TopicPartition(topic, 0), TopicPartition(topic, 1), f"g-{uuid4()}", f"tx-{uuid4()}"
    for value in ("a", "b"):
        work = [Append(zero, batch(value)), Append(one, batch(value.upper()))]
        await cluster.commit(Commit(work, group=group, offsets={zero: 1}, transactional_id=owner))
    assert await values_of(cluster, zero, 2) == ["a", "b"]
    assert await values_of(cluster, one, 2) == ["A", "B"]
    assert await cluster.committed(group, [zero]) == {zero: 1}


async def test_a_failed_transaction_leaves_nothing_visible(cluster: KafkaCluster, topic: str) -> None:
    partition, owner = TopicPartition(topic, 0), f"tx-{uuid4()}"
    nowhere = TopicPartition(topic, 1)
    too_large = Append(nowhere, batch("x" * 2_000_000))
    with pytest.raises(ClusterError, match="MESSAGE_TOO_LARGE"):
        await cluster.commit(Commit([Append(partition, batch("void")), too_large], transactional_id=owner))
    await cluster.commit(Commit([Append(partition, batch("kept"))], transactional_id=owner))
    assert await values_of(cluster, partition, 1) == ["kept"]


async def test_a_second_owner_of_a_transactional_id_fences_the_first(
    kafka: Kafka, cluster: KafkaCluster, topic: str
) -> None:
    partition, owner = TopicPartition(topic, 0), f"tx-{uuid4()}"
    work = Commit([Append(partition, batch("a"))], transactional_id=owner)
    await cluster.commit(work)
    second = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers))
    await second.start()
    try:
        await second.commit(work)
        for _ in range(2):
            with pytest.raises(FencedError):
                await cluster.commit(work)
            with pytest.raises(FencedError):
                await cluster.regain(owner)
        await second.commit(work)
        await cluster.take_over(owner)  # the group, or whoever decides, has given it back
        await cluster.commit(work)
        with pytest.raises(FencedError):
            await second.commit(work)
    finally:
        await second.close()


async def test_who_was_replaced_in_the_middle_of_a_failure_does_not_get_the_id_back(
    kafka: Kafka, cluster: KafkaCluster, topic: str
) -> None:
    partition, owner = TopicPartition(topic, 0), f"tx-{uuid4()}"
    work = Commit([Append(partition, batch("a"))], transactional_id=owner)
    await cluster.take_over(owner)
    second = KafkaCluster(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers))
    await second.start()
    try:
        with pytest.raises(ClusterError, match="MESSAGE_TOO_LARGE"):
            await cluster.commit(Commit([Append(partition, batch("x" * 2_000_000))], transactional_id=owner))
        await cluster.regain(owner)  # its own failure is no loss
        await cluster.commit(work)
        with pytest.raises(ClusterError, match="MESSAGE_TOO_LARGE"):
            await cluster.commit(Commit([Append(partition, batch("x" * 2_000_000))], transactional_id=owner))
        await second.take_over(owner)
        with pytest.raises(FencedError):
            await cluster.regain(owner)
        await second.commit(work)
        with pytest.raises(FencedError):
            await cluster.commit(work)
    finally:
        await second.close()


async def test_a_cancelled_commit_runs_to_its_end(cluster: KafkaCluster, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    work = Commit([Append(partition, batch("a"))], transactional_id=f"tx-{uuid4()}")
    task = asyncio.create_task(cluster.commit(work))
    await asyncio.sleep(0)  # let it begin
    task.cancel()
    assert await values_of(cluster, partition, 1) == ["a"]


async def test_a_lost_connection_is_opened_again(cluster: KafkaCluster, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    await cluster.commit(Commit([Append(partition, batch("a"))]))
    for connection in cluster._brokers._connections.values():
        connection.close()
    await cluster.commit(Commit([Append(partition, batch("b"))]))
    assert await values_of(cluster, partition, 2) == ["a", "b"]


async def test_a_password_lets_in_and_a_wrong_one_is_refused_by_name(kafka: Kafka) -> None:
    def settings(password: str) -> ClusterSettings:
        return ClusterSettings(
            bootstrap_servers=kafka.sasl_bootstrap_servers,
            security_protocol="SASL_PLAINTEXT",
            sasl_username="alice",
            sasl_password=password,
        )

    cluster = KafkaCluster(settings("alice-secret"))
    await cluster.start()
    await cluster.close()
    with pytest.raises(StartupError, match="refused user `alice`: Authentication failed") as caught:
        await KafkaCluster(settings("guess")).start()
    assert "guess" not in str(caught.value)


@pytest.mark.slow
async def test_work_goes_on_when_the_broker_comes_back(own_kafka: Server) -> None:
    cluster = KafkaCluster(ClusterSettings(bootstrap_servers=own_kafka.addresses.bootstrap_servers))
    await cluster.start()
    partition, group = TopicPartition("t", 0), "g"
    await cluster.create_topics([TopicSpec("t")])
    committed: list[str] = []

    async def commit(value: str, owner: str | None) -> None:
        await cluster.commit(Commit([Append(partition, batch(value))], group, {partition: 1}, owner))
        committed.append(value)

    await commit("before", None)
    await commit("before, in a transaction", "tx")
    waiting = asyncio.create_task(cluster.wait({partition: 10_000_000}, 60))
    own_kafka.kill()
    during = [asyncio.create_task(commit("during", None)), asyncio.create_task(commit("during too", "tx"))]
    await asyncio.to_thread(own_kafka.start)
    await asyncio.gather(*during)
    await commit("after", "tx")
    assert sorted(await values_of(cluster, partition, 5)) == sorted(committed)
    assert await cluster.committed(group, [partition]) == {partition: 1}
    waiting.cancel()
    await cluster.close()
