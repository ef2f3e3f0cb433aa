"""The Kafka listener: connections, framing, order of answers, limits. Everything else is the broker's.

One receive buffer serves all connections, because reading, parsing and handling happen without a pause in between. Only
an incomplete frame, or one that has to wait for the answer before it, gets memory of its own, so an idle connection
costs next to nothing. All answers to one read go out in one write.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections import deque
from collections.abc import Awaitable
from typing import cast

from headwater.broker.broker import Broker
from headwater.broker.dispatch import Answer, Later
from headwater.broker.sockets import ConnectionCounts, bind_all, distinguished_name
from headwater.broker.timers import Timer
from headwater.core.errors import HeadwaterError, StartupError
from headwater.core.settings import other_port
from headwater.wire.codec import WireError
from headwater.wire.definitions import Buffer, Struct
from headwater.wire.frames import other_protocol

logger = logging.getLogger(__name__)

RECEIVE_BUFFER = 256 << 10
"""Bytes taken from a socket at once: larger reads gain nothing measurable, and all connections share this one."""
MAX_QUEUED = 4 << 20
"""Bytes of requests waiting behind an unanswered one before reading stops."""
WRITE_HIGH_WATER = 8 << 20
"""Bytes of answers a client may leave unread before its requests are left unread too."""
SWEEP_SECONDS = 1.0
"""How often connections are looked through for those to be closed."""
ACCEPT_PAUSE_SECONDS = 0.5
"""After `accept` failed: trying again at once would fail again, and keep the loop busy."""
_LOGIN_APIS = frozenset({17, 36})
_LENGTH = 4
_SMALL_WRITE = 64 << 10
"""Joining up to this many bytes is cheaper than handing many pieces to the transport."""
FIRST_BUFFER = 1 << 20
"""Bytes of a connection's own buffer to begin with: a batch of the usual largest size is not copied on the way."""
_INSTEAD = {
    "TLS": "but this port takes Kafka's protocol in plain text (see Listeners in docs/security.md)",
    "HTTP": "but this port takes Kafka's protocol; the REST doors have ports of their own",
}
"""What to say of other protocols that a client may speak."""


class KafkaListener:
    """Accepts connections for a broker; port 0 takes a free one.

    With `tls` they are encrypted. `login` says whether clients log in with SASL (None: if they have to on this node),
    `advertised` is the host and port that they are told to connect to ("" and 0: see `Broker.advertised`). `counts` is
    shared by the listeners whose connections are limited together.
    """

    def __init__(
        self,
        broker: Broker,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        login: bool | None = None,
        advertised: tuple[str, int] = ("", 0),
        counts: ConnectionCounts | None = None,
        setting: str = "kafka.port",
    ) -> None:
        self.broker = broker
        self.login = login
        self.advertised = advertised
        self.buffer = memoryview(bytearray(RECEIVE_BUFFER))
        self._address = host, port
        self._setting = setting
        self._tls = tls
        self._counts = counts or ConnectionCounts.of(broker.settings)
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._sweep: Timer | None = None
        self._all_closed: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The port listened on. Raises `RuntimeError` before `start`."""
        if not self._sockets:
            raise RuntimeError("The listener has not been started")
        return int(self._sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Begin to listen. Raises `StartupError` naming the address if that is not possible."""
        host, port = self._address
        try:
            self._sockets = bind_all(host, port)
        except OSError as error:
            raise StartupError(
                f"Cannot listen for Kafka clients on {host}:{port}: {os.strerror(error.errno or 0)}. "
                f"Is another Headwater or Kafka running? {other_port(self._setting)}"
            ) from error
        self._accepting = [asyncio.create_task(self._accept(listening)) for listening in self._sockets]
        self._sweep = self.broker.timers.call_later(SWEEP_SECONDS, self.sweep)

    async def close(self) -> None:
        """Stop listening and close all connections; requests that wait are dropped."""
        if self._sweep is not None:
            self._sweep.cancel()
        tasks = [*self._accepting, *self._opening]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for listening in self._sockets:
            listening.close()
        self._sockets, self._accepting = [], []
        for connection in list(self._connections):
            connection.abort()
        if self._connections:  # their last callbacks come in the next round of the loop
            self._all_closed = asyncio.Event()
            await self._all_closed.wait()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as error:  # out of descriptors, or the client has gone again
                logger.warning("Cannot accept a Kafka client: %s", error)
                await self.broker.clock.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            host = address[0]
            refusal = self._counts.take(host)
            if refusal is not None:
                logger.warning("Refused a connection of %s: %s", host, refusal)
                accepted.close()
                continue
            task = asyncio.create_task(self._open(accepted, host))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket, host: str) -> None:
        """Make a connection of a socket, after a TLS handshake where there is TLS."""
        loop = asyncio.get_running_loop()
        connection = Connection(self, host)
        timeout = self.broker.settings.login_timeout_ms / 1000 if self._tls is not None else None
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except (OSError, TimeoutError) as error:  # of which `SSLError` is one
            logger.warning("The TLS handshake with %s failed: %s", host, str(error) or type(error).__name__)
        finally:
            if not connection.was_opened:
                accepted.close()
                self._counts.give_back(host)

    def sweep(self) -> None:
        """Close connections that are idle, that did not log in in time, or whose API key or user is gone."""
        settings, now = self.broker.settings, self.broker.clock.monotonic()
        access = self.broker.access
        for connection in list(self._connections):
            session = connection.session
            quiet = now - connection.last_read
            if session.principal is None and now - connection.opened_at > settings.login_timeout_ms / 1000:
                connection.end("did not log in in time")
            elif quiet > settings.connections_max_idle_ms / 1000 and not connection.is_waiting:
                connection.end("was idle")
            elif session.principal is not None and session.by_secret and not access.exists(session.principal):
                connection.end("uses an API key or user that is gone")
        self._sweep = self.broker.timers.call_later(SWEEP_SECONDS, self.sweep)

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        self.broker.statistics.opened()

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self.broker.statistics.closed()
        self._counts.give_back(connection.host)
        if self._all_closed is not None and not self._connections:
            self._all_closed.set()


