"""What every REST door listens with: HTTP/1.1, HTTP/2 (prior knowledge and upgrade) and WebSocket on one port."""

from __future__ import annotations

import asyncio
import errno
import socket
from functools import partial

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.types import ASGIApp

from headwater.core.errors import StartupError

_GRACE_SECONDS = 1.0
"""How long open requests may take to end when the listener closes."""
_BACKLOG = 100
_REQUESTS_PER_CONNECTION = 1 << 31
"""No end: clients that keep a connection would see it closed under a request they were about to send."""


class RestListener:
    """Serves an ASGI application in this loop. `port` 0 picks a free one; it is known after `start`.

    `title` names the door in errors. A connection without a request is closed after `idle_seconds`.
    """

    def __init__(self, title: str, app: ASGIApp, host: str, port: int, *, idle_seconds: int = 600) -> None:
        self.title = title
        self.host = host
        self.port = port
        self._app = app
        self._idle_seconds = idle_seconds
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None

    async def start(self) -> None:
        """Begin to accept; raises `StartupError` naming the address when it cannot be bound."""
        listener = self._bind()
        self.port = listener.getsockname()[1]
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.graceful_timeout = _GRACE_SECONDS
        config.include_server_header = False
        config.accesslog = None
        config.errorlog = None
        config.keep_alive_timeout = self._idle_seconds
        config.h2_max_concurrent_streams = 1_000
        config.keep_alive_max_requests = _REQUESTS_PER_CONNECTION
        run = partial(serve, self._app, config, shutdown_trigger=self._stop.wait, mode="asgi")  # type: ignore[arg-type]
        self._task = asyncio.create_task(run(), name=self.title)

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind((self.host, self.port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise StartupError(
                f"Cannot listen on {self.host}:{self.port} for {self.title}: {reason}. Choose another port."
            ) from error
        return listener

    async def close(self) -> None:
        """Let requests finish for a moment, and stop."""
        if self._task is None:
            return
        self._stop.set()
        await self._task
        self._task = None
