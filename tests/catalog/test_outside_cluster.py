"""On a Kafka cluster outside, lineage has the groups that the cluster knows of."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from headwater.agents import sharing
from headwater.app.node import Node
from headwater.cluster.api import Append, Commit, TopicPartition, TopicSpec
from headwater.cluster.kafka import KafkaCluster
from headwater.cluster.remote.membership import GroupProtocol
from headwater.core.settings import ClusterSettings, NodeSettings, RegistrySettings, Settings
from headwater.testing.cluster_suite import batch
from headwater.testing.connect_rig import PATIENCE_SECONDS
from tests.broker.server import running_broker

ORDERS = [TopicPartition("orders", number) for number in range(2)]


async def lineage(node: Node, groups: int) -> dict[str, Any]:
    """The graph, once it has so many groups: the cluster is looked at in the background."""
    url = next(endpoint.address for endpoint in node.endpoints if endpoint.name == "registry")
    async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient(base_url=url) as client:
        while True:
            answer = await client.get("/catalog/v1/lineage")
            found: dict[str, Any] = answer.json()
            if sum(part["type"] == "group" for part in found["nodes"]) == groups:
                return found
            await asyncio.sleep(0.02)


async def test_groups_are_asked_of_the_cluster() -> None:
    joined = asyncio.Event()

    async def assigned(_: bytes) -> None:
        joined.set()

    async def revoked() -> None:
        joined.clear()

    protocol = GroupProtocol(
        "reads", sharing.PROTOCOL_TYPE, sharing.PROTOCOL, sharing.subscription(["orders"]),
        lambda members: sharing.assign(list(members), 2, {"orders": 2}), assigned, revoked,
    )  # fmt: skip
    async with running_broker() as outside:
        cluster = KafkaCluster(ClusterSettings(bootstrap_servers=outside.address, client_id="billing"))
        await cluster.start()
        await cluster.create_topics([TopicSpec("orders", 2)])
        await cluster.commit(Commit([Append(place, batch("a", "b")) for place in ORDERS]))
        await cluster.commit(Commit(group="left", offsets={ORDERS[0]: 2, ORDERS[1]: 1}))
        member = cluster.member(protocol)
        member.start()
        await joined.wait()
        settings = Settings(
            node=NodeSettings(memory=True),
            registry=RegistrySettings(port=0),
            cluster=ClusterSettings(bootstrap_servers=outside.address),
        )
        node = Node(settings, listeners=("registry",))
        try:
            await node.start()
            found = await lineage(node, 2)
        finally:
            await node.close()
            await member.close()
            await cluster.close()
    groups = {part["name"]: part["attributes"] for part in found["nodes"] if part["type"] == "group"}
    assert groups == {"left": {"state": "Empty", "clients": []}, "reads": {"state": "Stable", "clients": ["billing"]}}
    read = {(edge["source"], edge["target"]): edge["records"] for edge in found["edges"]}
    assert read == {("topic:orders", "group:left"): 3, ("topic:orders", "group:reads"): None}
