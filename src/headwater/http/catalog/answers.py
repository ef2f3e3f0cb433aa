"""What every endpoint of the catalog shares: reading parameters and bodies, and errors as answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.core.errors import HeadwaterError
from headwater.http.asgi import read_body
from headwater.http.errors import HttpError
from headwater.http.identity import Identify
from headwater.http.origins import Origins
from headwater.http.registry.access import Action, allows

_LOGGER = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")
LARGEST_BODY = 8 << 20
"""Bytes of a request's body."""
_MOST_ITEMS = 1_000
"""In one request."""
_LONGEST_NUMBER = 18
"""Digits of a number in a query string: what fits 64 bits."""


class CatalogGuard:
    """Wraps endpoints: lets a request pass or refuses it, and turns what is raised into `{error_code, message}`."""

    def __init__(self, identify: Identify, is_ready: Callable[[], bool], origins: Origins | None = None) -> None:
        self._origins = origins or Origins()
        self._identify = identify
        self._is_ready = is_ready

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                await self._admit(request)
                return await endpoint(request)
            except HeadwaterError as error:
                return error_response(error)
            except Exception as error:  # noqa: BLE001 - a defect must answer the one request and end nothing else
                return error_response(error)

        return guarded

    async def _admit(self, request: Request) -> None:
        """Whoever may log in may read; changing something needs the right to write to the registry itself."""
        try:
            self._origins.check(request)
        except HttpError as error:
            raise CatalogError(CatalogCode.FORBIDDEN, str(error)) from None
        principal = await self._identify(request)
        if principal is None:
            raise CatalogError(CatalogCode.UNAUTHORIZED, "Unauthorized")
        writes = request.method not in ("GET", "HEAD")
        if writes and (principal.read_only or not allows(principal, Action.WRITE, None)):
            raise CatalogError(CatalogCode.FORBIDDEN, f"{principal.name} may not change the catalog.")
        request.state.principal = principal
        if not self._is_ready():
            raise CatalogError(CatalogCode.NOT_READY, "The catalog is being read. Try again in a moment.")


def error_body(error: Exception) -> dict[str, Any]:
    """The error as clients of a catalog read it."""
    if isinstance(error, CatalogError):
        return {"error_code": int(error.code), "message": str(error)}
    if isinstance(error, HeadwaterError):
        return {"error_code": int(CatalogCode.NOT_READY), "message": str(error)}
    _LOGGER.error("Unexpected error while answering a request", exc_info=error)
    return {"error_code": int(CatalogCode.SERVER_ERROR), "message": "The server encountered an internal error."}


def error_response(error: Exception) -> Response:
    """The answer to a request that failed."""
    body = error_body(error)
    status = int(str(body["error_code"])[:3])
    headers = {401: {"WWW-Authenticate": 'Basic realm="headwater"'}, 503: {"Retry-After": "1"}}.get(status)
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def answer(body: object, status: int = 200) -> Response:
    """JSON."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def body_as(request: Request, shape: type[T]) -> T:
    """The body; raises `CatalogError` that says what is wrong with it."""
    body = await _body(request)
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise CatalogError(CatalogCode.BAD_REQUEST, f"Malformed request: {error}") from None


async def _body(request: Request) -> bytes:
    refusal = CatalogError(CatalogCode.TOO_LARGE, f"The request is too large: the catalog takes {LARGEST_BODY} bytes.")
    return await read_body(request, LARGEST_BODY, refusal)


async def items_as(request: Request, shape: type[T]) -> list[T]:
    """The list that bulk requests hold."""
    items = await body_as(request, list[shape])  # type: ignore[valid-type]
    if len(items) > _MOST_ITEMS:
        raise CatalogError(CatalogCode.TOO_LARGE, f"One request takes {_MOST_ITEMS} items at the most.")
    return items


def texts(request: Request, *names: str) -> tuple[str, ...]:
    """Every value of a query parameter that may be repeated, under any of its names; empty ones do not count."""
    return tuple(value for name in names for value in request.query_params.getlist(name) if value)


def number(request: Request, name: str, default: int) -> int:
    """A query parameter that is a whole number; raises `CatalogError`."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"{name} is a whole number, not `{text[:100]}`.")
    return int(text)


def flag(request: Request, name: str, default: bool) -> bool:
    """A query parameter that is true or false; raises `CatalogError`."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    if text.lower() not in ("true", "false"):
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"{name} is true or false, not `{text[:100]}`.")
    return text.lower() == "true"


def one_of(request: Request, name: str, allowed: Sequence[str]) -> str:
    """A query parameter that is one of a few words, the first by default; raises `CatalogError`."""
    text = request.query_params.get(name) or allowed[0]
    if text not in allowed:
        raise CatalogError(
            CatalogCode.INVALID_PARAMETERS, f"{name} is one of {', '.join(allowed)}, not `{text[:100]}`."
        )
    return text
