"""A query on Apache Kafka that another node runs by now: each record counts once, whoever began with it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from headwater.app.node import Node
from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.cluster.remote.errors import FencedError
from headwater.core.settings import ClusterSettings, KsqlSettings, NodeSettings, Settings
from headwater.testing.cluster_suite import batch, read_all
from tests.kafka_fixture import Kafka

pytestmark = [pytest.mark.kafka, pytest.mark.compat, pytest.mark.xdist_group("kafka")]
RECORDS = 20


async def test_a_query_is_run_by_the_node_that_started_last(kafka: Kafka) -> None:
    name = f"q{uuid4().hex[:8]}"
    properties = {"processing.guarantee": "exactly_once_v2", "ksql.query.retry.backoff.initial.ms": "50"}
    settings = Settings(
        node=NodeSettings(memory=True),
        ksql=KsqlSettings(service_id=f"{name}_", properties=properties),
        cluster=ClusterSettings(bootstrap_servers=kafka.bootstrap_servers),
    )
    first, second = Node(settings, listeners=()), Node(settings, listeners=())
    try:
        await first.start()
        await first.engine.execute(
            f"CREATE STREAM s (v INT) WITH (kafka_topic='{name}', partitions=1, value_format='JSON');"
            f"CREATE STREAM counted WITH (kafka_topic='{name}-out') AS SELECT v FROM s;"
        )
        await second.start()
        (replaced,) = first.engine.runtime.queries.values()
        source, sink = TopicPartition(name, 0), TopicPartition(f"{name}-out", 0)
        late = Commit([Append(sink, batch("late"))], transactional_id=f"{replaced.group}-0-0")
        with pytest.raises(FencedError):
            await first.cluster.commit(late)
        records = [f'{{"V":{number}}}' for number in range(RECORDS)]
        await second.cluster.commit(Commit([Append(source, batch(*records))]))
        found = [value for _, value in await read_all(second.cluster, sink, 0, RECORDS)]
        assert found == [record.encode() for record in records]
        while len(replaced.errors) < 3:  # noqa: ASYNC110 - it tries again, and does not take back what another node has
            await asyncio.sleep(0.01)
        await second.cluster.commit(Commit([Append(source, batch('{"V":-1}'))]))
        found = [value for _, value in await read_all(second.cluster, sink, 0, RECORDS + 1)]
        assert found[RECORDS:] == [b'{"V":-1}']
    finally:
        await first.close()
        await second.close()
