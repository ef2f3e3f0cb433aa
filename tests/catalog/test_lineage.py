"""Lineage of the example systems: which nodes there are, which way the records go, when they were there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater.catalog.platform import ConnectorFact
from headwater.testing.clock import ManualClock
from tests.catalog.catalog_node import CatalogNode, catalog_node

SINK = ConnectorFact("mongo-sink", "MongoDbAtlasSink", "sink", ("job_status",), "RUNNING", "connect-mongo-sink")


@pytest.fixture
async def node() -> AsyncIterator[CatalogNode]:
    async with catalog_node() as made:
        yield made


async def service_management(node: CatalogNode) -> None:
    for topic in ("order_placed", "job_created", "job_status"):
        await node.sql.create_topic(topic, 6)
    await node.script("service-management", "statements.sql")
    for topic in ("order_placed", "job_created"):
        await node.produce(topic, "rdkafka", b'{"job_id": 1}')
    node.connectors.append(SINK)


def shown(graph: dict[str, Any]) -> tuple[set[str], set[tuple[str, str]]]:
    """Labels of the nodes and of the ends of the edges."""
    labels = {n["id"]: f"{n['type']} {n['displayName']}" for n in graph["nodes"]}
    return set(labels.values()), {(labels[e["source"]], labels[e["target"]]) for e in graph["edges"]}


async def test_service_management_has_exactly_its_six_nodes(node: CatalogNode) -> None:
    await service_management(node)
    nodes, edges = shown(await node.get("lineage", node="job_status"))
    assert nodes == {
        "producer rdkafka",
        "topic order_placed",
        "topic job_created",
        "query QUERY JOB_STATUS",
        "topic job_status",
        "connector mongo-sink",
    }
    assert edges == {
        ("producer rdkafka", "topic order_placed"),
        ("producer rdkafka", "topic job_created"),
        ("topic order_placed", "query QUERY JOB_STATUS"),
        ("topic job_created", "query QUERY JOB_STATUS"),
        ("query QUERY JOB_STATUS", "topic job_status"),
        ("topic job_status", "connector mongo-sink"),
    }


async def test_internal_topics_show_when_asked_for(node: CatalogNode) -> None:
    await service_management(node)
    hidden = await node.get("lineage", node="job_status")
    everything = await node.get("lineage", node="job_status", hideInternal="false")
    added = {n["name"] for n in everything["nodes"]} - {n["name"] for n in hidden["nodes"]}
    assert added
    assert all(name.startswith("_confluent-ksql-") for name in added)


async def test_streams_and_tables_show_when_asked_for(node: CatalogNode) -> None:
    await service_management(node)
    _, edges = shown(await node.get("lineage", node="JOB_STATUS", sources="true"))
    assert ("topic order_placed", "stream ORDERS_PLACED") in edges
    assert ("stream ORDERS_PLACED", "query QUERY JOB_STATUS") in edges
    assert ("query QUERY JOB_STATUS", "stream JOB_STATUS") in edges


async def test_redistribution_is_a_chain_from_the_enriched_stations(node: CatalogNode) -> None:
    for script in ("customers-enrichment", "stations-enrichment", "inventory-redistribution"):
        await node.script("bike-share", f"{script}.sql")
    _, edges = shown(await node.get("lineage", node="inventory.redistribution", direction="upstream"))
    topics = [
        ("stations.enriched", "inventory_availability_high", "inventory.availability.high"),
        ("stations.enriched", "inventory_availability_low", "inventory.availability.low"),
        ("inventory.availability.high", "inventory_availability_high-keyed", "inventory.availability.high-keyed"),
        ("inventory.availability.low", "inventory_availability_low-keyed", "inventory.availability.low-keyed"),
        ("inventory.availability.high-keyed", "inventory_redistribution", "inventory.redistribution"),
        ("inventory.availability.low-keyed", "inventory_redistribution", "inventory.redistribution"),
    ]
    for before, query, after in topics:
        assert (f"topic {before}", f"query QUERY {query}") in edges
        assert (f"query QUERY {query}", f"topic {after}") in edges


@pytest.mark.parametrize(
    ("direction", "depth", "expected"),
    [
        ("upstream", 1, {"topic job_status", "query QUERY JOB_STATUS"}),
        ("downstream", None, {"topic job_status", "connector mongo-sink"}),
        ("both", 0, {"topic job_status"}),
    ],
)
async def test_a_view_goes_as_far_as_asked(
    node: CatalogNode, direction: str, depth: int | None, expected: set[str]
) -> None:
    await service_management(node)
    params: dict[str, Any] = {"direction": direction} | ({} if depth is None else {"depth": str(depth)})
    nodes, _ = shown(await node.get("lineage", 200, node="job_status", **params))
    assert nodes == expected


async def test_lineage_of_an_earlier_time_still_has_what_was_dropped(node: CatalogNode) -> None:
    await service_management(node)
    await node.part.governance.catalog.sweep()
    before = node.sql.clock.now_ms()
    query = next(iter(node.sql.engine.runtime.queries))
    await node.sql.run("DROP STREAM job_status;")
    node.connectors.clear()
    while node.sql.clock.now_ms() <= before:
        await node.sql.clock.sleep(0.001)
    await node.part.governance.catalog.sweep()
    now, _ = shown(await node.get("lineage"))
    assert "query QUERY JOB_STATUS" not in now
    then, _ = shown(await node.get("lineage", node=f"query:{query}", at=str(before)))
    assert len(then) == 6
    await node.get("lineage", 404, node="job_status", at="1")


async def test_a_producer_is_remembered_over_a_restart(node: CatalogNode) -> None:
    await service_management(node)
    await node.part.governance.catalog.sweep()
    node.broker.observation.clear()
    await node.restart()
    nodes, edges = shown(await node.get("lineage", node="job_status"))
    assert "producer rdkafka" in nodes
    assert ("producer rdkafka", "topic order_placed") in edges


async def test_a_consumer_group_reads_what_it_has_committed(node: CatalogNode) -> None:
    await service_management(node)
    await node.broker.commit_offsets("billing", {("job_status", 0): (1, -1, "")})
    _, edges = shown(await node.get("lineage", node="billing"))
    assert ("topic job_status", "group billing") in edges


async def test_mermaid_draws_every_edge(node: CatalogNode) -> None:
    await service_management(node)
    text = (await node.http.get("lineage", params={"node": "job_status", "format": "mermaid"})).text
    assert text.startswith("flowchart LR\n")
    assert text.count(" --> ") == 6
    assert '{{"QUERY JOB_STATUS"}}' in text


async def test_edges_have_their_throughput() -> None:
    clock = ManualClock()
    async with catalog_node(clock) as node:
        await service_management(node)
        await node.sql.settle()
        await node.get("lineage", node="job_status")
        for _ in range(10):
            clock.advance(1_000)
            await node.produce("order_placed", "rdkafka", *[b'{"job_id": 7}'] * 20)
        await node.sql.settle()
        graph = await node.get("lineage", node="job_status")
        rates = {(e["source"], e["target"].partition(":")[0]): e for e in graph["edges"]}
        produced = rates["producer:rdkafka", "topic"]
        into_query = rates["topic:order_placed", "query"]
        assert into_query["recordsPerSecond"] == 20
        assert produced["bytesPerSecond"] is not None
        assert {e["recordsPerSecond"] for e in graph["edges"] if e["source"] == "producer:rdkafka"} == {0, 20}
