"""ksqlDB's REST API over an engine: the application, and the listener that serves it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from headwater.engine.engine import Engine
from headwater.engine.settings import EngineSettings
from headwater.http.bodies import DEFAULT_LIMIT_BYTES, Bodies
from headwater.http.guard import Authorize, Guard, allow_all
from headwater.http.information import InformationEndpoints
from headwater.http.inserts import InsertEndpoints
from headwater.http.listener import RestListener
from headwater.http.origins import ALLOWED_ORIGINS, Origins
from headwater.http.queries import QueryEndpoints
from headwater.http.statements import StatementEndpoints
from headwater.http.websocket import WebSocketEndpoint


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
        self._engine = engine
        self._listener = RestListener(
            "ksqlDB's REST API",
            build_app(engine, authorize, host, max_request_bytes),
            host,
            port,
            idle_seconds=engine.settings.integer("ksql.idle.connection.timeout.seconds"),
        )

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self) -> None:
        """Begin to accept; raises `StartupError` naming the address when it cannot be bound."""
        await self._listener.start()

    async def close(self) -> None:
        """End the streams, let other requests finish for a moment, and stop."""
        if self._listener.running:
            await self._engine.close_results()
        await self._listener.close()
