"""What goes is noticed, whatever it hangs on, and what is unchanged is not looked at."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from headwater.catalog.catalog import Catalog
from headwater.log.slices import run
from headwater.registry.port import SqlSchemas
from headwater.registry.registry import Registry
from tests.catalog.catalog_node import CatalogNode, catalog_node


@pytest.fixture
async def node() -> AsyncIterator[CatalogNode]:
    async with catalog_node() as node:
        registry = Registry(node.sql.cluster, node.sql.clock)
        await registry.load()
        node.sql.registry = SqlSchemas(registry)  # type: ignore[assignment]
        await node.restart()
        yield node
        await registry.close()


def record(name: str, *fields: str) -> str:
    found = [{"name": field, "type": "string", "default": ""} for field in fields]
    return json.dumps({"type": "record", "name": name, "fields": found})


def register(node: CatalogNode, subject: str, *fields: str) -> None:
    assert node.sql.engine.registry is not None
    node.sql.engine.registry.register(subject, "AVRO", record("R", *fields))


def delete(node: CatalogNode, subject: str) -> None:
    assert node.sql.engine.registry is not None
    node.sql.engine.registry.delete(subject)


def catalog_of(node: CatalogNode) -> Catalog:
    return node.part.governance.catalog


async def gone(node: CatalogNode) -> set[str]:
    await catalog_of(node).sweep()
    return {key.name for key in catalog_of(node).deleted}


async def test_a_schema_goes_with_the_last_subject_that_has_it(node: CatalogNode) -> None:
    register(node, "a-value", "x")
    register(node, "b-value", "x")
    assert await gone(node) == set()
    delete(node, "a-value")
    assert await gone(node) == {"a-value:1"}
    delete(node, "b-value")
    assert await gone(node) == {"a-value:1", "b-value:1", "1", "1:R", "1:R.x"}


async def test_a_later_version_takes_the_place_of_an_earlier_one(node: CatalogNode) -> None:
    register(node, "a-value", "x")
    assert await gone(node) == set()
    register(node, "a-value", "x", "y")
    assert await gone(node) == {"a-value:1", "1", "1:R", "1:R.x"}


async def test_what_comes_back_is_no_longer_among_the_deleted(node: CatalogNode) -> None:
    register(node, "a-value", "x")
    assert await gone(node) == set()
    delete(node, "a-value")
    assert "1:R.x" in await gone(node)
    register(node, "b-value", "x")
    assert await gone(node) == {"a-value:1"}


async def test_columns_and_queries_go_with_their_statements(node: CatalogNode) -> None:
    await node.sql.create_topic("t")
    await node.sql.run("CREATE STREAM s (a INT, b INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');")
    await node.sql.run("CREATE STREAM u WITH (KAFKA_TOPIC='u') AS SELECT a FROM s;")
    assert await gone(node) == set()
    (query,) = node.sql.engine.runtime.queries
    await node.sql.run("DROP STREAM u;")
    expected = {"U", "U.A", query, f"_confluent-ksql-default_query_{query}"}
    assert await gone(node) == expected
    await node.sql.create_topic("v")
    assert await gone(node) == expected


async def test_an_unchanged_node_reports_no_change(node: CatalogNode) -> None:
    register(node, "a-value", "x")
    await node.sql.create_topic("t")
    await gone(node)
    await gone(node)  # the catalog's own topic has come meanwhile
    departures = catalog_of(node)._departures
    assert run(departures.look()).changed == set()
    register(node, "a-value", "x", "y")
    assert run(departures.look()).changed == {"sr_subject_version", "sr_schema", "sr_record", "sr_field"}
    assert run(departures.look()).changed == set()


async def test_what_is_said_of_a_field_goes_with_it(node: CatalogNode) -> None:
    register(node, "a-value", "x")
    await node.post("types/tagdefs", [{"name": "PII"}])
    wanted = {"entityType": "sr_field", "entityName": "lsrc-1:.:1:R.x", "typeName": "PII"}
    (made,) = await node.post("entity/tags", [wanted])
    assert "error" not in made
    await gone(node)
    assert catalog_of(node).state.tags
    delete(node, "a-value")
    await gone(node)
    assert not catalog_of(node).state.tags
