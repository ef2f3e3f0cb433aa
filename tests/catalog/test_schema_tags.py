"""Tags that stand in schemas: found in every kind of schema, borne by entities, followed by lineage and rules."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater.catalog.platform import SchemaFact
from headwater.catalog.schema_tags import RECORD, pattern_of, schema_tags
from headwater.core.errors import HeadwaterError
from headwater.registry import deleting, registering
from headwater.registry.decisions import NEW_ID, Candidate
from headwater.registry.port import SqlSchemas
from headwater.registry.records import Metadata
from headwater.registry.registry import Registry
from tests.catalog.catalog_node import CatalogNode, catalog_node

ADDRESS = {
    "type": "record", "name": "Address", "fields": [{"name": "street", "type": "string", "confluent:tags": ["HOME"]}],
}  # fmt: skip
AVRO = {
    "type": "record", "name": "Customer", "namespace": "shop", "confluent:tags": ["CRM"],
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "mail", "type": ["null", "string"], "confluent:tags": ["PII", "CONTACT"]},
        {"name": "address", "type": {"type": "array", "items": ADDRESS}},
    ],
}  # fmt: skip
JSON_SCHEMA = {
    "type": "object", "title": "Customer", "confluent:tags": ["CRM"],
    "properties": {
        "id": {"type": "integer"},
        "mail": {"oneOf": [{"type": "null"}, {"type": "string"}], "confluent:tags": ["PII", "CONTACT"]},
        "address": {"type": "array", "items": {
            "type": "object", "properties": {"street": {"type": "string", "confluent:tags": ["HOME"]}},
        }},
    },
}  # fmt: skip
PROTO = """
syntax = "proto3";
package shop;
import "confluent/meta.proto";
message Customer {
  option (confluent.message_meta).tags = "CRM";
  option (other.option) = { a: 1 };
  int32 id = 1;
  optional string mail = 2 [(.confluent.field_meta).tags = "PII", (confluent.field_meta).tags = "CONTACT"];
  repeated Address address = 3;
  message Address {
    string street = 1 [(confluent.field_meta) = { doc: "where", tags: ["HOME"] }];
  }
}
"""
INLINE = {RECORD: {"CRM"}, "mail": {"PII", "CONTACT"}, "address.street": {"HOME"}}
KINDS = {"AVRO": json.dumps(AVRO), "JSON": json.dumps(JSON_SCHEMA), "PROTOBUF": PROTO}


def tags_of(kind: str, schema: str, **metadata: list[str]) -> dict[str, set[str]]:
    said = tuple((path, tuple(tags)) for path, tags in metadata.items())
    return {path: set(tags) for path, tags in schema_tags(SchemaFact("s", 1, 1, kind, schema, said)).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_in_the_text_of_a_schema(kind: str) -> None:
    assert tags_of(kind, KINDS[kind]) == INLINE


@pytest.mark.parametrize(
    ("kind", "pattern", "path"),
    [
        ("AVRO", "shop.Customer.id", "id"),
        ("AVRO", "**.id", "id"),
        ("AVRO", "shop.Address.street", "address.street"),
        ("AVRO", "*.Customer", RECORD),
        ("JSON", "$.id", "id"),
        ("JSON", "$.address.*", "address.street"),
        ("PROTOBUF", "shop.Customer.id", "id"),
        ("PROTOBUF", "shop.Customer.Address.street", "address.street"),
    ],
)
def test_tags_in_the_metadata_of_a_schema(kind: str, pattern: str, path: str) -> None:
    expected = INLINE | {path: INLINE.get(path, set()) | {"MORE"}}
    assert tags_of(kind, KINDS[kind], **{pattern: ["MORE"]}) == expected


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("a.b.c", "a.b.c", True), ("a.b.c", "*.b.*", True), ("a.b.c", "*", False), ("a.b.c", "**", True),
        ("a.b.c", "a.**", True), ("a.b.c", "**.*", True), ("a.b.c", "a.?.c", True), ("a.bb.c", "a.?.c", False),
        ("axb", "a.b", False), ("a*", "a\\*", True), ("ab", "a\\*", False), ("a", "a\\", False), ("a[1]", "a[1]", True),
    ],
)  # fmt: skip
def test_patterns_of_metadata(text: str, pattern: str, matches: bool) -> None:
    assert bool(pattern_of(pattern).fullmatch(text)) == matches


@pytest.mark.parametrize(
    "schema", ['"string"', "{", '{"confluent:tags": "PII"}', '{"type":"record","confluent:tags":[1]}']
)
def test_what_says_nothing_of_tags_has_none(schema: str) -> None:
    assert tags_of("AVRO", schema) == {}


class Registered:
    """A node whose registry holds the schemas of the test."""

    def __init__(self, node: CatalogNode, registry: Registry) -> None:
        self.node = node
        self._registry = registry

    async def register(self, subject: str, schema: Any, metadata: Metadata | None = None) -> None:
        candidate = Candidate(json.dumps(schema), "AVRO", metadata=metadata, id=NEW_ID)
        await self._registry.carry_out(
            lambda _: registering.register(self._registry.schemas, subject, candidate, False, 0)
        )

    async def delete(self, subject: str) -> None:
        await self._registry.carry_out(lambda state: deleting.delete_subject(state, subject, permanent=False))

    async def tagged(self, tag: str) -> list[str]:
        """Types and names of what a search for a tag finds."""
        found = await self.node.get("search/basic", tag=tag)
        return sorted(f"{e['typeName']} {e['attributes']['name']}" for e in found["entities"])


@pytest.fixture
async def registered() -> AsyncIterator[Registered]:
    async with catalog_node() as node:
        registry = Registry(node.sql.cluster, node.sql.clock)
        await registry.load()
        node.sql.registry = SqlSchemas(registry)  # type: ignore[assignment]
        await node.restart()
        yield Registered(node, registry)
        await registry.close()


async def test_what_a_schema_tags_is_found_and_goes_with_the_schema(registered: Registered) -> None:
    await registered.register("customers-value", AVRO, Metadata(tags={"**.id": ["KEY"]}))
    assert await registered.tagged("PII") == ["sr_field mail"]
    assert await registered.tagged("CRM") == ["sr_record Customer"]
    assert await registered.tagged("KEY") == ["sr_field id"]
    assert [d["name"] for d in await registered.node.get("types/tagdefs")] == ["CONTACT", "CRM", "HOME", "KEY", "PII"]
    mail = "entity/type/sr_field/name/lsrc-1:.:1:shop.Customer.mail"
    assert [t["typeName"] for t in await registered.node.get(f"{mail}/tags")] == ["CONTACT", "PII"]
    await registered.node.delete(f"{mail}/tags/PII", 400)
    await registered.node.delete("types/tagdefs/PII", 400)
    await registered.node.delete("types/tagdefs/pii", 400)
    await registered.delete("customers-value")
    assert await registered.tagged("PII") == []
    assert await registered.node.get("types/tagdefs") == []


async def test_a_definition_can_be_made_of_a_tag_that_a_schema_uses(registered: Registered) -> None:
    await registered.register("customers-value", AVRO)
    await registered.node.post("types/tagdefs", [{"name": "PII", "description": "About people"}])
    await registered.delete("customers-value")
    assert [d["description"] for d in await registered.node.get("types/tagdefs")] == ["About people"]


async def test_rules_and_lineage_follow_what_a_schema_tags(registered: Registered) -> None:
    await registered.register("customers-value", AVRO)
    await registered.node.sql.create_topic("customers", 1)
    await registered.node.sql.run("CREATE STREAM customers WITH (kafka_topic='customers', value_format='AVRO');")
    await registered.node.post("rules", {"name": "no-pii", "tag": "PII", "topic": "open.*"})
    with pytest.raises(HeadwaterError, match=r"tagged PII to reach topic open\.mail"):
        await registered.node.sql.run("CREATE STREAM m WITH (kafka_topic='open.mail') AS SELECT mail FROM customers;")
    await registered.node.sql.run("CREATE STREAM m WITH (kafka_topic='inside') AS SELECT mail FROM customers;")
    graph = await registered.node.get("lineage", topic="inside")
    tags = {node["name"]: node["columnTags"] for node in graph["nodes"] if node["type"] == "topic"}
    assert tags == {"customers": ["CONTACT", "HOME", "PII"], "inside": ["CONTACT", "PII"]}
