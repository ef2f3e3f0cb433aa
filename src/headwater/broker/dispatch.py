"""From a frame to its answer: decode, find the handler, call it, encode.

Everything here is synchronous up to a handler that has to wait; only then does the answer come as an awaitable.
"""

from __future__ import annotations

import struct
from asyncio import Future
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.broker.apis import API_VERSIONS, APIS, Api, Handler
from headwater.broker.errors import Code
from headwater.broker.handlers.sasl import authenticate
from headwater.broker.session import Context, Session
from headwater.broker.statistics import ApiStatistics, CountErrors, error_counter
from headwater.wire.codec import Decode, Encode, WireError, decoder, encoder
from headwater.wire.definitions import Buffer, Struct
from headwater.wire.frames import (
    RequestHeader,
    frame_response,
    has_flexible_header,
    read_request_header,
    response_frame,
)
from headwater.wire.messages import definition, message_class

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

Answer = list[Buffer] | None
"""Buffers to send, or None if the client does not want an answer."""


@dataclass(frozen=True, slots=True)
class Route:
    """How to serve one version of one API."""

    api: Api
    decode: Decode
    handler: Handler
    encode: Encode
    tagged_header: bool
    """Whether the answer's header has tagged fields."""
    statistics: ApiStatistics
    count_errors: CountErrors
    now: Callable[[], float]
    """The clock, in seconds."""

    def answer(self, correlation_id: int, started: float, response: Struct) -> list[Buffer]:
        """The response as buffers to send, counted."""
        frame = frame_response(self.encode, self.tagged_header, correlation_id, response)
        self.count_errors(response)
        self.statistics.answered(self.now() - started, frame)
        return frame


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that will come: the request is done, so those behind it may be handled."""

    future: Future[Struct]
    route: Route
    correlation_id: int
    started: float
    """When the request came, by the monotonic clock."""

    def answer(self) -> list[Buffer]:
        """The answer, once the future is done."""
        return self.route.answer(self.correlation_id, self.started, self.future.result())


class Dispatcher:
    """Serves requests of one broker; routes are made as versions are first used."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._now = broker.clock.monotonic
        self._routes: dict[tuple[int, int], Route | None] = {}

    def handle(self, frame: memoryview, session: Session) -> Answer | Later | Awaitable[Answer]:
        """The answer to a request, or what to wait for. Raises `WireError` if the request cannot be understood: the
        connection is unusable then. `frame` is not used any more on return.
        """
        if session.sasl_raw:
            return self._raw_sasl(frame, session)
        started = self._now()
        try:
            header, route, request = self._read(frame, session)
        except WireError:
            self._broker.statistics.unreadable_requests += 1
            raise
        if route is None:
            return self._unsupported(header)
        route.statistics.requests += 1
        route.statistics.bytes_in += len(frame)
        response = route.handler(self._broker, Context(session, header.version, header.client_id or ""), request)
        if response is None:
            return None
        if isinstance(response, Struct):
            return route.answer(header.correlation_id, started, response)
        if isinstance(response, Future):
            return Later(response, route, header.correlation_id, started)
        return _when_done(response, route, header.correlation_id, started)

    def _read(self, frame: memoryview, session: Session) -> tuple[RequestHeader, Route | None, Struct | None]:
        """What the frame says; no route and request if the version is not served. Raises `WireError`."""
        header = read_request_header(frame)
        route = self._route(header.api_key, header.version)
        if route is None:
            return header, None, None
        if session.principal is None and not route.api.before_login:
            raise WireError(f"{route.api.name} before the client has authenticated")
        return header, route, _decode(route, frame, header)

    def _route(self, key: int, version: int) -> Route | None:
        try:
            return self._routes[key, version]
        except KeyError:
            api = APIS.get(key)
            if api is None or not api.first <= version <= api.last:
                return None  # not kept: a client could make the table grow without end
            statistics = self._broker.statistics.api(api.name)
            route = Route(
                api,
                decoder(f"{api.name}Request", version),
                api.handler,
                encoder(f"{api.name}Response", version),
                has_flexible_header(key, version),
                statistics,
                error_counter(definition(f"{api.name}Response"), statistics.errors),
                self._now,
            )
            self._routes[key, version] = route
            return route

    def _raw_sasl(self, frame: memoryview, session: Session) -> Answer:
        """A bare token after SaslHandshake v0 is answered by a bare token or a closed connection."""
        answer = authenticate(self._broker, session, bytes(frame))
        session.sasl_raw = session.scram is not None
        return None if answer is None else [len(answer).to_bytes(4, "big") + answer]

    def _unsupported(self, header: RequestHeader) -> Answer:
        """UNSUPPORTED_VERSION where the answer has a place for it; ApiVersions answers in version 0 (KIP-511)."""
        self._broker.statistics.unreadable_requests += 1
        api = APIS.get(header.api_key)
        if api is not None and api.key == API_VERSIONS:
            versions = api.handler(self._broker, None, None)
            versions.error_code = Code.UNSUPPORTED_VERSION
            return response_frame(API_VERSIONS, 0, header.correlation_id, versions)
        if api is not None:
            version = min(max(header.version, api.first), api.last)
            response: Any = message_class(definition(f"{api.name}Response"))()
            if hasattr(response, "error_code"):
                response.error_code = Code.UNSUPPORTED_VERSION
                return response_frame(api.key, version, header.correlation_id, response)
        name = api.name if api is not None else f"API {header.api_key}"
        raise WireError(f"Version {header.version} of {name} is not served")


def _decode(route: Route, frame: memoryview, header: RequestHeader) -> Struct:
    try:
        request, end = route.decode(frame, header.body_at)
    except (ValueError, IndexError, struct.error) as error:
        raise WireError(f"Malformed {route.api.name} v{header.version} ({len(frame)} bytes): {error}") from None
    # Bytes after the end are let pass as Apache Kafka does: librdkafka 2.16 sends three with Metadata for all topics.
    if end > len(frame) or (end < len(frame) and route.api.key == API_VERSIONS):
        raise WireError(f"Malformed {route.api.name} v{header.version}: it ends at byte {end} of {len(frame)}")
    result: Struct = request
    return result


async def _when_done(response: Awaitable[Struct], route: Route, correlation_id: int, started: float) -> Answer:
    return route.answer(correlation_id, started, await response)
