"""A query that the cluster has shut out goes on where nobody else has, and gives way where somebody has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.cluster.local import LocalCluster
from headwater.cluster.remote.errors import FencedError
from headwater.core.errors import ClusterError
from headwater.wire.records import build_batch
from tests.engine.sql_node import SqlNode, sql_node

PLACE = TopicPartition("orders", 0)
PROPERTIES = {"processing.guarantee": "exactly_once_v2", "ksql.query.retry.backoff.initial.ms": "10"}


class FencingCluster(LocalCluster):
    """Shuts out the owners of transactional ids on demand."""

    fenced = False
    outage: Callable[[Commit], Commit] | None = None
    """The next commit fails as far as its owner knows, and this is what has been committed before it can try again."""

    async def commit(self, work: Commit) -> list[int]:
        if work.transactional_id is None:
            return await super().commit(work)
        if self.outage is not None:
            await super().commit(self.outage(work))
            self.outage, self.fenced = None, True
            raise ClusterError("the coordinator does not answer")
        await self.regain(work.transactional_id)
        return await super().commit(work)

    async def take_over(self, transactional_id: str) -> None:
        self.fenced = False

    async def regain(self, transactional_id: str) -> None:
        if self.fenced:
            raise FencedError("PRODUCER_FENCED")


@pytest.fixture
async def node() -> AsyncIterator[SqlNode]:
    async with sql_node(properties=PROPERTIES, cluster=FencingCluster) as running:
        await running.create_topic("orders")
        await running.run(
            "CREATE STREAM orders (v INT) WITH (kafka_topic='orders', value_format='JSON');"
            "CREATE STREAM copied AS SELECT v FROM orders;"
        )
        await write(running, 1)
        await running.settle()
        yield running


async def write(node: SqlNode, value: int) -> None:
    await node.cluster.commit(Commit([Append(PLACE, build_batch([(None, b'{"V":%d}' % value, 0, ())]))]))


def cluster_of(node: SqlNode) -> FencingCluster:
    assert isinstance(node.cluster, FencingCluster)
    return node.cluster


async def failures(node: SqlNode, count: int) -> None:
    (query,) = node.engine.runtime.queries.values()
    while len(query.errors) < count:  # noqa: ASYNC110 - it tries again in its own time
        await asyncio.sleep(0.01)


async def copied(node: SqlNode, count: int) -> list[bytes | None]:
    while len(found := await node.records("COPIED")) < count:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    return [record.value for record in found]


def aborted(work: Commit) -> Commit:
    return Commit()


def applied(work: Commit) -> Commit:
    return work


def moved_on(work: Commit) -> Commit:
    """Another owner has processed more."""
    return Commit(group=work.group, offsets={place: offset + 1 for place, offset in work.offsets.items()})


@pytest.mark.parametrize("outage", [aborted, applied])
async def test_a_transaction_that_timed_out_is_not_the_end_of_its_query(
    node: SqlNode, outage: Callable[[Commit], Commit]
) -> None:
    cluster_of(node).outage = outage
    (query,) = node.engine.runtime.queries.values()
    await write(node, 2)
    await failures(node, 1)
    await write(node, 3)
    assert await copied(node, 3) == [b'{"V":1}', b'{"V":2}', b'{"V":3}']
    assert query.state == "RUNNING"


async def test_a_query_does_not_take_back_what_another_has_gone_on_with(node: SqlNode) -> None:
    cluster = cluster_of(node)
    (query,) = node.engine.runtime.queries.values()
    cluster.outage = moved_on
    await write(node, 2)
    await failures(node, 4)
    assert query.state == "ERROR"
    assert cluster.fenced


async def test_a_query_that_left_nothing_open_was_replaced(node: SqlNode) -> None:
    cluster = cluster_of(node)
    cluster.fenced = True
    await write(node, 2)
    await failures(node, 4)
    assert cluster.fenced
