"""The metadata of the bike-share system: what a provisioner puts on its first products, and a person on the last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

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
