"""The registry's door as an ASGI application: dispatch, media types, errors as answers."""

from __future__ import annotations

import inspect
import logging
import re
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from headwater.core.errors import HeadwaterError
from headwater.engine.errors import RequestError
from headwater.http.asgi import live, read_body
from headwater.http.errors import HttpError
from headwater.http.identity import Identify, anybody
from headwater.http.origins import Origins
from headwater.http.registry.call import Call
from headwater.http.registry.forwarding import FORWARDED, TAKES_MORE, forward
from headwater.http.registry.openapi import document
from headwater.http.registry.rendering import Text
from headwater.http.registry.routes import Match, Paths, Route
from headwater.registry.errors import Code, RegistryError
from headwater.registry.registry import Registry
from headwater.registry.subjects import DEFAULT_CONTEXT, checked_scope, context_name, in_context, normalised

_LOGGER = logging.getLogger(__name__)

OFFERED = ("application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json")
"""Media types of answers, the preferred one first."""
_TAKEN = frozenset({*OFFERED, "application/octet-stream"})
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.-]+)", re.IGNORECASE)
_ANY_TYPE = re.compile(r"\*/[^\s,;*]+")
"""A range that leaves the type open and names a subtype means nothing, and is taken for any."""
LARGEST_BODY = 8 << 20
"""Bytes of a request's body: several times what fits in a record."""


class RegistryDoor:
    """Serves one registry."""

    def __init__(
        self,
        registry: Registry,
        identify: Identify = anybody,
        own_url: str = "",
        origins: Origins | None = None,
    ) -> None:
        self._registry = registry
        self._identify = identify
        self._origins = origins or Origins()
        self._beside: ASGIApp = Starlette()
        self._paths = Paths()
        self._document = msgspec.json.encode(document(own_url))

    def share(self, beside: ASGIApp) -> None:
        """Let this application answer what is under /catalog/."""
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        if scope["type"] != "http":
            await Starlette()(scope, receive, send)
            return
        if scope["path"].startswith("/catalog/"):
            await self._beside(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        media_type = OFFERED[0]
        try:
            self._origins.check(request)
            match = self._paths.find(
                (request.scope.get("raw_path") or request.scope["path"].encode()).decode("latin-1")
            )
            if match is None and request.scope["path"] == "/openapi.json":
                return Response(self._document, media_type="application/json")
            route = _route(match, request.method)
            media_type = negotiated(request.headers.get("accept"))
            return await self._carry_out(route, match, request, media_type)  # type: ignore[arg-type]
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - a defect must answer the one request and end nothing else
            return _refusal(error, media_type)

    async def _carry_out(self, route: Route, match: Match, request: Request, media_type: str) -> Response:
        principal = await self._identify(request)
        if principal is None:
            raise RegistryError(Code.UNAUTHORIZED, "Unauthorized")
        body = await _body(route, request)
        context = DEFAULT_CONTEXT if match.context is None else context_name(match.context)
        query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        takes_more = request.headers.get(TAKES_MORE, "").strip().lower() == "true"
        call = Call(self._registry, match.parameters, query, body, context, principal, takes_more)
        if route.action is not None:
            call.require(route.action, _subject(match, context))
        if route.writes:
            await self._registry.await_writer()
            if not self._registry.writes_here and FORWARDED not in request.headers:
                return await forward(self._registry, request, body)
        answer = route.handler(call)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Text):
            return Response(answer.text, media_type=media_type)
        if answer is None:
            return Response(status_code=204)
        return Response(msgspec.json.encode(answer), media_type=media_type)


def _route(match: Match | None, method: str) -> Route:
    if match is None:
        raise RegistryError(Code.NOT_FOUND, "HTTP 404 Not Found")
    route = match.routes.get("GET" if method == "HEAD" else method)
    if route is None:
        raise RegistryError(Code.METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
    return route


def _subject(match: Match, context: str) -> str | None:
    named = match.parameters.get("subject")
    return None if named is None else normalised(in_context(context, checked_scope(named))) or None


async def _body(route: Route, request: Request) -> bytes:
    if route.body is None:
        return b""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in _TAKEN:
        raise RegistryError(Code.UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type")
    refusal = RegistryError(Code.TOO_LARGE, f"The request is too large: the registry takes {LARGEST_BODY} bytes")
    return _in_utf8(await read_body(request, LARGEST_BODY, refusal), request.headers.get("content-type", ""))


def _in_utf8(body: bytes, content_type: str) -> bytes:
    charset = _CHARSET.search(content_type)
    if charset is None or charset[1].lower() == "utf-8":
        return body
    try:
        return body.decode(charset[1]).encode()
    except (LookupError, UnicodeError):
        raise RegistryError(Code.UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type") from None


def negotiated(accept: str | None) -> str:
    """The media type to answer with. Raises `RegistryError` (406) when none of ours will do."""
    if not accept or accept == "*/*":
        return OFFERED[0]
    from headwater.http.negotiation import choose

    try:
        return choose(_ANY_TYPE.sub("*/*", accept), OFFERED)
    except RequestError:
        raise RegistryError(Code.NOT_ACCEPTABLE, "HTTP 406 Not Acceptable") from None


def _refusal(error: Exception, media_type: str) -> Response:
    if isinstance(error, RegistryError):
        code, message = error.code, str(error)
    elif isinstance(error, HttpError):  # of a web page that may not use this server
        code, message = Code.FORBIDDEN, str(error)
    elif isinstance(error, HeadwaterError):
        code, message = Code.STORE, str(error)
    else:
        _LOGGER.error("Unexpected error while answering a request", exc_info=error)
        code, message = Code.INTERNAL, "Internal Server Error"
    headers = {"WWW-Authenticate": 'Basic realm="SchemaRegistry"'} if code is Code.UNAUTHORIZED else None
    message = message.encode("utf-8", "backslashreplace").decode()
    body = msgspec.json.encode({"error_code": int(code), "message": message})
    return Response(body, code.status, headers, media_type)
