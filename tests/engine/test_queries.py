"""The life of persistent queries: failing and trying again, pausing, being replaced, growing topics, bounded state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.engine.disk_state import DiskState, clear_abandoned
from headwater.engine.errors import StatementError
from headwater.engine.query import PersistentQuery
from headwater.engine.stores import JoinBuffer, SessionStore, WindowStore
from headwater.testing.clock import ManualClock
from headwater.wire.records import build_batch
from tests.engine.sql_node import EARLIEST_RESET, SqlNode, sql_node

START = 1_700_000_000_000
ORDERS = """CREATE STREAM orders (customer VARCHAR KEY, price BIGINT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS={0});"""


async def produce(node: SqlNode, topic: str, rows: Sequence[tuple[str, Any, int]], partition: int = 0) -> None:
    """Rows of (key, value as JSON, ms after START)."""
    records = [(key.encode(), msgspec.json.encode(value), START + at, ()) for key, value, at in rows]
    await node.cluster.commit(Commit([Append(TopicPartition(topic, partition), build_batch(records))]))


async def orders(node: SqlNode, prices: Sequence[int], at: int = 0) -> None:
    await produce(node, "orders", [("ada", {"price": price}, at) for price in prices])
    await node.settle()


def query(node: SqlNode) -> PersistentQuery:
    """The only one there is."""
    (found,) = node.engine.runtime.queries.values()
    return found


async def values(node: SqlNode, topic: str = "OUT") -> list[Any]:
    return [msgspec.json.decode(r.value) if r.value else None for r in await node.records(topic)]


# --- failing ------------------------------------------------------------------------------------------------------

TOTALS = (
    "CREATE TABLE out AS SELECT customer, SUM(CAST(price AS DECIMAL(4, 2))) AS total FROM orders GROUP BY customer;"
)


async def test_a_query_that_fails_says_why_and_tries_again_later_and_later() -> None:
    clock = ManualClock()
    async with sql_node(clock) as node:
        await node.run(ORDERS.format(1) + TOTALS, EARLIEST_RESET)
        await orders(node, [90])
        await orders(node, [90])
        assert query(node).state == "ERROR"
        assert "overflow" in query(node).errors[0].message
        for wait_ms in (15_000, 30_000, 60_000):
            before = len(query(node).errors)
            clock.advance(wait_ms - 1)
            await node.settle()
            assert len(query(node).errors) == before
            clock.advance(1)
            while len(query(node).errors) == before:
                await clock.sleep(0)
            assert query(node).state == "ERROR"
        assert [row["TOTAL"] for row in await values(node)] == [90.00]


async def test_a_failed_query_goes_on_when_its_cause_is_gone() -> None:
    clock = ManualClock()
    async with sql_node(clock) as node:
        await node.run(
            ORDERS.format(1) + "CREATE TABLE out AS SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer;"
        )
        await orders(node, [1, 2])
        await node.cluster.delete_topics(["OUT"])
        await orders(node, [3])
        assert query(node).state == "ERROR"
        await node.create_topic("OUT")
        clock.advance(15_000)
        while query(node).state == "ERROR":
            await clock.sleep(0)
        await node.settle()
        assert [row["N"] for row in await values(node)] == [3]


# --- pausing ------------------------------------------------------------------------------------------------------


async def test_a_paused_query_stops_where_it_is_and_goes_on_from_there() -> None:
    async with sql_node() as node:
        await node.run(ORDERS.format(1) + "CREATE STREAM out AS SELECT * FROM orders;", EARLIEST_RESET)
        await orders(node, [1])
        await node.run(f"PAUSE {query(node).id};")
        await orders(node, [2, 3])
        assert [row["PRICE"] for row in await values(node)] == [1]
        await node.run(f"RESUME {query(node).id};")
        await node.settle()
        assert [row["PRICE"] for row in await values(node)] == [1, 2, 3]


async def test_a_query_stays_paused_over_a_restart() -> None:
    async with sql_node() as node:
        await node.run(ORDERS.format(1) + "CREATE STREAM out AS SELECT * FROM orders;", EARLIEST_RESET)
        await node.run(f"PAUSE {query(node).id};")
        await node.restart()
        await orders(node, [1])
        assert (query(node).state, await values(node)) == ("PAUSED", [])


# --- replacing ----------------------------------------------------------------------------------------------------


async def test_a_replaced_query_keeps_its_groups() -> None:
    async with sql_node() as node:
        sql = "CREATE OR REPLACE TABLE out AS SELECT price, COUNT(*) AS n {0} FROM orders GROUP BY price {1};"
        await node.run(ORDERS.format(1) + sql.format("", ""), EARLIEST_RESET)
        await orders(node, [1, 1])
        await node.run(sql.format("", "HAVING COUNT(*) > 2"))
        await orders(node, [1, 2])
        assert [row and row["N"] for row in await values(node)] == [1, 2, 3]


async def test_a_replaced_table_may_have_more_columns_than_the_rows_it_keeps() -> None:
    async with sql_node() as node:
        await node.run(
            """CREATE TABLE people (customer VARCHAR PRIMARY KEY, city VARCHAR, age INT)
               WITH (KAFKA_TOPIC='people', VALUE_FORMAT='JSON', PARTITIONS=1);"""
        )
        sql = "CREATE OR REPLACE TABLE out AS SELECT customer, city {0} FROM people WHERE age > 1;"
        await node.run(sql.format(""), EARLIEST_RESET)
        await produce(node, "people", [("ada", {"city": "Rome", "age": 36}, 0)])
        await node.settle()
        await node.run(sql.format(", age"))
        await produce(node, "people", [("bob", {"city": "Oslo", "age": 40}, 0)])
        await node.settle()
        assert query(node).state == "RUNNING"
        assert [(row["CITY"], row.get("AGE")) for row in await values(node)] == [("Rome", None), ("Oslo", 40)]
        assert await node.select("SELECT * FROM out;") == [("ada", "Rome", None), ("bob", "Oslo", 40)]
        await node.restart()
        assert await node.select("SELECT * FROM out;") == [("ada", "Rome", None), ("bob", "Oslo", 40)]


# --- topics that grow ---------------------------------------------------------------------------------------------


async def test_groups_stay_whole_when_their_topic_gets_more_partitions() -> None:
    async with sql_node() as node:
        await node.run(
            ORDERS.format(1) + "CREATE TABLE out AS SELECT price, COUNT(*) AS n FROM orders GROUP BY price;",
            EARLIEST_RESET,
        )
        await orders(node, [7, 8])
        node.log.add_partitions("orders", 2)
        await node.restart()
        await produce(node, "orders", [("bob", {"price": 7}, 5)], partition=1)
        await orders(node, [8], at=6)
        await node.restart()
        await produce(node, "orders", [("bob", {"price": 7}, 7)], partition=1)
        await node.settle()
        assert [row["N"] for row in await values(node)] == [1, 1, 2, 2, 3]


async def test_a_query_whose_partitioned_state_would_be_elsewhere_says_so() -> None:
    async with sql_node() as node:
        await node.run(
            ORDERS.format(2) + "CREATE TABLE out AS SELECT price, COUNT(*) AS n FROM orders GROUP BY price;",
            EARLIEST_RESET,
        )
        await orders(node, [7])
        node.log.add_partitions("orders", 3)
        await node.restart()
        described = await node.run("SHOW QUERIES;")
        assert "ERROR" in str(described)


# --- state has bounds ---------------------------------------------------------------------------------------------

_COUNTS = "CREATE TABLE out AS SELECT customer, COUNT(*) AS n FROM orders WINDOW"
_BOUNDS = "RETENTION 5 SECONDS, GRACE PERIOD 1 SECOND"
BOUNDED = {
    "windows": f"{_COUNTS} TUMBLING (SIZE 1 SECOND, {_BOUNDS}) GROUP BY customer;",
    "sessions": f"{_COUNTS} SESSION (1 SECOND, {_BOUNDS}) GROUP BY customer;",
    "final sessions": f"{_COUNTS} SESSION (1 SECOND, {_BOUNDS}) GROUP BY customer EMIT FINAL;",
    "a join of a topic with itself": """CREATE STREAM out AS SELECT o.customer, o.price, p.price
        FROM orders o JOIN orders2 p WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON o.customer = p.customer;""",
}


@pytest.mark.parametrize("name", BOUNDED)
async def test_what_is_out_of_the_retention_time_is_neither_in_memory_nor_on_the_changelog(name: str) -> None:
    async with sql_node() as node:
        await node.run(ORDERS.format(1) + ORDERS.replace("STREAM orders", "STREAM orders2").format(1))
        await node.run(BOUNDED[name], EARLIEST_RESET)
        for step in range(0, 400, 20):
            rows = [(f"customer-{i}", {"price": i}, i * 400) for i in range(step, step + 20)]
            await produce(node, "orders", rows)
            await node.settle()
        (task,) = query(node).tasks
        assert 0 < sum(map(entries, task.stores)) < 100
        live: dict[bytes | None, bool] = {}
        for record in await node.records(f"{query(node).group}-0-changelog"):
            live[record.key] = record.value is not None
        assert sum(live.values()) < 100


def entries(store: object) -> int:
    match store:
        case WindowStore():
            return sum(map(len, store.windows.values()))
        case SessionStore() | JoinBuffer():
            return sum(map(len, store.data.values()))
    return 0


async def test_a_statement_that_cannot_be_compiled_leaves_no_query() -> None:
    async with sql_node() as node:
        with pytest.raises(StatementError):
            await node.run("CREATE STREAM out AS SELECT nothing FROM nowhere;")
        assert not node.engine.runtime.queries


# --- state on disk ------------------------------------------------------------------------------------------------


async def test_state_may_be_kept_in_rocksdb(tmp_path: Path) -> None:
    properties = {"ksql.streams.default.dsl.store": "rocksDB", "ksql.streams.state.dir": str(tmp_path / "state")}
    async with sql_node(properties=properties) as node:
        await node.run(
            ORDERS.format(1)
            + """CREATE TABLE out AS SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer;
                 CREATE TABLE hourly AS SELECT customer, COUNT(*) AS n FROM orders
                   WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY customer;""",
            EARLIEST_RESET,
        )
        await orders(node, [1, 2])
        await node.restart()
        await orders(node, [3])
        assert len(list((tmp_path / "state").iterdir())) == 2
        assert await node.select("SELECT n FROM out WHERE customer = 'ada';") == [(3,)]
        assert await node.select("SELECT customer, n FROM hourly;") == [("ada", 3)]


def test_what_a_killed_process_left_on_disk_is_cleared(tmp_path: Path) -> None:
    in_use = DiskState(tmp_path)
    (tmp_path / "task-abandoned").mkdir()
    clear_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [in_use.folder]


async def test_json_sr_may_be_read_as_plain_json() -> None:
    """`ksql.json_sr.converter.deserializer.enabled` = false: texts are numbers where numbers are declared."""
    async with sql_node() as node:
        await node.run(
            "CREATE STREAM texts (v STRING) WITH (kafka_topic='x', partitions=1, value_format='JSON_SR');"
            "CREATE STREAM numbers (v INT) WITH (kafka_topic='x', value_format='JSON_SR');"
            "INSERT INTO texts VALUES ('7');"
        )
        plainly = {**EARLIEST_RESET, "ksql.json_sr.converter.deserializer.enabled": False}
        assert await node.select("SELECT v FROM numbers;") == []
        assert await node.select("SELECT v FROM numbers;", plainly) == [(7,)]
