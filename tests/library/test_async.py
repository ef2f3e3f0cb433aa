"""The library in a program's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import pytest

import headwater
from headwater.errors import ClosedError, StatementError
from tests.library.suite import EARLIEST, ORDERS


@pytest.fixture
async def node() -> AsyncIterator[headwater.AsyncNode]:
    async with headwater.start_async(memory=True, ksql_port=0) as node:
        await node.execute(ORDERS)
        yield node


async def push_queries(node: headwater.AsyncNode) -> int:
    (listing,) = await node.execute("SHOW QUERIES;")
    return str(listing).count("'PUSH'")


async def test_a_query_is_awaited_for_all_rows(node: headwater.AsyncNode) -> None:
    assert await node.insert("orders", [{"id": 1}, {"id": 2}]) == 2
    rows = await node.query("SELECT id FROM orders")
    assert rows == [(1,), (2,)]
    assert await node.query("SELECT id FROM orders EMIT CHANGES LIMIT 1", EARLIEST) == [(1,)]


async def test_a_query_is_iterated_over_for_rows_as_they_come(node: headwater.AsyncNode) -> None:
    seen = []
    async with node.query("SELECT id FROM orders EMIT CHANGES", EARLIEST) as query:
        await node.insert("orders", {"id": 0})
        async for row in query:
            seen.append(row.ID)
            if row.ID == 5:
                break
            await node.insert("orders", {"id": row.ID + 1})
    assert seen == [0, 1, 2, 3, 4, 5]
    assert await push_queries(node) == 0


async def test_queries_run_side_by_side(node: headwater.AsyncNode) -> None:
    async def first(city: str) -> int:
        async for row in node.query(f"SELECT id FROM orders WHERE city = '{city}' EMIT CHANGES LIMIT 1", EARLIEST):
            return int(row.ID)
        return -1

    waiting = asyncio.gather(*(first(city) for city in ("Oslo", "Bergen", "Narvik")))
    await node.insert("orders", [(1, "Narvik", None), (2, "Oslo", None), (3, "Bergen", None)])
    assert await waiting == [2, 3, 1]


async def test_a_cancelled_reader_ends_its_query(node: headwater.AsyncNode) -> None:
    query = node.query("SELECT id FROM orders EMIT CHANGES")
    await query.open()
    assert await push_queries(node) == 1
    reader = asyncio.ensure_future(query.rows())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await push_queries(node) == 0


async def test_a_closed_query_is_closed(node: headwater.AsyncNode) -> None:
    query = node.query("SELECT id FROM orders EMIT CHANGES")
    await query.close()
    with pytest.raises(ClosedError):
        await query


async def test_a_query_that_cannot_be_opened_says_so_when_it_is_used(node: headwater.AsyncNode) -> None:
    query = node.query("SELECT nothing FROM orders")
    with pytest.raises(StatementError, match="NOTHING"):
        await query


async def test_a_node_can_be_awaited_and_closed() -> None:
    node = await headwater.start_async(memory=True)
    await node.execute(ORDERS)
    await node.close()
    with pytest.raises(ClosedError):
        await node.execute("SHOW STREAMS;")


async def test_a_remote_node_is_the_same(node: headwater.AsyncNode) -> None:
    async with headwater.remote_async(node.endpoints["ksqldb"]) as remote:
        await remote.insert("orders", [{"id": 1}])
        assert await remote.query("SELECT id FROM orders") == [(1,)]
        async for row in remote.query("SELECT id FROM orders EMIT CHANGES", EARLIEST):
            assert row.id == 1
            break


async def test_a_remote_query_passes_over_continuation_tokens() -> None:
    scalable = {"ksql.query.push.v2.enabled": "true", "ksql.query.push.v2.registry.installed": "true"}
    settings = {"ksql.properties": scalable}
    async with headwater.start_async(memory=True, ksql_port=0, settings=settings) as node:
        await node.execute(ORDERS + "CREATE STREAM fed AS SELECT * FROM orders;")
        async with headwater.remote_async(node.endpoints["ksqldb"]) as remote:
            tokens = {"ksql.query.push.v2.continuation.tokens.enabled": True}
            rows = remote.query("SELECT id FROM fed EMIT CHANGES LIMIT 3", tokens)
            reading = asyncio.create_task(_ids(rows))
            number = 0
            while not reading.done():
                number += 1
                await node.insert("orders", [{"id": number}])
                await asyncio.sleep(0.1)
            first, *others = reading.result()
            assert others == [first + 1, first + 2]


async def _ids(rows: AsyncIterable[Any]) -> list[int]:
    return [row.id async for row in rows]


async def test_table_queries_settle(node: headwater.AsyncNode) -> None:
    await node.execute("CREATE TABLE n AS SELECT city, COUNT(*) AS n FROM orders GROUP BY city;")
    await node.insert("orders", [(number, "Oslo", None) for number in range(1000)])
    await node.settle()
    assert (await node.query("SELECT n FROM n WHERE city = 'Oslo'"))[0].N == 1000
