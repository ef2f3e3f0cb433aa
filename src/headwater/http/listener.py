"""What every REST door listens with: HTTP/1.1, HTTP/2 (prior knowledge and upgrade) and WebSocket on one port."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

from starlette.types import ASGIApp

from headwater.core.errors import StartupError
from headwater.core.settings import other_port
from headwater.http.connections import Connections

_GRACE_SECONDS = 1.0
"""How long open requests may take to end when the listener closes."""
_BACKLOG = 100


class RestListener:
    """Serves an ASGI application in this loop. `port` 0 picks a free one; it is known after `start`.

    `title` and `setting`, that of its port, name the door in errors. A connection without a request is closed after
    `idle_seconds`. With `tls` it speaks nothing else.
    """

    def __init__(
        self,
        title: str,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        setting: str = "",
        idle_seconds: int = 600,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.title = title
        self.host = host
        self.port = port
        self._setting = setting
        self._connections = Connections(app, idle_seconds)
        self._tls = tls
        self._server: asyncio.Server | None = None

    @property
    def running(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        """Begin to accept; raises `StartupError` naming the address when it cannot be bound."""
        listener = self._bind()
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connections.accept, sock=listener, backlog=_BACKLOG, ssl=self._tls
        )

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
            remedy = other_port(self._setting) if self._setting else "Choose another port."
            raise StartupError(
                f"Cannot listen on {self.host}:{self.port} for {self.title}: {reason}. {remedy}"
            ) from error
        return listener

    async def close(self) -> None:
        """Let requests finish for a moment, and stop."""
        if self._server is None:
            return
        self._server.close()
        await self._connections.close(_GRACE_SECONDS)
        await self._server.wait_closed()
        self._server = None
