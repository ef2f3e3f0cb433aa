"""Connect's door as an ASGI application: dispatch, who may do what, errors as answers."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, quote

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.connect.errors import UsageError
from headwater.connect.worker import Worker
from headwater.core.errors import HeadwaterError
from headwater.http.asgi import live, read_body
from headwater.http.connect.call import Answer, Call
from headwater.http.connect.openapi import document
from headwater.http.connect.routes import Paths, Route
from headwater.http.errors import HttpError
from headwater.http.identity import Identify, anybody
from headwater.http.origins import Origins

_LOGGER = logging.getLogger(__name__)
LARGEST_BODY = 4 << 20
"""Bytes of a request's body: more than any configuration."""


class ConnectDoor:
    """Serves one worker: it answers 503 until that has replayed its topics."""

    def __init__(self, worker: Worker, identify: Identify = anybody, origins: Origins | None = None) -> None:
        self._worker = worker
        self._identify = identify
        self._origins = origins or Origins()
        self._paths = Paths()
        self._document = msgspec.json.encode(document(worker.settings.version))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        if scope["type"] != "http":
            await Response(status_code=404)(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            self._origins.check(request)
            if request.url.path == "/openapi.json":
                return Response(self._document, media_type="application/json")
            route, parameters = self._route(request)
            await self._admit(request, route)
            if self._worker.leader_url is not None and route.path.startswith("/connectors"):
                return _elsewhere(self._worker.leader_url, request)
            query = parse_qs(request.url.query, keep_blank_values=True)
            call = Call(self._worker, parameters, query, await _body(request))
            return _response(await route.handler(call))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - a defect must answer the one request and end nothing else
            return _refusal(error)

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        path = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1").partition("?")[0]
        found = self._paths.find(path)
        if found is None:
            raise UsageError("HTTP 404 Not Found", 404)
        routes, parameters = found
        route = routes.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            raise UsageError("HTTP 405 Method Not Allowed", 405)
        return route, parameters

    async def _admit(self, request: Request, route: Route) -> None:
        principal = await self._identify(request)
        if principal is None:
            raise UsageError("User cannot access the resource.", 401)
        if route.changes and not principal.may(Operation.ALTER, Resource.CLUSTER, CLUSTER_NAME):
            raise UsageError(f"{principal.name} may not change connectors: it takes ALTER on the cluster", 403)
        if not self._worker.ready and route.path not in ("/", "/health"):
            raise UsageError("The worker is still starting up.", 503)


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    return Response(msgspec.json.encode(answer.body), answer.status, answer.headers, "application/json")


def _elsewhere(leader_url: str, request: Request) -> Response:
    """Another worker runs the connectors: clients that follow redirects send the same there."""
    # As it was sent, percent-encoded: decoded, a name could end the header and begin another one.
    path = (request.scope.get("raw_path") or quote(request.scope["path"]).encode()).decode("latin-1").partition("?")[0]
    query = f"?{request.url.query}" if request.url.query else ""
    told = {"error_code": 307, "message": f"Connectors run at {leader_url}"}
    headers = {"Location": f"{leader_url}{path}{query}"}
    return Response(msgspec.json.encode(told), 307, headers, "application/json")


async def _body(request: Request) -> bytes:
    refusal = UsageError(f"The request is too large: at most {LARGEST_BODY} bytes", 413)
    return await read_body(request, LARGEST_BODY, refusal)


def _refusal(error: Exception) -> Response:
    status, message = 500, str(error)
    if isinstance(error, UsageError | HttpError):
        status = error.status
    elif not isinstance(error, HeadwaterError):
        _LOGGER.error("Unexpected error while answering a request", exc_info=error)
        message = "Internal Server Error"
    headers = {"WWW-Authenticate": 'Basic realm="connect"'} if status == 401 else None
    body = msgspec.json.encode({"error_code": status, "message": message})
    return Response(body, status, headers, "application/json")
