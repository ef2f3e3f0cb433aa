"""One way to build a REST door: its routes are data, and every request goes through the same gate.

A door says who may do what, what a refusal looks like, and what its handlers know; the rest is here.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs

import msgspec
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from headwater.broker.access import Principal
from headwater.http.errors import HttpError
from headwater.http.identity import Identify, anybody
from headwater.http.origins import Origins
from headwater.http.routes import JSON, Methods, Paths, Route, segments

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_DEFAULT_BYTES = 8 << 20
_LOGIN = {"WWW-Authenticate": 'Basic realm="headwater"'}


@dataclass
class Call:
    """One request as a handler sees it: `parameters` are those of the path, decoded."""

    request: Request
    route: Route
    parameters: dict[str, str]
    caller: Principal
    body: bytes = field(default=b"", init=False, kw_only=True)

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the query."""
        return parse_qs(self.request.scope["query_string"].decode("latin-1"), keep_blank_values=True)

    def text(self, name: str, default: str = "") -> str:
        """A parameter of the query, the first if there are several."""
        return self.query.get(name, (default,))[0]

    def texts(self, name: str) -> list[str]:
        """All of a parameter that may be repeated."""
        return self.query.get(name, [])


@dataclass(frozen=True)
class Answer:
    """A body (None: none at all) that goes with a status or headers."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


C = TypeVar("C", bound=Call)


class Door(ABC, Generic[C]):
    """An ASGI application. A request meets, in this order: the route, the page it comes from, who sent it, what that
    may do, the type and the size of its body, the handler. Whatever is raised becomes an answer in `refuse`."""

    most_bytes = _DEFAULT_BYTES
    """Of a body."""
    too_large = "The request is too large"
    taken: frozenset[str] | None = None
    """Media types of bodies; None takes any."""

    def __init__(self, routes: Iterable[Route], identify: Identify, origins: Origins) -> None:
        self.routes = tuple(routes)
        self._paths = Paths(self.routes)
        self._identify = identify
        self._origins = origins

    # --- what a door is ---------------------------------------------------------------------------------------------

    @abstractmethod
    def begin(self, request: Request, route: Route, parameters: dict[str, str], caller: Principal) -> C:
        """The request as this door's handlers see it."""

    @abstractmethod
    def permit(self, call: C) -> None:
        """Raise an error if the caller lacks the right that the route asks for, or it cannot be done now."""

    @abstractmethod
    def refuse(self, error: Exception, request: Request) -> Response:
        """The answer to a request that failed. Errors that nobody expected are logged."""

    async def carry_out(self, call: C) -> Any:
        """What the handler gives."""
        answer = call.route.handler(call)
        return await answer if inspect.isawaitable(answer) else answer

    def media_type(self, call: C) -> str:
        """Of an answer that is made of values."""
        return JSON

    def find(self, parts: tuple[str, ...]) -> tuple[Methods, dict[str, str]] | None:
        """The routes of a path in encoded segments, with its parameters."""
        return self._paths.find(parts)

    async def socket(self, socket: WebSocket) -> None:
        """A WebSocket; most doors take none."""
        await socket.close()

    # --- what every request goes through ----------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.socket(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a defect must answer the one request and end nothing else
            response = self.refuse(error, request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        route, parameters = self._route(request)
        caller = await (anybody if route.open else self.admit)(request)
        call = self.begin(request, route, parameters, caller)
        self.permit(call)
        if route.method in _WITH_BODY and not route.streamed:
            call.body = await self._body(call)
        return self._render(call, await self.carry_out(call))

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        found = self.find(segments(raw.decode("latin-1").partition("?")[0]))
        if found is None:
            raise HttpError(404)
        methods, parameters = found
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            raise HttpError(405, headers={"Allow": ", ".join(methods)})
        return route, parameters

    async def admit(self, connection: HTTPConnection) -> Principal:
        """Who sent a request; raises `HttpError` for one from a web page of others, and without the login it needs."""
        self._origins.check(connection)
        caller = await self._identify(connection)
        if caller is None:
            raise HttpError(401, "Unauthorized: give an API key with HTTP Basic authentication", _LOGIN)
        return caller

    async def _body(self, call: C) -> bytes:
        request = call.request
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind and call.route.body is not None and self.taken is not None and kind not in self.taken:
            raise HttpError(415)
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.most_bytes:
            raise HttpError(413, self.too_large)
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.most_bytes:
                raise HttpError(413, self.too_large)
            chunks.append(chunk)
        return b"".join(chunks)

    def _render(self, call: C, answer: Any) -> Response:
        if isinstance(answer, Response):
            return answer
        if answer is None:
            return Response(status_code=204)
        if not isinstance(answer, Answer):
            return Response(msgspec.json.encode(answer), media_type=self.media_type(call))
        if answer.body is None:
            return Response(status_code=answer.status, headers=answer.headers)
        return Response(msgspec.json.encode(answer.body), answer.status, answer.headers, self.media_type(call))
