"""Lineage of columns, through queries and topics, and the tags that go with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater.core.errors import HeadwaterError
from headwater.plan.functions import builtin_functions, udf
from headwater.plan.functions.declarations import ATTRIBUTE
from tests.catalog.catalog_node import CatalogNode, catalog_node, errors

CUSTOMERS = """
CREATE STREAM customers (id INT KEY, name STRING, email STRING, age INT)
    WITH (kafka_topic='customers', value_format='JSON', partitions=1);
CREATE STREAM contacts AS SELECT id, UCASE(email) AS address, MASK(email) AS masked, age FROM customers;
CREATE STREAM reread (id INT KEY, `address` STRING) WITH (kafka_topic='CONTACTS', value_format='JSON');
CREATE STREAM letters AS SELECT id, 'Dear ' + `address` AS greeting FROM reread;
CREATE TABLE ages AS SELECT address, MAX(age) AS oldest FROM contacts GROUP BY address;
"""


@pytest.fixture
async def node() -> AsyncIterator[CatalogNode]:
    async with catalog_node() as made:
        await made.sql.run(CUSTOMERS)
        await made.post("types/tagdefs", [{"name": "PII"}])
        yield made


async def tag(node: CatalogNode, column: str) -> None:
    body = [{"entityType": "ksql_column", "entityName": column, "typeName": "PII"}]
    assert errors(await node.post("entity/tags", body)) == [None]


def paths(tree: dict[str, Any], side: str = "inputs") -> list[str]:
    """Every way down a tree, as text."""
    here = f"{tree['source']}.{tree['column']}"
    below = [path for child in tree.get(side, ()) for path in paths(child, side)]
    return [f"{here} < {path}" for path in below] or [here]


async def column(node: CatalogNode, name: str, direction: str = "upstream") -> dict[str, Any]:
    found = await node.get("lineage/columns", name=name, direction=direction)
    (tree,) = [t for t in found["columns"] if t["source"] == name.partition(".")[0]] or found["columns"]
    return dict(tree)


async def test_a_column_is_followed_through_queries_and_topics(node: CatalogNode) -> None:
    tree = await column(node, "LETTERS.GREETING")
    assert paths(tree) == ["LETTERS.GREETING < REREAD.address < CONTACTS.ADDRESS < CUSTOMERS.EMAIL"]
    (step,) = tree["inputs"]
    assert step["expression"] == "('Dear ' + REREAD.`address`)"
    (through_topic,) = step["inputs"]
    assert (through_topic["query"], through_topic["topic"]) == (None, "CONTACTS")


async def test_an_aggregate_names_its_function(node: CatalogNode) -> None:
    (step,) = (await column(node, "AGES.OLDEST"))["inputs"]
    assert step["expression"] == "MAX(CONTACTS.AGE)"


async def test_a_column_is_followed_to_all_that_is_made_of_it(node: CatalogNode) -> None:
    tree = await column(node, "customers.email", "downstream")
    ends = {path.rpartition(" < ")[2] for path in paths(tree, "outputs")}
    assert ends == {"LETTERS.GREETING", "AGES.ADDRESS", "CONTACTS.MASKED"}


async def test_tags_go_on_until_a_function_masks(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    assert (await column(node, "LETTERS.GREETING"))["tags"] == ["PII"]
    assert (await column(node, "AGES.ADDRESS"))["tags"] == ["PII"]
    assert (await column(node, "CONTACTS.MASKED"))["tags"] == []
    assert (await column(node, "CUSTOMERS.NAME"))["tags"] == []


async def test_topics_show_the_tags_of_their_columns(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    graph = await node.get("lineage", node="customers")
    tags = {n["name"]: n["columnTags"] for n in graph["nodes"] if n["type"] == "topic"}
    assert tags == {"customers": ["PII"], "CONTACTS": ["PII"], "LETTERS": ["PII"], "AGES": ["PII"]}


async def test_a_statement_that_breaks_a_rule_is_refused_with_the_path(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    made = await node.post("rules", {"name": "no-pii", "tag": "pii", "topic": "public.*"})
    assert made["violations"] == []
    with pytest.raises(HeadwaterError) as refused:
        await node.sql.run("CREATE STREAM open WITH (kafka_topic='public.mail') AS SELECT * FROM letters;")
    assert (
        "CUSTOMERS.EMAIL -> UCASE(CUSTOMERS.EMAIL) -> CONTACTS.ADDRESS -> REREAD.address -> "
        "('Dear ' + REREAD.`address`) -> LETTERS.GREETING -> OPEN.GREETING"
    ) in str(refused.value)
    assert "OPEN" not in node.sql.engine.metastore.sources
    assert node.sql.cluster.topic("public.mail") is None
    await node.sql.run("CREATE STREAM open WITH (kafka_topic='public.mail') AS SELECT id, masked FROM contacts;")
    await node.delete("rules/no-pii")
    await node.sql.run("CREATE STREAM open2 WITH (kafka_topic='public.letters') AS SELECT * FROM letters;")


async def test_a_refused_script_leaves_nothing_behind(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    await node.post("rules", {"name": "no-pii", "tag": "PII", "topic": "public.*"})
    with pytest.raises(HeadwaterError, match="no-pii"):
        await node.sql.run(
            "CREATE STREAM first AS SELECT id, email FROM customers;"
            "CREATE STREAM second WITH (kafka_topic='public.x') AS SELECT * FROM first;"
        )
    assert "FIRST" not in node.sql.engine.metastore.sources


async def test_what_breaks_a_new_rule_already_is_reported(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    made = await node.post("rules", {"name": "r", "tag": "PII", "topic": "LETTERS"})
    (violation,) = made["violations"]
    assert (violation["column"], violation["taggedColumn"]) == ("LETTERS.GREETING", "CUSTOMERS.EMAIL")
    assert len(violation["queries"]) == 2
    assert (await node.get("rules/r"))["violations"] == made["violations"]
    await node.post("rules", {"name": "r", "tag": "nowhere", "topic": "*"}, 404)


async def test_a_way_opened_further_up_is_refused_too(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    await node.sql.run(
        "CREATE STREAM drafts (id INT KEY, t STRING) WITH (kafka_topic='d', format='JSON', partitions=1);"
    )
    await node.sql.run("CREATE STREAM published WITH (kafka_topic='public.d') AS SELECT * FROM drafts;")
    await node.post("rules", {"name": "no-pii", "tag": "PII", "topic": "public.*"})
    with pytest.raises(HeadwaterError, match=r"CONTACTS.ADDRESS -> DRAFTS.T -> PUBLISHED.T"):
        await node.sql.run("INSERT INTO drafts SELECT id, address AS t FROM contacts;")


async def test_a_tag_on_a_topic_counts_for_every_column(node: CatalogNode) -> None:
    body = [{"entityType": "kafka_topic", "entityName": node.topic_name("customers"), "typeName": "PII"}]
    await node.post("entity/tags", body)
    await node.post("rules", {"name": "no-pii", "tag": "PII", "topic": "public.*"})
    with pytest.raises(HeadwaterError, match="forbids data tagged PII to reach topic public"):
        await node.sql.run("CREATE STREAM open WITH (kafka_topic='public.a') AS SELECT id, age FROM contacts;")


async def test_a_tag_on_a_schema_field_is_one_on_the_column(node: CatalogNode) -> None:
    await node.sql.run(
        "CREATE STREAM a (id INT KEY, mail STRING) WITH (kafka_topic='a', value_format='AVRO', partitions=1);"
        "CREATE STREAM b AS SELECT id, mail AS m FROM a;"
    )
    found = await node.get("search/basic", type="sr_field", query="MAIL")
    (field,) = [e for e in found["entities"] if e["attributes"]["subject"] == "a-value"]
    body = [
        {"entityType": "sr_field", "entityName": field["attributes"]["qualifiedName"], "typeName": "PII"},
    ]
    assert errors(await node.post("entity/tags", body)) == [None]
    assert (await column(node, "B.M"))["tags"] == ["PII"]


async def test_rules_and_tags_outlive_a_restart(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    await node.post("rules", {"name": "no-pii", "tag": "PII", "topic": "public.*"})
    await node.restart()
    with pytest.raises(HeadwaterError, match="no-pii"):
        await node.sql.run("CREATE STREAM open WITH (kafka_topic='public.mail') AS SELECT * FROM letters;")


async def test_lineage_that_goes_round_in_circles_ends(node: CatalogNode) -> None:
    await node.sql.run(
        "CREATE STREAM ping (id INT KEY, v STRING) WITH (kafka_topic='ping', format='JSON', partitions=1);"
        "CREATE STREAM pong AS SELECT id, v FROM ping;"
        "INSERT INTO ping SELECT id, v FROM pong WHERE id > 100;"
    )
    assert paths(await column(node, "PONG.V")) == ["PONG.V < PING.V"]
    nodes = {n["name"] for n in (await node.get("lineage", node="pong", direction="upstream"))["nodes"]}
    assert {"ping", "PONG"} <= nodes


async def test_columns_of_joins_show_both_sides(node: CatalogNode) -> None:
    await tag(node, "CUSTOMERS.EMAIL")
    await node.sql.run(
        "CREATE TABLE cities (id INT PRIMARY KEY, city STRING) WITH (kafka_topic='c', format='JSON', partitions=1);"
        "CREATE STREAM j AS SELECT c.id AS id, CASE WHEN city = 'x' THEN email ELSE name END AS e FROM customers c"
        " JOIN cities t ON c.id = t.id;"
    )
    tree = await column(node, "J.E")
    assert {path.rpartition(" < ")[2] for path in paths(tree)} == {"CITIES.CITY", "CUSTOMERS.EMAIL", "CUSTOMERS.NAME"}
    assert tree["tags"] == ["PII"]
    keys = {path.rpartition(" < ")[2] for path in paths(await column(node, "J.ID"))}
    assert keys == {"CITIES.ID", "CUSTOMERS.ID"}


async def test_a_function_of_ones_own_masks_when_it_says_so() -> None:
    @udf("SCRAMBLED", masking=True)
    def scrambled(text: str) -> str:
        return text[::-1]

    registry = builtin_functions().copy()
    for declaration in vars(scrambled)[ATTRIBUTE]:
        registry.add(declaration)
    assert registry.is_masking("scrambled")
    assert registry.is_masking("MASK_LEFT")
    assert not registry.is_masking("UCASE")
    assert not registry.is_masking("NOTHING")
