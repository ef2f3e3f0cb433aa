"""The lineage of service management with a sink connector that runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from headwater.app.connector_facts import connector_facts
from headwater.catalog import names
from headwater.testing.connect_rig import ConnectRig
from tests.catalog.catalog_node import catalog_node
from tests.connect.toy import Held, HeldConnector, HeldTask, Numbers, NumbersConnector, NumbersTask


async def test_connectors_that_run_are_nodes_and_their_groups_are_not(tmp_path: Path) -> None:
    HeldTask.world, NumbersTask.world = Held(), Numbers(end=3)
    async with catalog_node() as node:
        for topic in ("order_placed", "job_created"):
            await node.sql.create_topic(topic)
        await node.script("service-management", "statements.sql")
        async with ConnectRig(tmp_path, (HeldConnector, NumbersConnector), cluster=node.sql.cluster) as rig:
            platform = node.part.platform
            platform.read_connectors = partial(connector_facts, rig.worker, node.sql.cluster)
            keys = "org.apache.kafka.connect.converters.ByteArrayConverter"
            sink = {"connector.class": "Held", "topics": "job_status", "key.converter": keys}
            await rig.create("mongo", {**sink, "offset.flush.interval.ms": "20"})
            await rig.create("orders", {"connector.class": "Numbers", "topic": "order_placed"})
            await node.produce("order_placed", "rdkafka", b'{"job_id": 1, "price_quoted": 2}')
            await node.produce("job_created", "rdkafka", b'{"job_id": 1, "price": 2}')
            await rig.until(lambda: len(HeldTask.world.flushed) > 0, "the sink to commit")
            await rig.until(lambda: "order_placed" in rig.worker.topics("orders"), "the source to write")
            found = await node.get("lineage", node="job_status")
            assert {n["id"] for n in found["nodes"]} == {
                "producer:rdkafka",
                "topic:order_placed",
                "topic:job_created",
                "query:CSAS_JOB_STATUS_0",
                "topic:job_status",
                "connector:mongo",
                "connector:orders",
            }
            assert "group:connect-mongo" not in {n["id"] for n in (await node.get("lineage"))["nodes"]}
            assert platform.knows(names.CONNECTOR)
            (found,) = (await node.get("search/basic", type="cn_connector", query="mongo"))["entities"]
            assert found["attributes"]["connectorClass"] == "Held"
            assert (found["attributes"]["type"], found["attributes"]["state"]) == ("sink", "RUNNING")
