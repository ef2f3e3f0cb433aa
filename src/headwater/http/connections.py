"""Connections to a REST door: plain HTTP/1.1 goes through a parser in C, HTTP/2, WebSocket and all else to hypercorn.

Which of them a connection speaks is decided by its first bytes, or by ALPN. uvicorn's protocol takes a third of the
time that hypercorn takes for a request; hypercorn does all of HTTP/2, but is long to import.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from email.utils import formatdate
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from headwater.core.clock import SystemClock
from headwater.http.bodies import DRAINED_BYTES

if TYPE_CHECKING:
    from headwater.http.other_protocols import OtherProtocols

HEAD_BYTES = 1 << 16
"""Longest head of a request, and longest trailers: as much as one read brings."""
_PLAIN = re.compile(rb"[A-Z]+ [^ \r\n]+ HTTP/1\.1\r\n")
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connections:
    """Everything that is connected to one door: `accept` makes the protocol of a new connection."""

    def __init__(self, app: ASGIApp, idle_seconds: int) -> None:
        self._app = app
        self._closing = False
        self._clock = SystemClock()
        self._date = 0
        self._others: OtherProtocols | None = None
        self._requests: set[asyncio.Task[object]] = set()
        self.idle_seconds = idle_seconds
        self.open: set[FirstBytes] = set()
        """Those that have not said yet what they speak."""
        self.state = ServerState()
        self.config = Config(
            self._serve,
            interface="asgi3",
            http=PlainHttp,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=idle_seconds,
        )
        self.config.load()

    def accept(self) -> asyncio.Protocol:
        """The protocol that a connection begins with."""
        return FirstBytes(self)

    async def others(self) -> OtherProtocols:
        """What speaks HTTP/2 and WebSocket. The first time its library is imported, beside the loop: it takes long."""
        if self._others is None:
            module = await asyncio.to_thread(import_module, "headwater.http.other_protocols")
            if self._others is None:
                self._others = module.OtherProtocols(self._serve, self.idle_seconds)
        return self._others

    def date(self) -> None:
        """Have answers say what time it is (RFC 9110 section 6.6.1)."""
        now = self._clock.now_ms() // 1000
        if now != self._date:
            self._date = now
            self.state.default_headers = [(b"date", formatdate(now, usegmt=True).encode())]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._requests.add(task)
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self._closing:
                raise  # else the request was ended on purpose, which is no failure to tell of
        finally:
            self._requests.discard(task)

    async def close(self, grace_seconds: float) -> None:
        """End connections: idle ones at once, others with their request, but after `grace_seconds` at the latest."""
        for connection in [*self.open, *self.state.connections]:
            connection.shutdown()
        await wait_for(self._requests, grace_seconds)
        if self._others is not None:
            await self._others.close(grace_seconds)
        for connection in list(self.state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await wait_for(self._requests, grace_seconds)  # most end by themselves when their client is gone
        self._closing = True
        await end(self._requests)


async def wait_for(tasks: Collection[asyncio.Task[object]], seconds: float) -> None:
    """Wait until the tasks have ended, but not longer than that."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def end(tasks: Collection[asyncio.Task[object]]) -> None:
    """Cancel the tasks, and wait until they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


class FirstBytes(asyncio.Protocol):
    """A connection that has not said yet what it speaks: collects until that is clear, and hands over."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._seen = b""
        self._others: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._connections.open.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._connections.idle_seconds, transport.abort)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() == "h2":
            self._hand_to_others()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def shutdown(self) -> None:
        """The door closes."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._others is not None or (b"\n" not in self._seen and len(self._seen) <= HEAD_BYTES):
            return
        head, whole, _ = self._seen.partition(b"\r\n\r\n")
        if _PLAIN.match(self._seen) is None:
            self._hand_to_others()
        elif whole or len(self._seen) > HEAD_BYTES:
            if _UPGRADE.search(head):
                self._hand_to_others()
            else:
                self._hand_to(PlainHttp(self._connections))

    def _leave(self) -> None:
        self._timer.cancel()
        self._connections.open.discard(self)

    def _hand_to(self, protocol: asyncio.Protocol) -> None:
        self._leave()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._seen:
            protocol.data_received(self._seen)

    def _hand_to_others(self) -> None:
        self._transport.pause_reading()
        self._others = asyncio.get_running_loop().create_task(self._begin_other())

    async def _begin_other(self) -> None:
        others = await self._connections.others()
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._hand_to(others.protocol())


class PlainHttp(HttpToolsProtocol):
    """HTTP/1.1, with bounds on what a client may send that is no body, and on how long it may send nothing."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections.config, connections.state, {}, asyncio.get_running_loop())
        self._date = connections.date
        self._useless = 0
        """Bytes since the last that ended a head, or were of a body."""
        self._unread = 0
        """Bytes of a body that came when its request was answered."""
        self._in_request = False
        """Whether the rest of a request has yet to come."""

    def data_received(self, data: bytes) -> None:
        self._useless += len(data)
        super().data_received(data)
        if self._useless > HEAD_BYTES and not self.transport.is_closing():
            if not self._answering:
                self.transport.write(_TOO_LARGE)
            self.transport.close()
        else:
            self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Bound how long the client may send nothing, while it is its turn to."""
        if self.timeout_keep_alive_task is None and (self._in_request or not self._answering):
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._idle)

    def _idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self.flow.read_paused:  # what the client has sent waits to be taken
            self._watch()
        else:
            self.transport.abort()

    @property
    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # which there is not before the first request
        return cycle is not None and not cycle.response_complete

    def on_headers_complete(self) -> None:
        self._useless = self._unread = 0
        self._in_request = True
        self._date()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._useless = 0
        if not self._answering:
            self._unread += len(body)
            if self._unread > DRAINED_BYTES:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._useless = 0
        self._in_request = False
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for another protocol may be answered in this one."""

    def send_400_response(self, msg: str) -> None:
        """Not once the answer to an earlier request has begun: it would become part of that."""
        if self._answering:
            self.transport.close()
        else:
            super().send_400_response(msg)
