"""HTTP/2 (prior knowledge, upgrade and ALPN), WebSocket and unusual HTTP/1: connections that hypercorn serves.

Imported when the first of them comes.
"""

from __future__ import annotations

import asyncio

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from starlette.types import ASGIApp

from headwater.http.bodies import Drained
from headwater.http.connections import end, wait_for

_REQUESTS_PER_CONNECTION = 1 << 31
"""No end: clients that keep a connection would see it closed under a request they were about to send."""
_STREAMS = 1_000
"""At a time, in one HTTP/2 connection."""


class OtherProtocols:
    """Those of one door."""

    def __init__(self, app: ASGIApp, idle_seconds: int) -> None:
        self._app = ASGIWrapper(Drained(app))  # type: ignore[arg-type]  # starlette's types for ASGI are wider
        self._context = WorkerContext(None)
        self._connections: dict[asyncio.Task[object], asyncio.WriteTransport] = {}
        self._config = config = Config()
        config.include_server_header = False
        config.accesslog = None
        config.errorlog = None
        config.keep_alive_timeout = idle_seconds
        config.h2_max_concurrent_streams = _STREAMS
        config.keep_alive_max_requests = _REQUESTS_PER_CONNECTION

    def protocol(self) -> asyncio.Protocol:
        """For a new connection, from its first byte."""
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer.transport
        task.add_done_callback(self._connections.pop)
        loop = asyncio.get_running_loop()
        await TCPServer(self._app, loop, self._config, self._context, {}, reader, writer)

    async def close(self, grace_seconds: float) -> None:
        """End the connections, those that have a request after `grace_seconds`."""
        await self._context.terminated.set()
        await wait_for(self._connections, grace_seconds)
        for transport in self._connections.values():
            transport.abort()
        await wait_for(self._connections, grace_seconds)
        await end(self._connections)
