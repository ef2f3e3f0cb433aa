"""A query that is killed at any commit, and goes on, writes what it would have written undisturbed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.cluster.local import LocalCluster
from headwater.core.errors import ClusterError
from headwater.testing.clock import ManualClock
from headwater.wire.records import build_batch
from tests.engine.sql_node import SqlNode, sql_node

START = 1_700_000_000_000
PARTITIONS = 3
KEYS = ("ada", "bob", "cleo", "dan", "eve")

STREAMS = f"""
CREATE STREAM orders (customer VARCHAR, price BIGINT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});
CREATE STREAM calls (customer VARCHAR, length BIGINT)
  WITH (KAFKA_TOPIC='calls', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});
CREATE TABLE customers (customer VARCHAR PRIMARY KEY, city VARCHAR)
  WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});
"""

QUERIES = {
    "a filter": "CREATE STREAM out AS SELECT customer, price FROM orders WHERE price > 10;",
    "a group": "CREATE TABLE out AS SELECT customer, COUNT(*) AS n, SUM(price) AS total FROM orders GROUP BY customer;",
    "hopping windows": """CREATE TABLE out AS SELECT customer, COUNT(*) AS n FROM orders
        WINDOW HOPPING (SIZE 4 SECONDS, ADVANCE BY 2 SECONDS) GROUP BY customer;""",
    "sessions": """CREATE TABLE out AS SELECT customer, COUNT(*) AS n FROM orders
        WINDOW SESSION (2 SECONDS) GROUP BY customer;""",
    "a stream-stream join": """CREATE STREAM out AS SELECT o.customer, o.price, c.length
        FROM orders o JOIN calls c WITHIN 1 HOUR ON o.customer = c.customer;""",
    "a stream-table join": """CREATE STREAM out AS SELECT o.customer, o.price, t.city
        FROM orders o LEFT JOIN customers t ON o.customer = t.customer;""",
    "a group of a table": "CREATE TABLE out AS SELECT city, COUNT(*) AS n FROM customers GROUP BY city;",
}


class FragileCluster(LocalCluster):
    """Fails the commit number `fail_at` of any query, before or (with `applied`) after it has been carried out."""

    fail_at = -1
    applied = False
    commits = 0

    async def commit(self, work: Commit) -> list[int]:
        if work.group is None:
            return await super().commit(work)
        number, self.commits = self.commits, self.commits + 1
        if number == self.fail_at and not self.applied:
            raise ClusterError("The commit did not get through.")
        done = await super().commit(work)
        if number == self.fail_at:
            raise ClusterError("The answer to the commit was lost.")
        return done


def row(topic: str, number: int) -> tuple[str, bytes]:
    key = KEYS[number * 7 % len(KEYS)]
    if topic == "customers":
        return key, msgspec.json.encode({"city": f"city-{number % 3}"})
    return key, msgspec.json.encode({"customer": key, "price" if topic == "orders" else "length": number})


def appends(topic: str, numbers: Sequence[int]) -> list[Append]:
    """Records in the partitions of their keys, so that the order of each key's records is certain."""
    parts: dict[int, list[Any]] = defaultdict(list)
    for number in numbers:
        key, value = row(topic, number)
        parts[KEYS.index(key) % PARTITIONS].append((key.encode(), value, START + number * 400, ()))
    return [Append(TopicPartition(topic, partition), build_batch(records)) for partition, records in parts.items()]


async def feed(node: SqlNode, rounds: int = 2, size: int = 15) -> None:
    """Several rounds of input, each settled before the next; a failed query is given its retry."""
    assert isinstance(node.clock, ManualClock)
    for start in range(0, rounds * size, size):
        for topic in ("customers", "calls", "orders"):
            await node.cluster.commit(Commit(appends(topic, range(start, start + size))))
            await node.settle()
            for query in node.engine.runtime.queries.values():
                while query.state == "ERROR":
                    node.clock.advance(20_000)
                    await node.clock.sleep(0)
            await node.settle()


async def written(node: SqlNode) -> Mapping[bytes | None, list[bytes | None]]:
    """The values of each key, in order."""
    found: dict[bytes | None, list[bytes | None]] = defaultdict(list)
    for record in await node.records("OUT"):
        found[record.key].append(record.value)
    return found


async def run(sql: str, fail_at: int = -1, *, applied: bool = False) -> tuple[Mapping[bytes | None, Any], int]:
    """What the query writes, and how many commits it made."""
    async with sql_node(ManualClock(), cluster=FragileCluster) as node:
        assert isinstance(node.cluster, FragileCluster)
        await node.run(STREAMS)
        await node.run(sql, {"auto.offset.reset": "earliest"})
        node.cluster.commits, node.cluster.fail_at, node.cluster.applied = 0, fail_at, applied
        await feed(node)
        if fail_at >= 0:
            query = next(iter(node.engine.runtime.queries.values()))
            assert [error.message for error in query.errors] != []
        return await written(node), node.cluster.commits


@pytest.mark.parametrize("applied", [False, True], ids=["lost", "unanswered"])
@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_killed_at_any_commit_writes_what_it_would_have_written(name: str, applied: bool) -> None:
    expected, commits = await run(QUERIES[name])
    assert sum(map(len, expected.values())) > 5
    ordered = name != "a filter" and "join" not in name
    for fail_at in range(commits):
        found, _ = await run(QUERIES[name], fail_at, applied=applied)
        if ordered:
            assert found == expected, fail_at
        else:
            assert _sorted(found) == _sorted(expected), fail_at


def _sorted(found: Mapping[bytes | None, list[bytes | None]]) -> dict[bytes | None, list[bytes]]:
    return {key: sorted(value or b"" for value in values) for key, values in found.items()}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_restarted_between_rounds_writes_what_it_would_have_written(name: str) -> None:
    expected, _ = await run(QUERIES[name])
    async with sql_node(ManualClock()) as node:
        await node.run(STREAMS)
        await node.run(QUERIES[name], {"auto.offset.reset": "earliest"})
        for start in range(0, 30, 15):
            for topic in ("customers", "calls", "orders"):
                await node.cluster.commit(Commit(appends(topic, range(start, start + 15))))
                await node.settle()
            await node.restart()
        found = await written(node)
    assert _sorted(found) == _sorted(expected)
