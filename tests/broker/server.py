"""A broker on a real socket, in the test's own event loop or in a thread, and a client that speaks bare messages."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from headwater.broker.auth import Verifier
from headwater.broker.broker import Broker
from headwater.broker.net import KafkaListener
from headwater.broker.oauth import TokenValidator
from headwater.broker.settings import BrokerSettings
from headwater.broker.timers import Timers
from headwater.core.clock import Clock, SystemClock
from headwater.log.log import Log
from headwater.log.storage import MemoryStorage, Storage
from headwater.wire.codec import decode
from headwater.wire.decoding import skip_tags
from headwater.wire.definitions import Struct
from headwater.wire.frames import has_flexible_header, request_frame
from headwater.wire.messages import definition

R = TypeVar("R", bound=Struct)


class Running:
    """A started broker and its listener."""

    def __init__(self, broker: Broker, listener: KafkaListener) -> None:
        self.broker = broker
        self.listener = listener
        self.port = listener.port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def running_broker(
    *,
    storage: Storage | None = None,
    clock: Clock | None = None,
    timers: Timers | None = None,
    settings: BrokerSettings | None = None,
    verifier: Verifier | None = None,
    tokens: TokenValidator | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool | None = None,
    advertised: tuple[str, int] = ("", 0),
) -> AsyncIterator[Running]:
    """A broker in this event loop; `tls`, `login` and `advertised` are those of its listener."""
    clock = clock or SystemClock()
    log = Log(storage or MemoryStorage(), clock)
    log.open()
    broker = Broker(log, clock, settings, verifier=verifier, tokens=tokens, timers=timers)
    await broker.start()
    listener = KafkaListener(broker, "127.0.0.1", 0, tls=tls, login=login, advertised=advertised)
    await listener.start()
    try:
        yield Running(broker, listener)
    finally:
        await listener.close()
        await broker.close()
        log.close()


@contextmanager
def broker_in_thread(
    *,
    storage: Storage | None = None,
    settings: BrokerSettings | None = None,
    verifier: Verifier | None = None,
    tokens: TokenValidator | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool | None = None,
) -> Iterator[Running]:
    """A broker in a thread of its own, for clients that block."""
    started: list[Running] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            async with running_broker(
                storage=storage, settings=settings, verifier=verifier, tokens=tokens, tls=tls, login=login
            ) as running:
                started.append(running)
                ready.set()
                await stop.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="broker")
    thread.start()
    try:
        assert ready.wait(10)
        assert started
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until the condition holds; the test's timeout is the limit."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


class RawClient:
    """Sends single messages of any version and reads the answers in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._correlation = 0

    @classmethod
    async def connect(cls, port: int) -> RawClient:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, request: Struct, version: int) -> int:
        """Write the request; its correlation id."""
        self._correlation += 1
        key = definition(type(request).__name__).key
        self.writer.write(request_frame(key, version, self._correlation, "raw", request))
        return self._correlation

    async def frame(self) -> bytes:
        """The next frame, without its length."""
        size = int.from_bytes(await self.reader.readexactly(4), "big")
        return await self.reader.readexactly(size)

    async def receive(self, kind: type[R], version: int) -> tuple[int, R]:
        """Correlation id and body of the next answer."""
        frame = await self.frame()
        correlation = int.from_bytes(frame[:4], "big")
        at = 4
        if has_flexible_header(definition(kind.__name__).key, version):
            at = skip_tags(memoryview(frame), at)
        return correlation, decode(kind, version, frame, at)

    async def ask(self, request: Struct, version: int, kind: type[R]) -> R:
        """Send and receive."""
        sent = self.send(request, version)
        correlation, response = await self.receive(kind, version)
        assert correlation == sent
        return response

    async def closed_by_server(self) -> bool:
        return await self.reader.read(1) == b""

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
