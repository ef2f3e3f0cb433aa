"""Whose the data products are: business metadata and tags, over the catalog's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from common.rest import RestError, call, quoted

TAG = "DataProduct"
GROUPS = {
    "Team Details": ("team", "channel", "slack_alias"),
    "Domain Details": ("name", "executive_owner", "executive_contact"),
    "Data Product Details": ("name", "primary_owner", "primary_contact", "responsible_team", "domain"),
}
Values = Mapping[str, Mapping[str, str]]


def _product(name: str, domain: str, team: str, handle: str, owner: str, contact: str) -> Values:
    return {
        "Team details": {"team": team, "channel": f"#{handle}", "slack_alias": f"@{handle}"},
        "Domain details": {"name": domain, "executive_owner": "Will LaForest",
                           "executive_contact": "will@ride4ever.com"},
        "Data Product details": {"name": name, "primary_owner": owner, "primary_contact": contact,
                                 "responsible_team": team, "domain": domain},
    }  # fmt: skip


GIVEN: Mapping[str, Values] = {
    "stations.enriched": _product(
        "stations-enriched", "Stations", "Station Team", "stations-oncall", "Zach Hamilton", "zach@ride4ever.com"
    ),
    "customers.enriched": _product(
        "customers-enriched", "Customers", "Customer Team", "customers-oncall", "Zach Hamilton", "zach@ride4ever.com"
    ),
}
"""The products that are there before the story begins."""
NEW: Mapping[str, Values] = {
    "inventory.redistribution": _product(
        "inventory-redistribution",
        "Inventory",
        "Bicycle Inventory Team",
        "bike-inv-oncall",
        "David the Data Engineer",
        "david@ride4ever.com",
    ),
}
"""The product that the story makes."""


class Catalog:
    """The catalog of one node, such as http://127.0.0.1:8081."""

    def __init__(self, registry: str) -> None:
        self._url = f"{registry.rstrip('/')}/catalog/v1"

    def define(self) -> None:
        """The tag and the groups of metadata, unless they are there."""
        tags = {one["name"].lower() for one in self._get("types/tagdefs")}
        if TAG.lower() not in tags:
            call("POST", f"{self._url}/types/tagdefs", [{"name": TAG, "description": "Ready for others to use"}])
        groups = {one["name"].lower() for one in self._get("types/businessmetadatadefs")}
        missing = [
            {"name": name, "attributeDefs": [{"name": attribute} for attribute in attributes]}
            for name, attributes in GROUPS.items() if name.lower() not in groups
        ]  # fmt: skip
        if missing:
            call("POST", f"{self._url}/types/businessmetadatadefs", missing)

    def describe(self, products: Mapping[str, Values]) -> list[str]:
        """Give topics their metadata, and the tag; returns what was refused."""
        metadata = [
            {"entityType": "kafka_topic", "entityName": topic, "typeName": group, "attributes": dict(values)}
            for topic, groups in products.items() for group, values in groups.items()
        ]  # fmt: skip
        tags = [{"entityType": "kafka_topic", "entityName": topic, "typeName": TAG} for topic in products]
        answers = call("POST", f"{self._url}/entity/businessmetadata", metadata)
        answers += call("POST", f"{self._url}/entity/tags", tags)
        return [str(answer["error"]) for answer in answers if answer.get("error")]

    def metadata(self, topic: str) -> dict[str, dict[str, str]]:
        """What a topic bears, by group in lower case."""
        found = self._get(f"entity/type/kafka_topic/name/{quoted(topic)}/businessmetadata")
        return {one["typeName"].lower(): one["attributes"] for one in found}

    def tags(self, topic: str) -> list[str]:
        return [one["typeName"] for one in self._get(f"entity/type/kafka_topic/name/{quoted(topic)}/tags")]

    def search(self, **words: str) -> set[str]:
        """Topics with all the words, or with the tag."""
        found = self._get(f"search/basic?{urlencode({'type': 'kafka_topic', **words})}")
        return {entity["displayText"] for entity in found["entities"]}

    def products(self) -> set[str]:
        """Topics that are data products."""
        return {one["topic"] for one in self._get("dataproducts")["dataProducts"]}

    def edges(self, node: str, direction: str, depth: int) -> set[tuple[str, str]]:
        """The steps of the lineage of a topic, by the names of topics, queries and clients."""
        query = urlencode({"node": node, "direction": direction, "depth": depth})
        graph = self._get(f"lineage?{query}")
        names = {one["id"]: one["displayName"] for one in graph["nodes"]}
        return {(names[edge["source"]], names[edge["target"]]) for edge in graph["edges"]}

    def forget(self) -> None:
        """Take the definitions away, unless something still bears the tag."""
        if self._get(f"search/basic?{urlencode({'tag': TAG})}").get("entities"):
            return
        for kind, names in (("tagdefs", (TAG,)), ("businessmetadatadefs", GROUPS)):
            for name in names:
                try:
                    call("DELETE", f"{self._url}/types/{kind}/{quoted(name)}")
                except RestError as error:
                    if error.status != 404:
                        raise

    def _get(self, path: str) -> Any:
        return call("GET", f"{self._url}/{path}")
