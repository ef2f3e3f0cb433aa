"""The Kafka listener: connections, framing, order of answers, limits. Everything else is the broker's.

One receive buffer serves all connections, because reading, parsing and handling happen without a pause in between. Only
an incomplete frame, or one that has to wait for the answer before it, gets memory of its own, so an idle connection
costs next to nothing. All answers to one read go out in one write.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Awaitable
from typing import cast

from headwater.broker.broker import Broker
from headwater.broker.dispatch import Answer, Later
from headwater.core.errors import HeadwaterError, StartupError
from headwater.wire.codec import WireError
from headwater.wire.definitions import Buffer, Struct

logger = logging.getLogger(__name__)

RECEIVE_BUFFER = 256 << 10
"""Bytes taken from a socket at once: larger reads gain nothing measurable, and all connections share this one."""
MAX_FRAME_BEFORE_LOGIN = 64 << 10
"""Nobody needs more to authenticate; who has not yet must not make us reserve memory."""
MAX_QUEUED = 4 << 20
"""Bytes of requests waiting behind an unanswered one before reading stops."""
MAX_UNANSWERED = 1_000
"""Answers that may be outstanding before reading stops; real clients have 5 or fewer."""
WRITE_HIGH_WATER = 8 << 20
"""Bytes of answers a client may leave unread before its requests are left unread too."""
_LENGTH = 4
_SMALL_WRITE = 64 << 10
"""Joining up to this many bytes is cheaper than handing many pieces to the transport."""


class KafkaListener:
    """Accepts connections for a broker. With `tls` they are encrypted; port 0 takes a free one."""

    def __init__(self, broker: Broker, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.broker = broker
        self._host = host
        self._wanted_port = port
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self.buffer = memoryview(bytearray(RECEIVE_BUFFER))

    @property
    def port(self) -> int:
        """The port listened on. Raises `RuntimeError` before `start`."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("The listener has not been started")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Begin to listen. Raises `StartupError` naming the address if that is not possible."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self), self._host, self._wanted_port, ssl=self._tls, backlog=1024
            )
        except OSError as error:
            raise StartupError(
                f"Cannot listen for Kafka clients on {self._host}:{self._wanted_port}: {error.strerror or error}. "
                "Is another Headwater or Kafka running? Set `kafka.port` to use another port."
            ) from error

    async def close(self) -> None:
        """Stop listening and close all connections; requests that wait are dropped."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in list(self._connections):
            connection.abort()
        await server.wait_closed()

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)


class Connection(asyncio.BufferedProtocol):
    """One client. Requests are answered in the order they came, one at a time."""

    def __init__(self, listener: KafkaListener) -> None:
        self._listener = listener
        self._dispatcher = listener.broker.dispatcher
        self._limit = listener.broker.settings.max_request_bytes
        self._own: memoryview | None = None
        """Holds the beginning of an incomplete frame, with room for the rest."""
        self._filled = 0
        self._queue: deque[memoryview] = deque()
        self._queued = 0
        self._waiting: asyncio.Task[None] | None = None
        """A request that those in the queue have to wait for."""
        self._answers: deque[Later | list[Buffer]] = deque()
        """Answers in order, from the first that is still to come on."""
        self._out: list[Buffer] = []
        self._closing = False
        self._write_paused = False

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("?", 0)
        host, port = (transport.get_extra_info("sockname") or ("127.0.0.1", 0))[:2]
        self._peer = f"{peer[0]}:{peer[1]}"
        self.session = self._listener.broker.new_session(peer[0], host, port)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self._listener.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._queue.clear()
        self._answers.clear()
        if self._waiting is not None:
            self._waiting.cancel()
        self._listener.closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._listener.buffer if self._own is None else self._own[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._own is None:
            self._take_frames(self._listener.buffer[:nbytes])
        else:
            own = self._own[: self._filled + nbytes]
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
            if not self._size_is_fine(size):
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
        own = memoryview(bytearray(max(needed, RECEIVE_BUFFER // 4)))
        own[: len(rest)] = rest
        self._own, self._filled = own, len(rest)

    def _size_is_fine(self, size: int) -> bool:
        limit = self._limit if self.session.principal is not None else min(self._limit, MAX_FRAME_BEFORE_LOGIN)
        if 0 <= size <= limit:
            return True
        self._refuse(f"a frame of {size} bytes, where at most {limit} are allowed")
        return False

    def _take(self, frame: memoryview) -> None:
        if self._waiting is None:
            self._handle(frame)
            return
        self._queue.append(memoryview(bytearray(frame)))
        self._queued += len(frame)
        if self._queued > MAX_QUEUED:
            self._throttle()

    def _handle(self, frame: memoryview) -> None:
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
                if len(self._answers) == MAX_UNANSWERED:
                    self._throttle()
            else:
                self._waiting = asyncio.get_running_loop().create_task(self._wait(answer))

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
        while self._queue and self._waiting is None and not self._closing:
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
        if self._write_paused or self._queued > MAX_QUEUED or len(self._answers) >= MAX_UNANSWERED:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

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
