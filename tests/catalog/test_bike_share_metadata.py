"""The metadata of the bike-share system: what a provisioner puts on its first products, and a person on the last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater.catalog.platform import ConnectorFact
from tests.catalog.catalog_node import CatalogNode, catalog_node

GROUPS = {
    "Team Details": ["team", "channel", "slack_alias"],
    "Domain Details": ["name", "executive_owner", "executive_contact"],
    "Data Product Details": ["name", "primary_owner", "primary_contact", "responsible_team", "domain"],
}
BY_HAND = {
    "Team details": {
        "team": "Bicycle Inventory Team",
        "channel": "#bike-inv-oncall",
        "slack_alias": "@bike-inv-oncall",
    },
    "Domain details": {
        "name": "Inventory",
        "executive_owner": "Will LaForest",
        "executive_contact": "will@ride4ever.com",
    },
    "Data Product details": {
        "name": "inventory-redistribution",
        "primary_owner": "David the Data Engineer",
        "primary_contact": "david@ride4ever.com",
        "responsible_team": "Bicycle Inventory Team",
        "domain": "Inventory",
    },
}
TOPIC = "inventory.redistribution"


@pytest.fixture
async def node() -> AsyncIterator[CatalogNode]:
    async with catalog_node() as made:
        for script in ("customers-enrichment", "stations-enrichment", "inventory-redistribution"):
            await made.script("bike-share", f"{script}.sql")
        definitions = [
            {
                "name": name,
                "description": "",
                "attributeDefs": [
                    {
                        "name": attribute,
                        "isOptional": True,
                        "typeName": "string",
                        "options": {"applicableEntityTypes": '["cf_entity"]', "maxStrLength": "5000"},
                    }
                    for attribute in attributes
                ],
            }
            for name, attributes in GROUPS.items()
        ]
        await made.post("types/businessmetadatadefs", definitions)
        await made.post(
            "types/tagdefs", [{"entityTypes": ["cf_entity"], "name": "DataProduct", "description": "ready"}]
        )
        for topic in ("stations.enriched", "customers.enriched"):
            values = {
                "Team Details": {"team": "T", "channel": "#t", "slack_alias": "@t"},
                "Domain Details": {"name": "D", "executive_owner": "Will LaForest", "executive_contact": "w@r.com"},
                "Data Product Details": {
                    "name": topic, "primary_owner": "Zach Hamilton", "primary_contact": "z@r.com",
                    "responsible_team": "T", "domain": "D",
                },
            }  # fmt: skip
            await bind(made, topic, values)
            await tag(made, topic)
        yield made


async def bind(node: CatalogNode, topic: str, values: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    name = node.topic_name(topic)
    body = [
        {"entityType": "kafka_topic", "entityName": name, "typeName": group, "attributes": attributes}
        for group, attributes in values.items()
    ]
    answers: list[dict[str, Any]] = await node.post("entity/businessmetadata", body)
    assert not [answer for answer in answers if "error" in answer]
    return answers


async def tag(node: CatalogNode, topic: str) -> None:
    name = node.topic_name(topic)
    body = [{"entityType": "kafka_topic", "entityName": name, "typeName": "DataProduct"}]
    (answer,) = await node.post("entity/tags", body)
    assert (answer["typeName"], answer["entityName"], "error" in answer) == ("DataProduct", name, False)


async def test_what_is_typed_into_the_page_can_be_read_and_found(node: CatalogNode) -> None:
    await bind(node, TOPIC, BY_HAND)
    await tag(node, TOPIC)
    path = f"entity/type/kafka_topic/name/{node.topic_name(TOPIC)}"
    held = {b["typeName"]: b["attributes"] for b in await node.get(f"{path}/businessmetadata")}
    assert held == {name.replace("details", "Details"): values for name, values in BY_HAND.items()}
    assert [t["typeName"] for t in await node.get(f"{path}/tags")] == ["DataProduct"]
    found = await node.get("search/basic", query="bike-inv-oncall", type="kafka_topic")
    assert [e["displayText"] for e in found["entities"]] == [TOPIC]
    prefixed: dict[str, Any] = {
        "type": "kafka_topic",
        "attrName": "Domain details.executive_owner",
        "attrValuePrefix": "Will",
    }
    found = await node.get("search/attribute", **prefixed)
    assert {e["displayText"] for e in found["entities"]} == {TOPIC, "stations.enriched", "customers.enriched"}
    found = await node.get("search/basic", tag="DataProduct", type="kafka_topic")
    assert len(found["entities"]) == 3


async def test_what_is_missing_for_a_product_is_named(node: CatalogNode) -> None:
    await tag(node, TOPIC)
    listed = await node.get("dataproducts")
    assert [p["topic"] for p in listed["dataProducts"]] == ["customers.enriched", "stations.enriched"]
    (incomplete,) = listed["incomplete"]
    assert incomplete["missing"] == [
        "business metadata `Domain Details`",
        "business metadata `Team Details`",
        "business metadata `Data Product Details`",
    ]
    await bind(node, TOPIC, BY_HAND | {"Team details": {"team": "Bicycle Inventory Team", "channel": " "}})
    (incomplete,) = (await node.get("dataproducts"))["incomplete"]
    assert incomplete["missing"] == ["`channel` of `Team Details`", "`slack_alias` of `Team Details`"]


async def test_a_product_shows_schema_sample_freshness_lineage_and_access(node: CatalogNode) -> None:
    await bind(node, TOPIC, BY_HAND)
    await tag(node, TOPIC)
    await node.sql.run("INSERT INTO \"inventory_availability_high-changelog\" (station_id, name) VALUES ('a', 'A');")
    product = await node.get(f"dataproducts/{TOPIC}")
    assert product["complete"]
    assert (product["name"], product["domain"]["name"]) == ("inventory-redistribution", "Inventory")
    assert "surplus" in [column["name"] for column in product["schema"]["columns"]]
    assert product["schema"]["registered"][0]["subject"] == f"{TOPIC}-value"
    assert "topic:stations.enriched" in product["lineage"]["upstream"]
    assert product["sample"] == []
    assert product["freshness"] == {"lastRecord": None, "ageMs": None}
    assert product["access"]["bootstrapServers"]
    assert (await node.get("dataproducts/inventory-redistribution"))["topic"] == TOPIC
    found = await node.get("search/basic", type="data_product", query="inventory")
    assert [e["displayText"] for e in found["entities"]] == ["inventory-redistribution"]


async def test_samples_are_the_newest_records(node: CatalogNode) -> None:
    for number in range(1, 4):
        values = f"({number}, '{number}', 'x')"
        await node.sql.run(f'INSERT INTO "customers_info" (ROWTIME, customer_id, first_name) VALUES {values};')
    await tag(node, "customers.info")
    product = await node.get("dataproducts/customers.info", samples=2)
    assert [r["value"]["CUSTOMER_ID"] for r in product["sample"]] == ["3", "2"]
    assert product["freshness"]["ageMs"] >= 0


async def test_tearing_down_takes_along_what_was_put_on_by_hand(node: CatalogNode) -> None:
    await bind(node, TOPIC, BY_HAND)
    await tag(node, TOPIC)
    await node.delete("types/tagdefs/DataProduct")
    assert await node.get(f"entity/type/kafka_topic/name/{node.topic_name(TOPIC)}/tags") == []
    for group in GROUPS:
        await node.delete(f"types/businessmetadatadefs/{group}")
    assert await node.get("types/businessmetadatadefs") == []
    assert await node.get(f"entity/type/kafka_topic/name/{node.topic_name(TOPIC)}/businessmetadata") == []


async def test_a_deleted_topic_takes_its_metadata_along(node: CatalogNode) -> None:
    catalog = node.part.governance.catalog
    await node.sql.create_topic("short.lived")
    await tag(node, "short.lived")
    await catalog.sweep()
    await node.sql.cluster.delete_topics(["short.lived"])
    path = f"entity/type/kafka_topic/name/{node.topic_name('short.lived')}/tags"
    await node.get(path, 404)
    await node.sql.create_topic("short.lived")
    assert await node.get(path) == []
    await catalog.sweep()
    await node.sql.cluster.delete_topics(["short.lived"])
    await catalog.sweep()
    assert not [key for key in catalog.state.tags if key.name == "short.lived"]
    gone = await node.get("search/basic", query="short.lived", deleted="true")
    assert [e["status"] for e in gone["entities"]] == ["DELETED"]


async def test_metadata_outlives_a_restart(node: CatalogNode) -> None:
    await bind(node, TOPIC, BY_HAND)
    await tag(node, TOPIC)
    before = await node.get("dataproducts")
    await node.restart()
    after = await node.get("dataproducts")
    names = [[p["topic"] for p in listed["dataProducts"]] for listed in (before, after)]
    assert names[0] == names[1] == ["customers.enriched", TOPIC, "stations.enriched"]


async def test_every_type_of_entity_is_found(node: CatalogNode) -> None:
    node.connectors.append(ConnectorFact("sink", "C", "sink", (TOPIC,)))
    await node.broker.commit_offsets("readers", {(TOPIC, 0): (0, -1, "")})
    for kind, text in (
        ("kafka_topic", TOPIC), ("sr_subject_version", TOPIC), ("sr_schema", ""), ("sr_record", ""),
        ("sr_field", "surplus"), ("cn_connector", "sink"), ("ksql_table", "inventory_redistribution"),
        ("ksql_stream", "stations_enriched"), ("ksql_query", "inventory"), ("consumer_group", "readers"),
        ("kafka_logical_cluster", ""), ("data_product", "stations"), ("ksql_column", "surplus"),
    ):  # fmt: skip
        found = (await node.get("search/basic", type=kind, query=text))["entities"]
        assert found, kind
        assert all(entity["typeName"] == kind for entity in found)
        name = found[0]["attributes"]["qualifiedName"]
        if kind != "data_product":
            entity = (await node.get(f"entity/type/{kind}/name/{name}"))["entity"]
            assert entity["guid"] == found[0]["guid"]
