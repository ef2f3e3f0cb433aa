"""From a frame to its answer: decode, find the handler, call it, encode.

Everything here is synchronous up to a handler that has to wait; only then does the answer come as an awaitable.
"""

from __future__ import annotations

import struct
from asyncio import Future
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.broker.apis import API_VERSIONS, APIS, Api, Handler
from headwater.broker.errors import Code
from headwater.broker.handlers.quotas import wait_for_quota
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


@dataclass(slots=True)  # frozen ones take several times as long to make, and every request makes one
class Exchange:
    """One request that is being answered."""

    broker: Broker
    route: Route
    context: Context
    correlation_id: int
    size: int
    """Bytes of the request."""
    started: float
    """When it came, on the monotonic clock in seconds."""
    handled: float
    """When its handler returned, if there are quotas."""

    def answer(self, response: Struct) -> list[Buffer]:
        """The response as buffers to send, counted and charged to the client's quotas."""
        route = self.route
        if self.broker.quotas.active:
            self.charge(response)
        frame = frame_response(route.encode, route.tagged_header, self.correlation_id, response)
        route.count_errors(response)
        route.statistics.answered(self.broker.clock.monotonic() - self.started, frame)
        return frame

    async def answer_when_done(self, response: Awaitable[Struct]) -> Answer:
        """As `answer`, for a response that has to be waited for."""
        return self.answer(await response)

    def charge(self, response: Struct | None) -> None:
        """A client over its quota is told to wait, and its next requests wait whether it listens or not (KIP-219)."""
        api = self.route.api.name
        wait = wait_for_quota(self.broker, self.context, api, self.size, self.handled - self.started, response)
        if wait > 0:
            self.route.statistics.throttled += 1
            if self.context.session.mute is not None:
                self.context.session.mute(wait)


@dataclass(slots=True)
class Later:
    """An answer that will come: the request is done, so those behind it may be handled."""

    future: Future[Struct]
    exchange: Exchange

    def answer(self) -> list[Buffer]:
        """The answer, once the future is done."""
        return self.exchange.answer(self.future.result())


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
        context = Context(session, header.version, header.client_id or "")
        response = route.handler(self._broker, context, request)
        metered = self._broker.quotas.active
        handled = self._now() if metered else started
        exchange = Exchange(self._broker, route, context, header.correlation_id, len(frame), started, handled)
        if response is None:
            if metered:
                exchange.charge(None)
            return None
        if isinstance(response, Struct):
            return exchange.answer(response)
        if isinstance(response, Future):
            return Later(response, exchange)
        return exchange.answer_when_done(response)

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
