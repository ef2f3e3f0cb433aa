"""Text that no encoding has, and names that need quoting everywhere, do not stop a query."""

from __future__ import annotations

import json

import pytest

from tests.engine.sql_node import EARLIEST_RESET, sql_node

NUMBERS = """
CREATE STREAM numbers (id BIGINT KEY, v INT) WITH (KAFKA_TOPIC='numbers', VALUE_FORMAT='JSON', PARTITIONS=1);
INSERT INTO numbers VALUES (1, 55357);
INSERT INTO numbers VALUES (2, 65);
"""
SINKS = {
    "JSON": ("SELECT id, CHR(v) AS t FROM numbers", b'{"T":"?"}'),
    "DELIMITED": ("SELECT id, CHR(v) AS t FROM numbers", b'"?"'),
    "KAFKA": ("SELECT id, CHR(v) AS t FROM numbers", b"?"),
}


@pytest.mark.parametrize("value_format", SINKS)
async def test_lone_surrogates_reach_a_topic_as_question_marks(value_format: str) -> None:
    query, expected = SINKS[value_format]
    async with sql_node() as node:
        await node.run(NUMBERS)
        sink = f"CREATE STREAM out WITH (KAFKA_TOPIC='out', VALUE_FORMAT='{value_format}') AS {query};"
        await node.run(sink, EARLIEST_RESET)
        await node.settle()
        records = await node.records("out")
        letter = b"A" if value_format == "DELIMITED" else expected.replace(b"?", b"A")
        assert [record.value for record in records] == [expected, letter]


async def test_groups_of_lone_surrogates_are_one_group() -> None:
    async with sql_node() as node:
        await node.run(NUMBERS.replace("PARTITIONS=1", "PARTITIONS=2") + "INSERT INTO numbers VALUES (3, 55358);")
        table = "CREATE TABLE out AS SELECT CHR(v) AS t, COUNT(*) AS n, MAX(CHR(v)) AS m FROM numbers GROUP BY CHR(v);"
        await node.run(table, EARLIEST_RESET)
        await node.settle()
        last = {record.key: json.loads(record.value or b"") for record in await node.records("OUT")}
        assert last == {b"?": {"N": 2, "M": "?"}, b"A": {"N": 1, "M": "A"}}
        await node.restart()
        await node.run("INSERT INTO numbers VALUES (4, 55357);")
        await node.settle()
        assert json.loads((await node.records("OUT"))[-1].value or b"")["N"] == 3


async def test_columns_of_any_name_are_inserted_and_copied() -> None:
    async with sql_node() as node:
        await node.run("""CREATE STREAM s (`a"b` INT, `c\\d` STRUCT<`e"f` INT>)
            WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);""")
        await node.run("CREATE STREAM out AS SELECT * FROM s;", EARLIEST_RESET)
        await node.run('INSERT INTO s (`a"b`, `c\\d`) VALUES (1, STRUCT(`e"f` := 2));')
        await node.settle()
        records = await node.records("OUT")
        assert [json.loads(record.value or b"") for record in records] == [{'a"b': 1, "c\\d": {'e"f': 2}}]
