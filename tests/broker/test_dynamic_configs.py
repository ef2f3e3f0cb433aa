"""Configs of the node and of groups that clients change: what holds, where it comes from, what is refused."""

from __future__ import annotations

import json

import pytest

from headwater.broker.dynamic_configs import BROKER, DEFAULT, DYNAMIC_EVERY_NODE, DYNAMIC_GROUP, DYNAMIC_NODE, GROUP
from headwater.broker.errors import Code
from headwater.broker.handlers.configs import APPEND, DELETE, DYNAMIC_TOPIC, SET, SUBTRACT, TOPIC
from headwater.core.errors import StartupError
from headwater.log.storage import MemoryStorage
from headwater.wire.messages import (
    AlterConfigsRequest,
    AlterConfigsResponse,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from tests.broker.server import RawClient, running_broker

Entry = DescribeConfigsResponse.DescribeConfigsResourceResult


async def described(client: RawClient, kind: int, name: str) -> dict[str, Entry]:
    wanted = DescribeConfigsRequest.DescribeConfigsResource(
        resource_type=kind, resource_name=name, configuration_keys=None
    )
    request = DescribeConfigsRequest(resources=[wanted], include_synonyms=True)
    (result,) = (await client.ask(request, 4, DescribeConfigsResponse)).results
    assert result.error_code == Code.NONE
    return {entry.name: entry for entry in result.configs}


async def alter(client: RawClient, kind: int, name: str, *changes: tuple[str, int, str | None]) -> int:
    configs = [
        IncrementalAlterConfigsRequest.AlterableConfig(name=n, config_operation=operation, value=value)
        for n, operation, value in changes
    ]
    resource = IncrementalAlterConfigsRequest.AlterConfigsResource(
        resource_type=kind, resource_name=name, configs=configs
    )
    request = IncrementalAlterConfigsRequest(resources=[resource])
    return (await client.ask(request, 1, IncrementalAlterConfigsResponse)).responses[0].error_code


async def test_a_topics_config_comes_from_itself_then_this_node_then_every_node_then_kafka() -> None:
    async with running_broker() as running:
        topic = running.broker.auto_create("orders")
        client = await RawClient.connect(running.port)
        for kind, name, config, value, source in (
            (BROKER, "", "log.retention.ms", "1000", DYNAMIC_EVERY_NODE),
            (BROKER, "1", "log.retention.ms", "2000", DYNAMIC_NODE),
            (TOPIC, "orders", "retention.ms", "3000", DYNAMIC_TOPIC),
        ):
            assert await alter(client, kind, name, (config, SET, value)) == Code.NONE
            entry = (await described(client, TOPIC, "orders"))["retention.ms"]
            assert (entry.value, entry.config_source) == (value, source)
            assert topic.partitions[0].limits.retention_ms == int(value)
        assert [(s.name, s.source, s.value) for s in entry.synonyms] == [
            ("retention.ms", DYNAMIC_TOPIC, "3000"),
            ("log.retention.ms", DYNAMIC_NODE, "2000"),
            ("log.retention.ms", DYNAMIC_EVERY_NODE, "1000"),
            ("log.retention.ms", DEFAULT, "604800000"),
        ]
        assert running.broker.auto_create("later").limits.retention_ms == 2000
        assert {n: e.value for n, e in (await described(client, BROKER, "")).items()} == {"log.retention.ms": "1000"}
        assert await alter(client, BROKER, "1", ("log.retention.ms", DELETE, None)) == Code.NONE
        assert running.broker.log.topics()["later"].limits.retention_ms == 1000
        await client.close()


async def test_lists_of_the_node_are_added_to_and_taken_from() -> None:
    async with running_broker() as running:
        topic = running.broker.auto_create("orders")
        client = await RawClient.connect(running.port)
        assert await alter(client, BROKER, "1", ("log.cleanup.policy", APPEND, "compact")) == Code.NONE
        assert (topic.limits.delete, topic.limits.compact) == (True, True)
        assert await alter(client, BROKER, "1", ("log.cleanup.policy", SUBTRACT, "compact")) == Code.NONE
        assert (topic.limits.delete, topic.limits.compact) == (True, False)
        await client.close()


async def test_altering_all_configs_of_the_node_takes_away_those_that_are_not_given() -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        assert await alter(client, BROKER, "1", ("log.segment.bytes", SET, "2000000")) == Code.NONE
        config = AlterConfigsRequest.AlterableConfig(name="log.flush.interval.messages", value="1234")
        wanted = AlterConfigsRequest.AlterConfigsResource(resource_type=BROKER, resource_name="1", configs=[config])
        answer = await client.ask(AlterConfigsRequest(resources=[wanted]), 2, AlterConfigsResponse)
        assert answer.responses[0].error_code == Code.NONE
        entries = await described(client, BROKER, "1")
        assert entries["log.flush.interval.messages"].config_source == DYNAMIC_NODE
        assert entries["log.segment.bytes"].config_source == DEFAULT
        assert entries["advertised.listeners"].read_only
        await client.close()


async def test_a_groups_session_timeout_and_interval_are_its_own_and_outlast_a_restart() -> None:
    storage = MemoryStorage()
    async with running_broker(storage=storage) as running:
        client = await RawClient.connect(running.port)
        changes = ("consumer.heartbeat.interval.ms", SET, "5000"), ("consumer.session.timeout.ms", SET, "50000")
        assert await alter(client, GROUP, "billing", *changes) == Code.NONE
        entry = (await described(client, GROUP, "billing"))["consumer.session.timeout.ms"]
        assert (entry.value, entry.config_source) == ("50000", DYNAMIC_GROUP)
        await client.close()
    async with running_broker(storage=storage) as running:
        client = await RawClient.connect(running.port)
        for group, interval in (("billing", 5_000), ("other", 1_000)):
            request = ConsumerGroupHeartbeatRequest(
                group_id=group,
                member_id="m",
                rebalance_timeout_ms=1000,
                subscribed_topic_names=["t"],
                topic_partitions=[],
            )
            answer = await client.ask(request, 1, ConsumerGroupHeartbeatResponse)
            assert (answer.error_code, answer.heartbeat_interval_ms) == (Code.NONE, interval)
        await client.close()


async def test_a_groups_session_is_longer_than_its_interval_whatever_is_changed_last() -> None:
    interval, session = "consumer.heartbeat.interval.ms", "consumer.session.timeout.ms"
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        for changes, code in (
            ([(interval, SET, "60000"), (session, SET, "60001")], Code.NONE),
            ([(session, SET, "60000")], Code.INVALID_CONFIG),
            ([(session, DELETE, None)], Code.INVALID_CONFIG),
            ([(session, DELETE, None), (interval, DELETE, None)], Code.NONE),
        ):
            assert await alter(client, GROUP, "billing", *changes) == code
        await client.close()


@pytest.mark.parametrize(
    ("kind", "name", "configs", "said"),
    [
        (BROKER, "1", {"log.retention.ms": "soon"}, "soon"),
        (BROKER, "1", {"no.such": "1"}, "no.such"),
        (GROUP, "billing", {"consumer.session.timeout.ms": "soon"}, "soon"),
        (GROUP, "billing", {"consumer.heartbeat.interval.ms": "60000"}, "60000"),
        (99, "", {}, "damaged"),
    ],
)
async def test_a_node_says_at_its_start_what_is_wrong_in_the_file(
    kind: int, name: str, configs: dict[str, str], said: str
) -> None:
    storage = MemoryStorage()
    document = {"version": 1, "resources": [{"type": kind, "name": name, "configs": configs}]}
    storage.replace("configs.json", json.dumps(document).encode(), sync=True)
    with pytest.raises(StartupError, match=rf"^configs\.json .*{said}"):
        async with running_broker(storage=storage):
            pass


@pytest.mark.parametrize(
    ("kind", "name", "config", "value", "code"),
    [
        (BROKER, "1", "log.retention.ms", "soon", Code.INVALID_CONFIG),
        (BROKER, "1", "broker.id", "5", Code.INVALID_CONFIG),
        (BROKER, "9", "log.retention.ms", "1", Code.INVALID_REQUEST),
        (GROUP, "billing", "consumer.session.timeout.ms", "1", Code.INVALID_CONFIG),
        (GROUP, "billing", "retention.ms", "1", Code.INVALID_CONFIG),
        (GROUP, "billing", "consumer.heartbeat.interval.ms", "45000", Code.INVALID_CONFIG),
        (GROUP, "", "consumer.session.timeout.ms", "50000", Code.INVALID_REQUEST),
        (16, "subscription", "interval.ms", "1000", Code.INVALID_REQUEST),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    kind: int, name: str, config: str, value: str, code: Code
) -> None:
    storage = MemoryStorage()
    async with running_broker(storage=storage) as running:
        client = await RawClient.connect(running.port)
        assert await alter(client, kind, name, (config, SET, value)) == code
        assert running.broker.log.read_metadata("configs.json") is None
        await client.close()
