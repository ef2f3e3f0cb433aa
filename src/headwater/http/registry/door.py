"""The registry's door: contexts before paths, media types, who may do what, errors as answers."""

from __future__ import annotations

import logging
import re
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from headwater.broker.access import Principal
from headwater.core.errors import HeadwaterError
from headwater.engine.errors import RequestError
from headwater.http.door import Door
from headwater.http.errors import HttpError
from headwater.http.identity import Identify, anybody
from headwater.http.negotiation import choose
from headwater.http.origins import Origins
from headwater.http.registry import subjects
from headwater.http.registry.call import FORWARDED, LARGEST, TAKES_MORE, RegistryCall
from headwater.http.registry.rendering import Text
from headwater.http.registry.routes import ROUTES
from headwater.http.routes import JSON, OPENAPI, Methods, Route
from headwater.registry.errors import Code, RegistryError
from headwater.registry.registry import Registry
from headwater.registry.subjects import DEFAULT_CONTEXT, checked_scope, context_name, in_context, normalised

_LOGGER = logging.getLogger(__name__)

OFFERED = ("application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", JSON)
"""Media types of answers, the preferred one first."""
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.-]+)", re.IGNORECASE)
_ANY_TYPE = re.compile(r"\*/[^\s,;*]+")
"""A range that leaves the type open and names a subtype means nothing, and is taken for any."""
_BEFORE = "context before the path"
"""The parameter that holds it."""
_SHAPES: dict[str, dict[str, Any]] = {
    "id": {"type": "integer", "minimum": 1, "maximum": LARGEST},
    "version": {"type": "string", "pattern": "^(latest|-1|[1-9][0-9]{0,8})$"},
}


class RegistryDoor(Door[RegistryCall]):
    """Serves one registry."""

    too_large = f"The request is too large: the registry takes {Door.most_bytes} bytes"
    taken = frozenset({*OFFERED, "application/octet-stream"})

    def __init__(self, registry: Registry, identify: Identify = anybody, origins: Origins | None = None) -> None:
        self._registry = registry
        self._beside: ASGIApp | None = None
        described = Route("GET", OPENAPI, self._describe, "This document", open=True)
        super().__init__((*ROUTES, described), identify, origins or Origins())

    def share(self, beside: ASGIApp) -> None:
        """Let this application answer what is under /catalog/."""
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._beside is not None and scope["path"].startswith("/catalog/"):
            await self._beside(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def find(self, parts: tuple[str, ...]) -> tuple[Methods, dict[str, str]] | None:
        found = super().find(parts)
        after = parts[2:] if parts[:1] == ("contexts",) else ()
        if found is None and after and (after == ("contexts",) or after[0] not in ("contexts", "v1")):
            inner = super().find(after)
            return None if inner is None else (inner[0], {**inner[1], _BEFORE: unquote(parts[1])})
        return found

    def begin(self, request: Request, route: Route, parameters: dict[str, str], caller: Principal) -> RegistryCall:
        media_type = negotiated(request.headers.get("accept"))
        takes_more = request.headers.get(TAKES_MORE, "").strip().lower() == "true"
        before = parameters.pop(_BEFORE, None)
        context = DEFAULT_CONTEXT if before is None else context_name(before)
        return RegistryCall(request, route, parameters, caller, self._registry, context, media_type, takes_more)

    def permit(self, call: RegistryCall) -> None:
        if call.route.right is not None:
            named = call.parameters.get("subject")
            subject = None if named is None else normalised(in_context(call.context, checked_scope(named))) or None
            call.require(call.route.right, subject)

    async def carry_out(self, call: RegistryCall) -> Any:
        call.body = _in_utf8(call.body, call.request.headers.get("content-type", ""))
        if call.route.method in ("PUT", "DELETE") or call.route.handler is subjects.register:
            await self._registry.await_writer()
            if not self._registry.writes_here and FORWARDED not in call.request.headers:
                from headwater.http.registry.forwarding import forward  # one node of several needs a client

                return await forward(self._registry, call.request, call.body)
        answer = await super().carry_out(call)
        return Response(answer.text, media_type=call.media_type) if isinstance(answer, Text) else answer

    def media_type(self, call: RegistryCall) -> str:
        return call.media_type

    def refuse(self, error: Exception, request: Request) -> Response:
        message, headers = str(error), None
        if isinstance(error, RegistryError):
            code = int(error.code)
        elif isinstance(error, HttpError):
            code, headers = Code.FORBIDDEN if error.status == 403 else error.status, error.headers
        elif isinstance(error, HeadwaterError):
            code = Code.STORE
        else:
            _LOGGER.error("Unexpected error while answering a request", exc_info=error)
            code, message = Code.INTERNAL, "Internal Server Error"
        message = message.encode("utf-8", "backslashreplace").decode()
        body = msgspec.json.encode({"error_code": int(code), "message": message})
        return Response(body, int(str(int(code))[:3]), headers, _media_type(request))

    def _describe(self, call: RegistryCall) -> Response:
        from headwater.http.openapi import Api, document  # seldom needed, and it would lengthen every start

        api = Api("Headwater schema registry", version("headwater"), OFFERED, _SHAPES)
        return Response(msgspec.json.encode(document(api, ROUTES)), media_type=JSON)


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
    try:
        return choose(_ANY_TYPE.sub("*/*", accept), OFFERED)
    except RequestError:
        raise RegistryError(Code.NOT_ACCEPTABLE, "HTTP 406 Not Acceptable") from None


def _media_type(request: Request) -> str:
    """Of a refusal, which is told in any case."""
    try:
        return negotiated(request.headers.get("accept"))
    except RegistryError:
        return OFFERED[0]
