"""What every endpoint shares: origin and readiness checks, the seam for authorization, errors turned into answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from headwater.core.errors import HeadwaterError
from headwater.engine.engine import Engine
from headwater.engine.errors import NotReadyError
from headwater.http.errors import error_response
from headwater.http.origins import Origins

Authorize = Callable[[HTTPConnection], None]
"""Lets a request pass or raises `RequestError` with UNAUTHORIZED or FORBIDDEN."""

Endpoint = Callable[[Request], Awaitable[Response]]


def allow_all(connection: HTTPConnection) -> None:
    """No authorization: the listener is bound to loopback, or was told to be insecure."""


@dataclass(frozen=True)
class Guard:
    """Wraps endpoints of one server."""

    engine: Engine
    authorize: Authorize = allow_all
    origins: Origins = field(default_factory=Origins)

    def admit(self, connection: HTTPConnection) -> None:
        """Raises `RequestError` unless the request may be looked at."""
        self.origins.check(connection)
        self.authorize(connection)
        if not self.engine.ready:
            raise NotReadyError

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                self.admit(request)
                return await endpoint(request)
            except HeadwaterError as error:
                return error_response(error)
            except Exception as error:  # noqa: BLE001 - a defect must answer the one request and end nothing else
                return error_response(error)

        return guarded
