"""The ksqlDB listener: HTTP/1.1, HTTP/2 (prior knowledge and upgrade) and WebSocket on one port, in one loop."""

from __future__ import annotations

import asyncio
import errno
import socket
from functools import partial

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from headwater.core.errors import StartupError
from headwater.engine.engine import Engine
from headwater.engine.settings import EngineSettings
from headwater.http.bodies import DEFAULT_LIMIT_BYTES, Bodies
from headwater.http.guard import Authorize, Guard, allow_all
from headwater.http.information import InformationEndpoints
from headwater.http.inserts import InsertEndpoints
from headwater.http.origins import ALLOWED_ORIGINS, Origins
from headwater.http.queries import QueryEndpoints
from headwater.http.statements import StatementEndpoints
from headwater.http.websocket import WebSocketEndpoint

_GRACE_SECONDS = 1.0
"""How long open requests may take to end when the server closes; push queries are ended before that begins."""


def build_app(
    engine: Engine,
    authorize: Authorize = allow_all,
    host: str = "127.0.0.1",
    max_request_bytes: int = DEFAULT_LIMIT_BYTES,
) -> ASGIApp:
    """The REST API of an engine as an ASGI application, for a listener bound to `host`."""
    guard = Guard(engine, authorize, Origins.of(engine.settings, host))
    routes = [
        *StatementEndpoints(engine).routes(guard),
        *QueryEndpoints(engine).routes(guard),
        *InsertEndpoints(engine, max_request_bytes).routes(guard),
        *InformationEndpoints(engine).routes(guard),
        WebSocketEndpoint(engine, guard).route(),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Bodies, limit=max_request_bytes), *_cors(engine.settings)],
        exception_handlers={404: _not_found, 405: _wrong_method},
    )


def _cors(settings: EngineSettings) -> list[Middleware]:
    origin = settings.text(ALLOWED_ORIGINS)
    if not origin:
        return []
    listed = {
        name: [part.strip() for part in settings.text(f"access.control.allow.{name}").split(",") if part.strip()]
        for name in ("methods", "headers")
    }
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=[part.strip() for part in origin.split(",")],
            allow_methods=listed["methods"] or ["GET", "POST", "HEAD"],
            allow_headers=listed["headers"],
        )
    ]


async def _not_found(request: Request, error: Exception) -> Response:
    return PlainTextResponse("Not Found", 404)


async def _wrong_method(request: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("Method Not Allowed", 405, headers=headers)


class KsqlServer:
    """Serves one engine. `port` 0 picks a free one; it is known after `start`."""

    def __init__(
        self,
        engine: Engine,
        host: str = "127.0.0.1",
        port: int = 8088,
        authorize: Authorize = allow_all,
        max_request_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        self.host = host
        self.port = port
        self._engine = engine
        self._app = build_app(engine, authorize, host, max_request_bytes)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

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
        config.keep_alive_timeout = self._engine.settings.integer("ksql.idle.connection.timeout.seconds")
        config.h2_max_concurrent_streams = 1_000
        run = partial(serve, self._app, config, shutdown_trigger=self._stop.wait, mode="asgi")  # type: ignore[arg-type]
        self._task = asyncio.create_task(run(), name="ksqlDB REST")

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind((self.host, self.port))
            listener.listen(100)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise StartupError(
                f"Cannot listen on {self.host}:{self.port} for ksqlDB's REST API: {reason}. Choose another port."
            ) from error
        return listener

    async def close(self) -> None:
        """End the streams, let other requests finish for a moment, and stop."""
        if self._task is None:
            return
        await self._engine.close_results()
        self._stop.set()
        await self._task
        self._task = None
