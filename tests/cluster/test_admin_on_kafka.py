"""Administration of an Apache Kafka: what the commands for people are made of works there as on our own broker."""

from __future__ import annotations

from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer

from headwater.cluster.admin import AclSelection, ClusterAdmin
from headwater.cluster.api import TopicPartition
from headwater.core.errors import ClusterError, TopicExistsError, UnknownTopicError
from headwater.core.settings import ClusterSettings
from tests.kafka_fixture import Kafka

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]


def read_some(address: str, topic: str, group: str, protocol: str) -> Consumer:
    """A member of the group that has committed 3 of 5 records."""
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    for number in range(5):
        producer.produce(topic, str(number).encode(), partition=0)
    assert producer.flush(20) == 0
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "log_level": 0,
            "group.id": group,
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "client.id": "reader",
        }
    )
    consumer.subscribe([topic])
    assert len(consumer.consume(3, 30)) == 3
    consumer.commit(asynchronous=False)
    return consumer


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_topics_and_groups(kafka: Kafka, protocol: str) -> None:
    name, group = f"admin-{uuid4().hex[:8]}", f"readers-{protocol}"
    async with ClusterAdmin(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers)) as admin:
        await admin.create_topic(name, 1, 1, {"retention.ms": "1000000"})
        with pytest.raises(TopicExistsError):
            await admin.create_topic(name)
    consumer = read_some(kafka.bootstrap_servers, name, group, protocol)
    partition = TopicPartition(name, 0)
    async with ClusterAdmin(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers)) as admin:
        found = await admin.describe_group(group)
        assert (found.info.kind, found.lag(partition)) == (protocol, 2)
        owner = found.owner(partition)
        assert owner is not None
        assert owner.client_id == "reader"
        with pytest.raises(ClusterError):
            await admin.delete_group(group)
        consumer.close()
        await admin.commit(group, {partition: 1})
        assert (await admin.describe_group(group)).lag(partition) == 4
        await admin.delete_group(group)
        with pytest.raises(ClusterError, match="no group"):
            await admin.describe_group(group)
        await admin.alter_configs(name, {"cleanup.policy": "compact"}, ["retention.ms"])
        assert await admin.configs(name) == {"cleanup.policy": "compact"}
        await admin.add_partitions(name, 2)
        assert [(p.partition, p.start, p.end) for p in (await admin.partitions(name))[:1]] == [(0, 0, 5)]
        await admin.delete_topics([name])
        with pytest.raises(UnknownTopicError):
            await admin.delete_topics(["no-such-topic"])


async def test_what_kafka_refuses_is_told_in_its_words(kafka: Kafka) -> None:
    async with ClusterAdmin(ClusterSettings(bootstrap_servers=kafka.bootstrap_servers)) as admin:
        with pytest.raises(ClusterError, match="listing ACLs: SECURITY_DISABLED, No Authorizer"):
            await admin.acls(AclSelection())
        with pytest.raises(ClusterError, match=r"INVALID_PARTITIONS|INVALID_REPLICATION"):
            await admin.create_topic("refused", 1, 5)
        with pytest.raises(ClusterError, match="creating topic refused: INVALID_CONFIG"):
            await admin.create_topic("refused", 1, 1, {"cleanup.policy": "nonsense"})
