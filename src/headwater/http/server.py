"""ksqlDB's REST API over an engine: the door, and the listener that serves it."""

from __future__ import annotations

import ssl
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket

from headwater.broker.access import Principal
from headwater.broker.acls import KSQL_NAME, Operation, Resource
from headwater.engine.engine import Engine
from headwater.engine.errors import NotReadyError
from headwater.http.bodies import DEFAULT_LIMIT_BYTES, too_large
from headwater.http.door import Call, Door
from headwater.http.errors import HttpError, error_response
from headwater.http.identity import Identify, anybody
from headwater.http.information import InformationEndpoints
from headwater.http.inserts import InsertEndpoints
from headwater.http.listener import RestListener
from headwater.http.origins import Origins, for_pages
from headwater.http.permissions import demand
from headwater.http.queries import QueryEndpoints
from headwater.http.routes import OPENAPI, Route
from headwater.http.statements import StatementEndpoints
from headwater.http.websocket import WebSocketEndpoint


class KsqlDoor(Door[Call]):
    """Serves one engine: whoever may read the SQL engine may ask, `right` of a route is what else it takes."""

    def __init__(self, engine: Engine, identify: Identify, origins: Origins, most_bytes: int) -> None:
        self._engine = engine
        self._sockets = WebSocketEndpoint(engine, self._admit_socket)
        self.most_bytes, self.too_large = most_bytes, str(too_large(most_bytes))
        endpoints = (StatementEndpoints(engine), QueryEndpoints(engine), InformationEndpoints(engine))
        routes = [route for kind in endpoints for route in kind.routes()]
        routes += InsertEndpoints(engine, most_bytes).routes()
        routes.append(Route("GET", OPENAPI, self._describe, "This document"))
        super().__init__(routes, identify, origins)

    def begin(self, request: Request, route: Route, parameters: dict[str, str], caller: Principal) -> Call:
        return Call(request, route, parameters, caller)

    def permit(self, call: Call) -> None:
        if not call.route.open:
            self._permit(call.caller, call.route.right)

    def _permit(self, caller: Principal, right: Operation | None = None) -> None:
        for operation in filter(None, (Operation.READ, right)):
            demand(caller, operation, Resource.KSQL, KSQL_NAME)
        if not self._engine.ready:
            raise NotReadyError

    def refuse(self, error: Exception, request: Request) -> Response:
        if isinstance(error, HttpError) and error.status in (404, 405):
            phrase = {404: "Not Found", 405: "Method Not Allowed"}[error.status]
            return PlainTextResponse(phrase, error.status, headers=error.headers)
        return error_response(error)

    async def socket(self, socket: WebSocket) -> None:
        if socket.url.path == "/ws/query":
            await self._sockets.query(socket)
        else:
            await socket.close()

    async def _admit_socket(self, socket: HTTPConnection) -> None:
        self._permit(await self.admit(socket))

    def _describe(self, call: Call) -> dict[str, Any]:
        from headwater.http.openapi import Api, document  # seldom needed, and it would lengthen every start

        return document(Api("ksqlDB REST API", self._engine.settings.version), self.routes)


class KsqlServer:
    """Serves one engine. `port` 0 picks a free one; it is known after `start`."""

    def __init__(
        self,
        engine: Engine,
        host: str = "127.0.0.1",
        port: int = 8088,
        identify: Identify = anybody,
        max_request_bytes: int = DEFAULT_LIMIT_BYTES,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._engine = engine
        door = KsqlDoor(engine, identify, Origins.of(engine.settings, host), max_request_bytes)
        self._listener = RestListener(
            "ksqlDB's REST API",
            for_pages(door, engine.settings),
            host,
            port,
            setting="ksql.port",
            idle_seconds=engine.settings.integer("ksql.idle.connection.timeout.seconds"),
            tls=tls,
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
