"""One connection to one broker: frames out and in, version negotiation, TLS, SASL with PLAIN and SCRAM."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import NamedTuple, TypeVar, cast

from headwater.cluster.remote import apis
from headwater.cluster.remote.apis import Api
from headwater.cluster.remote.errors import AuthenticationError, Code, PassingError, check
from headwater.cluster.remote.scram import MECHANISMS as SCRAM
from headwater.cluster.remote.scram import ScramLogin, ScramLoginError
from headwater.core.errors import ClusterError, ConfigError
from headwater.core.settings import ClusterSettings
from headwater.wire import messages as m
from headwater.wire.codec import WireError, decode
from headwater.wire.decoding import skip_tags
from headwater.wire.definitions import Struct
from headwater.wire.frames import has_flexible_header, other_protocol, request_frame

S = TypeVar("S", bound=Struct)

MAX_FRAME = 256 << 20
"""Above this a length is taken for garbage: another protocol answers on this port."""
_LENGTH_SIZE = 4
_CORRELATION_SIZE = 4
_BEFORE_LOGIN = 2
"""So many answers a broker may give to anyone: about versions, of which the newest is asked for first."""
_SECURED = "`cluster.security_protocol`, or `--config client.properties` for commands"
_INSTEAD = {
    "TLS": f"speaks TLS, and was addressed in plain text: see {_SECURED}",
    "HTTP": "is not a Kafka broker: it answers with HTTP",
}
"""What to say of other protocols that may be answered with."""


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Frames(asyncio.BufferedProtocol):
    """Cuts what arrives into frames, each read straight into a buffer of its own: a fetched batch is never copied.

    `logs_in` says whether the client will; else that may be why a broker closes a connection at once.
    """

    def __init__(self, *, logs_in: bool) -> None:
        self._logs_in = logs_in
        self._answers = 0
        self.transport: asyncio.Transport | None = None
        self.waiting: dict[int, asyncio.Future[memoryview]] = {}
        self.lost: str | None = None
        self._buffer = bytearray(_LENGTH_SIZE)
        self._filled = 0
        self._in_head = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if self._filled < len(self._buffer):
            return
        done, self._filled = self._buffer, 0
        if self._in_head:
            size = int.from_bytes(done, "big", signed=True)
            if not _CORRELATION_SIZE <= size <= MAX_FRAME:
                said = _INSTEAD.get(other_protocol(done))
                self.fail(said or f"answered with a frame of {size} bytes, so it does not speak Kafka's protocol")
                return
            self._buffer = bytearray(size)
        else:
            self._deliver(memoryview(done))
            self._buffer = bytearray(_LENGTH_SIZE)
        self._in_head = not self._in_head

    def _deliver(self, frame: memoryview) -> None:
        self._answers += 1
        waiter = self.waiting.pop(int.from_bytes(frame[:_CORRELATION_SIZE], "big"), None)
        if waiter is None:
            self.fail("answered something that was not asked")
        elif not waiter.done():  # else whoever asked was cancelled
            waiter.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        reason = f"closed the connection ({exc})" if exc else "closed the connection"
        if not self._logs_in and self._answers <= _BEFORE_LOGIN:
            reason += f"; it may want a login or TLS: {_SECURED}"
        self.fail(reason)

    def fail(self, reason: str) -> None:
        """Nothing more will come: everyone who waits is told."""
        self.lost = self.lost or reason
        if self.transport is not None:
            self.transport.abort()
        waiting, self.waiting = self.waiting, {}
        for waiter in waiting.values():
            if not waiter.done():
                waiter.set_exception(PassingError(self.lost))


class Connection:
    """An open connection; requests may be sent while others wait for their answers, which come in order."""

    def __init__(self, address: Address, frames: _Frames, client_id: str) -> None:
        self.address = address
        self._frames = frames
        self._client_id = client_id
        self._next_correlation = 0
        self._versions: dict[int, tuple[int, int]] = {apis.API_VERSIONS.key: (0, apis.API_VERSIONS.newest)}

    @property
    def is_open(self) -> bool:
        return self._frames.lost is None

    @property
    def is_idle(self) -> bool:
        """Open, and nothing on its way: a broker answers the requests of one connection one after the other."""
        return self.is_open and not self._frames.waiting

    @classmethod
    async def open(cls, address: Address, settings: ClusterSettings) -> Connection:
        """Connect, log in and learn the broker's versions.

        Raises `PassingError` when the broker cannot be reached, `AuthenticationError` when it refuses us.
        """
        try:
            async with asyncio.timeout(settings.connect_timeout_ms / 1000):
                connection = cls(address, await _connect(address, settings), settings.client_id)
                try:
                    await connection._greet(settings)
                except BaseException:
                    connection.close()
                    raise
                return connection
        except TimeoutError as error:
            seconds = settings.connect_timeout_ms / 1000
            raise PassingError(f"Kafka at {address} did not answer within {seconds:g} s") from error

    async def call(self, api: Api[S], request: Struct, timeout: float) -> S:
        """Send and await the answer, at most `timeout` seconds.

        Raises `PassingError` when the connection or the time is lost, `ClusterError` when the broker lacks the API.
        Error codes inside the answer are the caller's.
        """
        version = self._version(api)
        frame = await self._exchange(api, version, request, timeout)
        position = _CORRELATION_SIZE
        if has_flexible_header(api.key, version):
            position = skip_tags(frame, position) if frame[position] else position + 1
        try:
            return decode(api.response, version, frame, position)
        except WireError as error:
            self._frames.fail("sent an answer that cannot be read")
            raise ClusterError(f"Kafka at {self.address}: {error}") from error

    async def _exchange(self, api: Api[S], version: int, request: Struct, timeout: float) -> memoryview:
        frames, correlation = self._frames, self._next_correlation
        if frames.lost is not None or frames.transport is None:
            raise PassingError(f"Kafka at {self.address} {frames.lost}")
        self._next_correlation = (correlation + 1) & 0x7FFFFFFF
        waiter: asyncio.Future[memoryview] = asyncio.get_running_loop().create_future()
        frames.waiting[correlation] = waiter
        frames.transport.write(request_frame(api.key, version, correlation, self._client_id, request))
        try:
            async with asyncio.timeout(timeout):
                return await waiter
        except TimeoutError as error:
            frames.fail(f"did not answer {api.name} within {timeout:g} s")
            raise PassingError(f"Kafka at {self.address} {frames.lost}") from error
        except PassingError as error:
            raise PassingError(f"Kafka at {self.address} {error}") from error

    def _version(self, api: Api[S]) -> int:
        low, high = self._versions.get(api.key, (0, -1))
        version = min(api.newest, high)
        if version < low:
            had = f"versions {low} to {high}" if high >= 0 else "none"
            raise ClusterError(
                f"Kafka at {self.address} has no {api.name} that Headwater speaks (up to version {api.newest}): it "
                f"has {had}. Apache Kafka 2.1 or newer is needed"
            )
        return version

    async def _greet(self, settings: ClusterSettings) -> None:
        timeout = settings.connect_timeout_ms / 1000
        request = m.ApiVersionsRequest(client_software_name="headwater", client_software_version="0")
        answer = await self.call(apis.API_VERSIONS, request, timeout)
        if answer.error_code == Code.UNSUPPORTED_VERSION:
            self._versions[apis.API_VERSIONS.key] = (0, 0)
            answer = await self.call(apis.API_VERSIONS, m.ApiVersionsRequest(), timeout)
        check(answer.error_code, f"Kafka at {self.address} refused to name its versions")
        self._versions = {a.api_key: (a.min_version, a.max_version) for a in answer.api_keys}
        if settings.security_protocol.startswith("SASL"):
            await self._log_in(settings, timeout)

    async def _log_in(self, settings: ClusterSettings, timeout: float) -> None:
        shook = await self.call(apis.SASL_HANDSHAKE, m.SaslHandshakeRequest(mechanism=settings.sasl_mechanism), timeout)
        if shook.error_code:
            offered = ", ".join(shook.mechanisms) or "nothing"
            raise AuthenticationError(
                f"Kafka at {self.address} does not take SASL mechanism {settings.sasl_mechanism}; it offers {offered}"
            )
        if settings.sasl_mechanism not in SCRAM:
            await self._authenticate(f"\0{settings.sasl_username}\0{settings.sasl_password}".encode(), settings)
            return
        login = ScramLogin(settings.sasl_mechanism, settings.sasl_username, settings.sasl_password)
        try:
            first = await self._authenticate(login.first(), settings)
            login.verify(await self._authenticate(login.final(first), settings))
        except ScramLoginError as error:
            raise AuthenticationError(f"Kafka at {self.address} cannot be trusted: {error}") from error

    async def _authenticate(self, token: bytes, settings: ClusterSettings) -> bytes:
        request = m.SaslAuthenticateRequest(auth_bytes=token)
        answer = await self.call(apis.SASL_AUTHENTICATE, request, settings.connect_timeout_ms / 1000)
        if answer.error_code:
            raise AuthenticationError(
                f"Kafka at {self.address} refused user `{settings.sasl_username}`: "
                f"{answer.error_message or 'wrong user name or password'}"
            )
        return bytes(answer.auth_bytes)

    def close(self) -> None:
        """Close at once; whoever waits gets `PassingError`."""
        self._frames.fail("is no longer needed")


async def _connect(address: Address, settings: ClusterSettings) -> _Frames:
    context = _tls(settings)
    frames = _Frames(logs_in=settings.security_protocol.startswith("SASL"))
    try:
        await asyncio.get_running_loop().create_connection(lambda: frames, address.host, address.port, ssl=context)
    except ssl.SSLError as error:
        raise AuthenticationError(f"TLS with Kafka at {address} failed: {error}") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error
        raise PassingError(f"cannot connect to Kafka at {address}: {reason}") from error
    return frames


def _tls(settings: ClusterSettings) -> ssl.SSLContext | None:
    if not settings.security_protocol.endswith("SSL"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file or None)
        if settings.ssl_certificate_file:
            context.load_cert_chain(settings.ssl_certificate_file, settings.ssl_key_file or None)
    except OSError as error:
        raise ConfigError(
            f"cannot read the certificates of the settings cluster.ssl_ca_file (`{settings.ssl_ca_file}`) and "
            f"cluster.ssl_certificate_file (`{settings.ssl_certificate_file}`): {error}"
        ) from error
    context.check_hostname = settings.ssl_check_hostname
    return context