class Connection(asyncio.BufferedProtocol):
    """One client. Requests are answered in the order they came, one at a time."""

    def __init__(self, listener: KafkaListener, host: str) -> None:
        self.host = host
        """The address it came from, as it is counted."""
        self.was_opened = False
        self.opened_at = self.last_read = 0.0
        """On the monotonic clock, in seconds."""
        self._listener = listener
        self._clock = listener.broker.clock
        self._dispatcher = listener.broker.dispatcher
        self._limit = listener.broker.settings.max_request_bytes
        self._limit_before_login = listener.broker.settings.max_bytes_before_login
        self._max_unanswered = listener.broker.settings.max_in_flight_requests
        self._before_login = 0
        """Bytes taken from a client that has not logged in."""
        self._own: memoryview | None = None
        """Holds the beginning of an incomplete frame, with room for the rest."""
        self._filled = 0
        self._needed = 0
        self._queue: deque[memoryview] = deque()
        self._queued = 0
        self._waiting: asyncio.Task[None] | None = None
        """A request that those in the queue have to wait for."""
        self._answers: deque[Later | list[Buffer]] = deque()
        """Answers in order, from the first that is still to come on."""
        self._out: list[Buffer] = []
        self._closing = False
        self._write_paused = False
        self._muted: Timer | None = None
        """While it is set no request is taken: the client is over a quota (KIP-219)."""

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("?", 0)
        host, port = (transport.get_extra_info("sockname") or ("127.0.0.1", 0))[:2]
        self._peer = f"{peer[0]}:{peer[1]}"
        listener = self._listener
        self.session = listener.broker.new_session(
            peer[0], host, port, login=listener.login, advertised=listener.advertised
        )
        certificate = transport.get_extra_info("peercert")
        if certificate and not self.session.login:
            self.session.principal = distinguished_name(certificate)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self.opened_at = self.last_read = self._clock.monotonic()
        self.was_opened = True
        self.session.mute = self.mute
        listener.opened(self)
        if (delay := listener.broker.quotas.connected(peer[0])) > 0:
            self.mute(delay)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._queue.clear()
        self._answers.clear()
        if self._waiting is not None:
            self._waiting.cancel()
        if self._muted is not None:
            self._muted.cancel()
        self._listener.closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._listener.buffer if self._own is None else self._own[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self.last_read = self._clock.monotonic()
        if self.session.principal is None:
            self._before_login += nbytes
            if self._before_login > self._limit_before_login:
                self._refuse(f"more than {self._limit_before_login} bytes before it logged in")
                return
        if self._own is None:
            self._take_frames(self._listener.buffer[:nbytes])
        else:
            self._filled += nbytes
            if self._filled < min(self._needed, len(self._own)):
                return
            own = self._own[: self._filled]
            self._own = None
            self._take_frames(own)
        self._flush()

    def pause_writing(self) -> None:
        self._write_paused = True
        self._throttle()

    def resume_writing(self) -> None:
        self._write_paused = False
        self._throttle()

    # Requests

    def _take_frames(self, data: memoryview) -> None:
        """Handle the whole frames in `data` and keep a copy of the rest."""
        at, end = 0, len(data)
        while end - at >= _LENGTH and not self._closing:
            size = int.from_bytes(data[at : at + _LENGTH], "big", signed=True)
            if not self._size_is_fine(size, data[at : at + _LENGTH]):
                return
            following = at + _LENGTH + size
            if following > end:
                self._keep(data[at:], _LENGTH + size)
                return
            self._take(data[at + _LENGTH : following])
            at = following
        if at < end and not self._closing:
            self._keep(data[at:], _LENGTH)

    def _keep(self, rest: memoryview, needed: int) -> None:
        """Go on in a buffer of this connection's own; it grows with what comes, not with what is announced."""
        size = min(needed, max(2 * len(rest), FIRST_BUFFER))
        own = memoryview(bytearray(max(size, RECEIVE_BUFFER // 4)))
        own[: len(rest)] = rest
        self._own, self._filled, self._needed = own, len(rest), needed

    def _size_is_fine(self, size: int, length: memoryview) -> bool:
        limit = self._limit if self.session.principal is not None else min(self._limit, self._limit_before_login)
        if 0 <= size <= limit:
            return True
        if spoken := other_protocol(length):
            self._refuse(f"{spoken}, {_INSTEAD[spoken]}")
            return False
        self._refuse(f"a frame of {size} bytes, where at most {limit} are allowed")
        return False

    def _take(self, frame: memoryview) -> None:
        if self._waiting is None and self._muted is None:
            self._handle(frame)
            return
        self._queue.append(memoryview(bytearray(frame)))
        self._queued += len(frame)
        if self._queued > MAX_QUEUED or len(self._queue) >= self._max_unanswered:
            self._throttle()

    def _handle(self, frame: memoryview) -> None:
        if self.session.expires is not None and not self._may_go_on(frame):
            self._refuse("a request after its login had expired")
            return
        try:
            answer = self._dispatcher.handle(frame, self.session)
        except WireError as error:
            self._refuse(str(error))
        except HeadwaterError as error:
            self._refuse(f"a request that failed: {error}")
        except Exception:
            logger.exception("Defect while answering %s; its connection is closed", self._peer)
            self._close()
        else:
            if answer is None or isinstance(answer, list):
                self._answer(answer)
            elif isinstance(answer, Later):
                self._answers.append(answer)
                answer.future.add_done_callback(self._answer_later)
                if len(self._answers) == self._max_unanswered:
                    self._throttle()
            else:
                self._waiting = asyncio.get_running_loop().create_task(self._wait(answer))

    def _may_go_on(self, frame: memoryview) -> bool:
        """Whether the login still holds, or the request is part of logging in again."""
        expires = self.session.expires
        if expires is None or self._clock.monotonic() <= expires:
            return True
        return int.from_bytes(frame[:2], "big") in _LOGIN_APIS

    async def _wait(self, answer: Awaitable[Answer]) -> None:
        """Send the answer when it is there, then go on with the requests behind it."""
        try:
            self._answer(await answer)
        except HeadwaterError as error:
            self._refuse(f"a request that failed: {error}")
        except Exception:
            logger.exception("Defect while answering %s; its connection is closed", self._peer)
            self._close()
        self._waiting = None
        self._take_queued()
        self._flush()
        self._throttle()

    def _take_queued(self) -> None:
        """Handle the requests that came meanwhile, up to the next one that has to wait."""
        while self._queue and self._waiting is None and self._muted is None and not self._closing:
            frame = self._queue.popleft()
            self._queued -= len(frame)
            self._handle(frame)

    # Answers

    def _answer(self, answer: Answer) -> None:
        if answer is not None:
            if self._answers:
                self._answers.append(answer)
            else:
                self._out += answer
        if self.session.closing:
            self._close()

    def _answer_later(self, _: asyncio.Future[Struct]) -> None:
        """Send every answer up to the first that is still to come."""
        answers = self._answers
        while answers:
            first = answers[0]
            if isinstance(first, Later):
                if not first.future.done():
                    break
                first = first.answer()
            self._out += first
            answers.popleft()
        self._flush()
        if not answers:
            self._throttle()

    def _flush(self) -> None:
        """Send everything there is to send, at once."""
        out = self._out
        if not out or self._transport.is_closing():
            return
        self._out = []
        if sum(map(len, out)) <= _SMALL_WRITE:
            self._transport.write(b"".join(out))
        else:
            self._transport.writelines(out)

    def _throttle(self) -> None:
        """Stop reading while the client does not take its answers or too many requests wait."""
        if self._closing:
            return
        unanswered = max(len(self._queue), len(self._answers))
        full = self._queued > MAX_QUEUED or unanswered >= self._max_unanswered
        if self._write_paused or self._muted is not None or full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    @property
    def is_waiting(self) -> bool:
        """Whether a request is being worked on."""
        return self._waiting is not None or self._muted is not None or bool(self._answers)

    def mute(self, seconds: float) -> None:
        """Take no more requests for so long; what was taken is answered."""
        if self._closing:
            return
        if self._muted is not None:
            self._muted.cancel()
        self._muted = self._listener.broker.timers.call_later(seconds, self._unmute)
        self._throttle()

    def _unmute(self) -> None:
        self._muted = None
        self._take_queued()
        self._flush()
        self._throttle()

    def end(self, why: str) -> None:
        """Close it for a reason that is not in what it sent."""
        logger.info("Closed the connection of %s: it %s", self._peer, why)
        self._close()

    def _refuse(self, what: str) -> None:
        logger.warning("Closed the connection of %s: it sent %s", self._peer, what)
        self._close()

    def _close(self) -> None:
        """Send what is to be sent, then close; nothing more is taken."""
        self._closing = True
        self._queue.clear()
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._closing = True
        self._transport.abort()
