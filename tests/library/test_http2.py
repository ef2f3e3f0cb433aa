"""What a client meets that connects to the wrong thing, or to a server that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

import headwater
from headwater.errors import ConfigError, HeadwaterError, RequestError, StartupError
from headwater.library.http2 import ConnectionLostError
from tests.library.suite import ORDERS

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@asynccontextmanager
async def listening(answer: bytes) -> AsyncIterator[str]:
    """A server that answers whatever it is sent with these bytes and hangs up; its URL."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port", "http://host:99999", "http://host:0"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"connect\(\) takes a URL"):
        headwater.remote(url)


def test_nobody_there_is_said_with_the_url() -> None:
    with pytest.raises(StartupError, match=r"no ksqlDB server answers at http://127\.0\.0\.1:1: Connection refused"):
        headwater.remote("http://someone:secret@127.0.0.1:1")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak HTTP/2"), (b"", "closed the connection")],
)
async def test_a_server_of_another_protocol_is_said(answer: bytes, complaint: str) -> None:
    async with listening(answer) as url:
        with pytest.raises(StartupError, match=complaint):
            await headwater.remote_async(url)


async def test_a_wrong_password_is_refused() -> None:
    settings = {"node.api_keys": {"alice": "wonder"}}
    async with headwater.start_async(memory=True, ksql_port=0, settings=settings) as node:
        url = node.endpoints["ksqldb"]
        with pytest.raises(RequestError, match="Unauthorized"):
            await headwater.remote_async(url)
        async with headwater.remote_async(url.replace("//", "//alice:wonder@")) as remote:
            assert len(await remote.execute("SHOW STREAMS;")) == 1
            assert "wonder" not in str(remote.endpoints)


async def test_a_lost_server_is_said_and_one_that_is_back_is_found_again() -> None:
    node = await headwater.start_async(memory=True, ksql_port=0)
    await node.execute(ORDERS)
    url = node.endpoints["ksqldb"]
    async with headwater.remote_async(url) as remote:
        query = remote.query("SELECT * FROM orders EMIT CHANGES")
        await query.open()
        await node.close()
        assert await query.next_rows() == []
        with pytest.raises((StartupError, ConnectionLostError)):
            await remote.execute("SHOW STREAMS;")
        port = int(url.rpartition(":")[2])
        async with headwater.start_async(memory=True, ksql_port=port):
            assert len(await remote.execute("SHOW STREAMS;")) == 1


async def test_a_silent_reader_does_not_fill_memory_or_lose_rows() -> None:
    async with headwater.start_async(memory=True, ksql_port=0) as node:
        await node.execute("CREATE STREAM s (a STRING) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        await node.insert("s", (("x" * 1_000,) for _ in range(5_000)))
        async with headwater.remote_async(node.endpoints["ksqldb"]) as remote:
            slow = remote.query("SELECT a FROM s")
            await slow.open()
            assert len(await remote.query("SELECT a FROM s")) == 5_000
            assert len(await slow) == 5_000


async def test_an_error_in_mid_stream_is_raised_after_the_rows_before_it() -> None:
    async with headwater.start_async(memory=True, ksql_port=0) as node:
        await node.execute("CREATE STREAM s (a STRING) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        await node.insert("s", [("one",)])
        async with headwater.remote_async(node.endpoints["ksqldb"]) as remote:
            query = remote.query("SELECT a FROM s EMIT CHANGES", {"auto.offset.reset": "earliest"})
            assert await query.next_rows() == [("one",)]
            await node.execute("DROP STREAM s DELETE TOPIC;")
            with pytest.raises(HeadwaterError):
                await query.next_rows()
