"""`Http2Connection`: one HTTP/2 connection that carries any number of requests, with bodies streamed both ways.

ksqlDB needs HTTP/2 for inserts, and with it a silent push query costs a stream instead of a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from typing import Any
from urllib.parse import SplitResult

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes

from headwater.core.client_tls import client_context
from headwater.core.errors import ClusterError

CONNECT_SECONDS = 10.0
_READ_BYTES = 1 << 16
_WINDOW = 1 << 20
"""What a server may send on a stream before we have read it: the rows of some slices of a query."""


class ConnectionLostError(ClusterError):
    """The server went away, or does not speak HTTP/2; `reason` says which."""

    def __init__(self, host: str | None, reason: str) -> None:
        super().__init__(f"The server at {host} is lost: {reason}.")
        self.reason = reason


class Http2Connection:
    """Made by `open`. Everything raises `ConnectionLostError` once the connection has ended, or `OSError` in `open`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: SplitResult) -> None:
        self._reader = reader
        self._writer = writer
        self._address = address
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, Http2Stream] = {}
        self.host = address.hostname
        self.lost: ConnectionLostError | None = None
        """Why it cannot be used any more."""
        self._h2.initiate_connection()
        self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW, SettingCodes.ENABLE_PUSH: 0})
        self._h2.increment_flow_control_window(_WINDOW)
        self.flush()
        self._task = asyncio.create_task(self._read(), name=f"connection to {address.netloc}")

    @classmethod
    async def open(cls, address: SplitResult, ca_file: str = "") -> Http2Connection:
        """Connect; the server must speak HTTP/2, without TLS right away. For https see `client_context`.

        Raises `OSError`, `ConnectionLostError`, `ConfigError`.
        """
        context: ssl.SSLContext | None = None
        port = address.port or 80
        if address.scheme == "https":
            context = client_context(ca_file)
            context.set_alpn_protocols(["h2"])
            port = address.port or 443
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(address.hostname, port, ssl=context)
        return cls(reader, writer, address)

    def request(self, method: str, path: str, headers: dict[str, str]) -> Http2Stream:
        """Send the head of a request whose body, which may be empty, follows with `Http2Stream.send`."""
        if self.lost is not None:
            raise self.lost
        number = self._h2.get_next_available_stream_id()
        authority = self._address.netloc.rpartition("@")[2]
        pseudo = [(":method", method), (":scheme", self._address.scheme), (":authority", authority), (":path", path)]
        stream = Http2Stream(self, self._h2, number)
        self._streams[number] = stream
        self._h2.send_headers(number, [*pseudo, *headers.items()])
        self.flush()
        return stream

    def flush(self) -> None:
        """Hand what the protocol wants to say to the socket."""
        data = self._h2.data_to_send()
        if data and not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the socket has taken most of what was written."""
        with contextlib.suppress(OSError):  # the reader's task says what happened
            await self._writer.drain()

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_READ_BYTES):
                if data.startswith(b"HTTP/1"):
                    self._lose("it does not speak HTTP/2")
                    break
                for event in self._h2.receive_data(data):
                    self._dispatch(event)
                self.flush()
            self._lose("it closed the connection")
        except (OSError, H2Error) as error:
            self._lose("it does not speak HTTP/2" if isinstance(error, H2Error) else str(error))
        finally:
            self._writer.close()

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self._lose("it ended the connection")
        elif isinstance(event, WindowUpdated) and not event.stream_id:
            for stream in self._streams.values():
                stream.wake()
        else:
            number = getattr(event, "stream_id", None)
            if number in self._streams:
                self._streams[number].receive(event)

    def _lose(self, reason: str) -> None:
        if self.lost is None:
            self.lost = ConnectionLostError(self._address.hostname, reason)
        for stream in list(self._streams.values()):
            stream.fail(self.lost)
        self._streams.clear()

    def forget(self, number: int) -> None:
        """The stream has ended."""
        self._streams.pop(number, None)

    async def close(self) -> None:
        """End all streams and the connection."""
        if self.lost is None:
            with contextlib.suppress(H2Error):
                self._h2.close_connection()
                self.flush()
        self._lose("it was closed here")
        self._task.cancel()
        await asyncio.wait([self._task])
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Http2Stream:
    """One request and its response."""

    def __init__(self, connection: Http2Connection, h2: H2Connection, number: int) -> None:
        self._connection = connection
        self._h2 = h2
        self._number = number
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._news = asyncio.Event()
        self._status = 0
        self.ended = False
        """Whether the server has said all, or will not say more."""
        self._failure: ConnectionLostError | None = None

    def receive(self, event: Event) -> None:
        """What arrived for this stream."""
        if isinstance(event, ResponseReceived):
            headers: dict[Any, Any] = dict(event.headers or ())  # texts, as the connection is configured
            self._status = int(headers.get(":status", 0))
        elif isinstance(event, DataReceived):
            self._chunks.append((event.data or b"", event.flow_controlled_length or 0))
        elif isinstance(event, StreamEnded):
            self._end()
        elif isinstance(event, StreamReset):
            if event.error_code not in (ErrorCodes.NO_ERROR, ErrorCodes.CANCEL):
                reason = f"it gave up the request with HTTP/2's error {event.error_code}"
                self._failure = ConnectionLostError(self._connection.host, reason)
            self._end()
        self._news.set()

    def wake(self) -> None:
        """Something has changed that a sender may wait for."""
        self._news.set()

    def fail(self, error: ConnectionLostError) -> None:
        """The connection is lost."""
        if not self.ended:
            self._failure = error
            self.ended = True
        self._news.set()

    def _end(self) -> None:
        self.ended = True
        self._connection.forget(self._number)

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send a part of the body, as fast as the server reads; nothing if it has answered already."""
        view = memoryview(data)
        while view:
            if self.ended:
                return
            room = min(self._h2.local_flow_control_window(self._number), self._h2.max_outbound_frame_size, len(view))
            if room <= 0:
                await self._wait()
                continue
            self._h2.send_data(self._number, bytes(view[:room]))
            view = view[room:]
            self._connection.flush()
            await self._connection.drain()
        if last and not self.ended:
            self._h2.end_stream(self._number)
            self._connection.flush()

    async def status(self) -> int:
        """The status of the response, waiting for it."""
        while not self._status:
            if self._failure is not None:
                raise self._failure
            if self.ended:
                raise ConnectionLostError(self._connection.host, "it ended the request without an answer")
            await self._wait()
        return self._status

    async def read(self) -> bytes:
        """The next part of the response's body, waiting for it; b"" at its end."""
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self.ended:
                return b""
            await self._wait()
        data, length = self._chunks.popleft()
        if length and self._connection.lost is None:
            with contextlib.suppress(H2Error):  # the stream has ended: nobody counts any more
                self._h2.acknowledge_received_data(length, self._number)
            self._connection.flush()
        return data

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def close(self) -> None:
        """Tell the server that the rest is not wanted. Nothing happens once it has ended."""
        if not self.ended:
            self._end()
            if self._connection.lost is None:
                self._h2.reset_stream(self._number, ErrorCodes.CANCEL)
                self._connection.flush()
        self._news.set()
