"""Nonsense from the network: the broker answers, refuses or closes, but never fails.

Everything is drawn from a fixed seed, so a failure comes back.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random

import pytest

from headwater.broker.broker import Broker
from headwater.broker.session import Session
from headwater.core.errors import HeadwaterError
from headwater.wire.codec import WireError, decode
from headwater.wire.messages import definitions, message_class
from tests.broker.hostile import damage, valid_frames
from tests.broker.server import RawClient, Running, running_broker, until


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with running_broker() as running:
        running.broker.log.create_topic("topic")
        yield running


async def handle(broker: Broker, frame: bytes, session: Session) -> None:
    """As the listener does. Anything but a `HeadwaterError` is a defect."""
    try:
        answer = broker.dispatcher.handle(memoryview(bytearray(frame)), session)
        if inspect.isawaitable(answer):
            task = asyncio.ensure_future(answer)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    except HeadwaterError:
        pass


async def test_damaged_requests_are_answered_or_refused(running: Running) -> None:
    random = Random("requests")
    session = running.broker.new_session("127.0.0.1", "127.0.0.1", running.port)
    cases = 0
    while cases < 4_000:
        for frame in valid_frames(random):
            await handle(running.broker, damage(frame, random), session)
            cases += 1
        for name in [t for t in running.broker.log.topics() if not t.startswith("__")]:
            running.broker.log.delete_topic(name)


async def test_requests_with_random_content_are_answered(running: Running) -> None:
    random = Random("content")
    session = running.broker.new_session("127.0.0.1", "127.0.0.1", running.port)
    for _ in range(3):
        for frame in valid_frames(random):
            await handle(running.broker, frame, session)


def test_random_bytes_are_a_message_or_refused() -> None:
    random = Random("bytes")
    for message in definitions().values():
        for version in range(message.versions[0], message.versions[1] + 1):
            for size in (0, 1, 7, 60):
                with suppress(WireError):  # with luck it is a message after all
                    decode(message_class(message), version, random.randbytes(size))


async def test_random_streams_never_take_the_listener_down(running: Running) -> None:
    random = Random("streams")
    frames = valid_frames(random)
    for _ in range(60):
        client = await RawClient.connect(running.port)
        stream = b""
        for frame in random.sample(frames, 5):
            broken = damage(frame, random) if random.random() < 0.5 else frame
            stream += len(broken).to_bytes(4, "big") + broken
        while stream:
            cut = random.choice((1, 3, 100, 10_000))
            client.writer.write(stream[:cut])
            stream = stream[cut:]
            await asyncio.sleep(0)
        client.writer.transport.abort()
    await until(lambda: running.listener.connections == 0)
    client = await RawClient.connect(running.port)
    assert not client.reader.at_eof()
    await client.close()
