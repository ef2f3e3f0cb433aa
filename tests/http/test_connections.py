"""What a REST door's socket takes: every version of HTTP, in whatever pieces it comes, and nothing without bounds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from headwater.http.connections import HEAD_BYTES, Connections
from headwater.http.listener import RestListener
from headwater.http.responses import StreamedResponse
from headwater.testing.connect_rig import PATIENCE_SECONDS

ASKED = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
UPGRADE = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"


class Endless:
    """A response that never ends by itself; `closed` when its client has gone."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield b"first\n"
        await asyncio.Event().wait()

    async def _close(self) -> None:
        self.closed.set()

    def response(self) -> Response:
        return StreamedResponse(self._chunks(), "text/plain", self._close)


class Socket:
    """A raw connection to the door."""

    def __init__(self, port: int, endless: Endless) -> None:
        self.port = port
        self.endless = endless
        self.listener: RestListener

    async def ask(self, *pieces: bytes) -> bytes:
        """What is answered until the door closes the connection; the client says at its end that it will send no more
        by closing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def open(self, request: bytes, until: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection over which the answer to a request has begun."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reader.readuntil(until)
        return reader, writer


@asynccontextmanager
async def door(idle_seconds: int = 600) -> AsyncIterator[Socket]:
    endless = Endless()

    async def echo(request: Request) -> Response:
        body = await request.body()
        return PlainTextResponse(f"{request.scope['http_version']} {request.method} {len(body)}")

    async def stream(request: Request) -> Response:
        return endless.response()

    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"]), Route("/endless", stream)])
    listener = RestListener("a test", app, "127.0.0.1", 0, idle_seconds=idle_seconds)
    await listener.start()
    try:
        socket = Socket(listener.port, endless)
        socket.listener = listener
        yield socket
    finally:
        await listener.close()


LAST = b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "answers"),
    [
        ([LAST], [b"1.1 GET 0"]),
        ([bytes([byte]) for byte in LAST], [b"1.1 GET 0"]),
        ([ASKED + ASKED + LAST], [b"1.1 GET 0"] * 3),
        (
            [b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\n\r\n12", b"345", LAST],
            [b"1.1 POST 5", b"1.1 GET 0"],
        ),
        ([b"GET / HTTP/1.0\r\n\r\n"], [b"1.0 GET 0"]),
        ([ASKED, ASKED.replace(b"\r\n\r\n", b"\r\n" + UPGRADE + b"\r\n"), LAST], [b"1.1 GET 0"] * 3),
        ([b"GET / HTTP/1.1\nhost: here\nconnection: close\n\n"], [b"1.1 GET 0"]),
    ],
    ids=["whole", "byte by byte", "three at once", "a body in parts", "HTTP/1.0", "a late upgrade", "bare line feeds"],
)
async def test_requests_are_answered_however_they_arrive(pieces: list[bytes], answers: list[bytes]) -> None:
    async with door() as socket:
        answer = await socket.ask(*pieces)
        assert re.findall(rb"1\.. (?:GET|POST) \d", answer) == answers
        assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", b"400"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: here\r\ncontent-length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: here\r\nlong: " + b"x" * 4 * HEAD_BYTES, b"431"),
        (b"GET /" + b"x" * 4 * HEAD_BYTES, b"431"),
        (ASKED + b"GET / HTTP/1.1\r\nhost: here\r\nlong: " + b"x" * 4 * HEAD_BYTES, b"431"),
        (b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\nt: " + b"x" * 4 * HEAD_BYTES, b"431"),
    ],
    ids=[
        "no HTTP",
        "TLS",
        "no colon",
        "no number",
        "two lengths",
        "long header",
        "long path",
        "second head",
        "trailer",
    ],
)
async def test_what_is_no_request_is_refused(request_bytes: bytes, status: bytes) -> None:
    async with door() as socket:
        answer = await socket.ask(request_bytes)
        assert answer.rpartition(b"HTTP/1.1 ")[2][:3] in (status, b"")
        assert b"1.1 GET 0" in await socket.ask(LAST)


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: here\r\n", b"PRI * HTTP/2.0\r\n", ASKED])
async def test_a_connection_that_asks_nothing_is_closed(head: bytes) -> None:
    async with door(idle_seconds=1) as socket:
        assert (await socket.ask(head)).count(b"HTTP/1.1 200") == (head == ASKED)


async def test_a_body_that_does_not_go_on_is_not_waited_for() -> None:
    started = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 10\r\n\r\n123"
    async with door(idle_seconds=1) as socket:
        assert await socket.ask(started) == b""
        assert (await socket.ask(ASKED + started)).count(b"HTTP/1.1 200") == 1, "nor that of a second request"


async def test_a_client_whose_body_waits_to_be_taken_is_not_idle() -> None:
    taken = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await taken.wait()
        body = await Request(scope, receive).body()
        await PlainTextResponse(str(len(body)))(scope, receive, send)

    connections = Connections(slow, idle_seconds=1)
    server = await asyncio.get_running_loop().create_server(connections.accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1000000\r\n\r\n" + bytes(999_999))
    await asyncio.sleep(2)  # twice the time that a client may be idle
    taken.set()
    writer.write(bytes(1))
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await reader.readuntil(b"1000000")).startswith(b"HTTP/1.1 200")
    writer.close()
    server.close()
    await connections.close(1)


async def test_a_body_that_nobody_wants_is_read_over_within_bounds() -> None:
    head = b"POST /nowhere HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n"
    async with door() as socket:
        short = await socket.ask(head % 100_000 + b"x" * 100_000, LAST)
        assert re.findall(rb"HTTP/1.1 (\d+)", short) == [b"404", b"200"]
        _, endless = await socket.open(head % (1 << 40), b"404 Not Found\r\n")
        with pytest.raises(ConnectionError):
            await _flood(endless)
        endless.close()


async def _flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 100_000)
        await writer.drain()


async def test_http_2_comes_by_prior_knowledge_or_as_an_upgrade() -> None:
    async with door() as socket:
        async with httpx.AsyncClient(http1=False, http2=True) as client:
            assert (await client.get(f"http://127.0.0.1:{socket.port}/")).text == "2 GET 0"
        _, writer = await socket.open(b"GET / HTTP/1.1\r\nhost: here\r\n" + UPGRADE + b"\r\n", b"101 \r\n")
        writer.close()


@pytest.mark.parametrize("version", [1, 2])
async def test_a_stream_ends_when_its_client_leaves(version: int) -> None:
    async with door() as socket:
        async with (
            httpx.AsyncClient(http1=version == 1, http2=version == 2) as client,
            client.stream("GET", f"http://127.0.0.1:{socket.port}/endless") as response,
        ):
            assert await anext(response.aiter_text()) == "first\n"
        async with asyncio.timeout(PATIENCE_SECONDS):
            await socket.endless.closed.wait()


async def test_a_stream_that_fails_is_closed_too() -> None:
    closed: list[bool] = []

    async def failing() -> AsyncIterator[bytes]:
        yield b"first"
        raise ValueError("a defect")

    async def close() -> None:
        closed.append(True)

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        return None

    with pytest.raises(ValueError, match="a defect"):
        await StreamedResponse(failing(), "text/plain", close)({"type": "http"}, receive, send)
    assert closed


@pytest.mark.parametrize("version", [1, 2])
async def test_a_door_that_closes_ends_streams_and_idle_connections(version: int) -> None:
    async with door() as socket:
        client = httpx.AsyncClient(http1=version == 1, http2=version == 2)
        _, silent = await asyncio.open_connection("127.0.0.1", socket.port)
        _, idle = await socket.open(ASKED, b"GET 0")
        async with client, client.stream("GET", f"http://127.0.0.1:{socket.port}/endless") as response:
            assert await anext(response.aiter_text()) == "first\n"
            async with asyncio.timeout(PATIENCE_SECONDS):
                await socket.listener.close()
        assert socket.endless.closed.is_set()
        for writer in (silent, idle):
            writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", socket.port)
