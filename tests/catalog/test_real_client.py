"""Lineage of what a real client does over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from confluent_kafka import Consumer, Producer

from headwater.app.node import Node
from headwater.core.config import load
from tests.catalog.catalog_node import EXAMPLES


def produce(bootstrap: str) -> None:
    """As the example's producers do: no client id of their own."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for topic, value in (
        ("order_placed", b'{"job_id":1,"price_quoted":2}'),
        ("job_created", b'{"job_id":1,"price":1}'),
    ):
        producer.produce(topic, value=value)
    assert producer.flush(20) == 0


def consume(bootstrap: str) -> None:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "billing", "client.id": "b1", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["job_status"])
    message = consumer.poll(20)
    assert message is not None
    assert not message.error()
    consumer.commit(message=message, asynchronous=False)
    consumer.close()


async def test_producers_and_groups_of_librdkafka_are_in_the_lineage() -> None:
    settings = load(None, None, {"node.memory": True, "kafka.port": 0, "registry.port": 0}, "given by the test")
    node = Node(settings, listeners=["kafka", "registry"])
    await node.start()
    try:
        address = {endpoint.name: endpoint.address for endpoint in node.endpoints}
        script = (EXAMPLES / "service-management" / "statements.sql").read_text()
        topics = "CREATE STREAM a (x INT) WITH (kafka_topic='order_placed', format='JSON', partitions=1);"
        topics += topics.replace("STREAM a", "STREAM b").replace("order_placed", "job_created")
        await node.engine.execute(topics + "DROP STREAM a; DROP STREAM b;" + script)
        await asyncio.to_thread(produce, address["kafka"])
        await asyncio.to_thread(consume, address["kafka"])
        async with httpx.AsyncClient(base_url=address["registry"]) as http:
            graph: dict[str, Any] = (await http.get("/catalog/v1/lineage", params={"node": "job_status"})).json()
        assert {f"{n['type']} {n['displayName']}" for n in graph["nodes"]} == {
            "producer rdkafka", "topic order_placed", "topic job_created", "query QUERY JOB_STATUS", "topic job_status",
            "group billing",
        }  # fmt: skip
        (group,) = [n for n in graph["nodes"] if n["type"] == "group"]
        assert group["attributes"]["clients"] == ["b1"]
    finally:
        await node.close()
