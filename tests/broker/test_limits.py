"""What the listener bounds: connections, bytes and time before a login, idle time, requests; on raw sockets."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from headwater.broker.auth import ApiKeys
from headwater.broker.net import FIRST_BUFFER, SWEEP_SECONDS
from headwater.broker.settings import BrokerSettings
from headwater.wire.frames import request_frame
from headwater.wire.messages import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    FetchRequest,
    MetadataRequest,
    MetadataResponse,
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)
from tests.broker.server import RawClient, running_broker, until
from tests.broker.support import ManualTime

KEYS = ApiKeys({"key": "secret"})


async def answers(client: RawClient) -> bool:
    """Whether the connection still serves."""
    try:
        await client.ask(ApiVersionsRequest(), 0, ApiVersionsResponse)
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


async def leave(client: RawClient) -> None:
    """Close our end, whatever the server did with its own."""
    with suppress(ConnectionError):
        await client.close()


async def authenticate(client: RawClient, secret: bytes = b"secret") -> SaslAuthenticateResponse:
    shaken = await client.ask(SaslHandshakeRequest(mechanism="PLAIN"), 1, SaslHandshakeResponse)
    assert shaken.error_code == 0
    token = SaslAuthenticateRequest(auth_bytes=b"\0key\0" + secret)
    return await client.ask(token, 2, SaslAuthenticateResponse)


_DESCRIBE_GROUPS = 15


@pytest.mark.parametrize(
    "settings", [BrokerSettings(max_connections=2), BrokerSettings(max_connections_per_ip=2)], ids=["all", "address"]
)
async def test_a_connection_too_many_is_closed_and_makes_room_when_another_ends(settings: BrokerSettings) -> None:
    async with running_broker(settings=settings) as running:
        first, second = [await RawClient.connect(running.port) for _ in range(2)]
        assert await answers(first)
        assert await answers(second)
        third = await RawClient.connect(running.port)
        assert not await answers(third)
        assert await answers(first)
        await leave(first)
        await until(lambda: running.listener.connections == 1)
        fourth = await RawClient.connect(running.port)
        assert await answers(fourth)
        for client in (second, third, fourth):
            await leave(client)


async def frame_too_large(client: RawClient) -> None:
    client.writer.write(struct.pack(">i", 2_000) + b"x")


async def many_small_frames(client: RawClient) -> None:
    for _ in range(200):
        client.send(ApiVersionsRequest(), 0)


@pytest.mark.parametrize("send", [frame_too_large, many_small_frames])
async def test_who_has_not_logged_in_may_not_send_much(send: Callable[[RawClient], Awaitable[None]]) -> None:
    settings = BrokerSettings(max_bytes_before_login=1_500)
    async with running_broker(settings=settings, verifier=KEYS) as running:
        client = await RawClient.connect(running.port)
        await send(client)
        await until(lambda: running.listener.connections == 0)
        other = await RawClient.connect(running.port)
        assert (await authenticate(other)).error_code == 0
        for _ in range(20):  # once logged in, there is no such limit
            assert (await other.ask(MetadataRequest(topics=None), 9, MetadataResponse)).brokers
        for opened in (client, other):
            await leave(opened)


async def test_a_request_larger_than_allowed_ends_the_connection() -> None:
    async with running_broker(settings=BrokerSettings(max_request_bytes=1_024)) as running:
        client = await RawClient.connect(running.port)
        client.writer.write(struct.pack(">i", 1_025))
        assert await client.closed_by_server()
        await leave(client)


async def test_memory_is_taken_for_what_comes_and_not_for_what_is_announced() -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        client.writer.write(struct.pack(">i", 90 << 20) + bytes(10))
        await until(lambda: any(one._filled for one in running.listener._connections))
        (connection,) = running.listener._connections
        assert connection._own is not None
        assert len(connection._own) == FIRST_BUFFER
        await client.close()


@pytest.mark.parametrize("size", [10, 70_000, 3 << 20])
async def test_a_request_may_come_in_pieces_of_any_size(size: int) -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        groups = [f"{number:06}" for number in range(size // 8)]
        frame = request_frame(_DESCRIBE_GROUPS, 0, 7, "raw", DescribeGroupsRequest(groups=groups))
        for at in range(0, len(frame), 40_001):
            client.writer.write(frame[at : at + 40_001])
            await client.writer.drain()
        correlation, answer = await client.receive(DescribeGroupsResponse, 0)
        assert correlation == 7
        assert len(answer.groups) == len(groups)
        await client.close()


async def test_who_does_not_log_in_in_time_is_disconnected() -> None:
    time = ManualTime()
    settings = BrokerSettings(login_timeout_ms=5_000)
    async with running_broker(settings=settings, verifier=KEYS, clock=time, timers=time) as running:
        slow, good = [await RawClient.connect(running.port) for _ in range(2)]
        assert (await authenticate(good)).error_code == 0
        time.advance(4.9)
        assert running.listener.connections == 2
        time.advance(SWEEP_SECONDS + 0.2)
        assert await slow.closed_by_server()
        assert await answers(good)
        for client in (slow, good):
            await leave(client)


async def test_an_idle_connection_is_closed_but_not_one_that_waits_for_its_answer() -> None:
    time = ManualTime()
    settings = BrokerSettings(connections_max_idle_ms=60_000)
    async with running_broker(settings=settings, clock=time, timers=time) as running:
        running.broker.log.create_topic("t")
        idle, busy, waiting = [await RawClient.connect(running.port) for _ in range(3)]
        for client in (idle, busy):
            assert await answers(client)
        place = FetchRequest.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1_000)
        topics = [FetchRequest.FetchTopic(topic="t", partitions=[place])]
        waiting.send(FetchRequest(max_wait_ms=600_000, min_bytes=1, max_bytes=1_000, topics=topics), 11)
        await until(lambda: sum(c.is_waiting for c in running.listener._connections) == 1)
        time.advance(40)
        assert await answers(busy)
        time.advance(40)
        assert await idle.closed_by_server()
        assert await answers(busy)
        assert running.listener.connections == 2
        for client in (idle, busy, waiting):
            await leave(client)


async def test_a_wrong_secret_is_answered_late() -> None:
    time = ManualTime()
    settings = BrokerSettings(failed_login_delay_ms=3_000)
    async with running_broker(settings=settings, verifier=KEYS, clock=time, timers=time) as running:
        client = await RawClient.connect(running.port)
        timers = time.armed
        asked = asyncio.create_task(authenticate(client, b"wrong"))
        await until(lambda: time.armed > timers)
        time.advance(2.9)
        assert not asked.done()
        time.advance(0.2)
        assert (await asked).error_code == 58
        assert await client.closed_by_server()
        await leave(client)


async def test_with_too_many_requests_waiting_no_more_are_read() -> None:
    settings = BrokerSettings(max_in_flight_requests=10)
    async with running_broker(settings=settings) as running:
        running.broker.log.create_topic("t")
        client = await RawClient.connect(running.port)
        place = FetchRequest.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1_000)
        topics = [FetchRequest.FetchTopic(topic="t", partitions=[place])]
        client.send(FetchRequest(max_wait_ms=1_000, min_bytes=1, max_bytes=1_000, topics=topics), 11)
        await until(lambda: any(c.is_waiting for c in running.listener._connections))
        (connection,) = running.listener._connections
        for _ in range(10):
            client.send(ApiVersionsRequest(), 0)
        await until(lambda: not connection._transport.is_reading())
        frames = [await client.frame() for _ in range(11)]
        assert len(frames) == 11
        assert connection._transport.is_reading()
        await leave(client)


async def test_a_login_expires_and_can_be_renewed() -> None:
    time = ManualTime()
    settings = BrokerSettings(connections_max_reauth_ms=60_000)
    async with running_broker(settings=settings, verifier=KEYS, clock=time, timers=time) as running:
        renewing, forgetful = [await RawClient.connect(running.port) for _ in range(2)]
        for client in (renewing, forgetful):
            login = await authenticate(client)
            assert (login.error_code, login.session_lifetime_ms) == (0, 60_000)
        time.advance(50)
        assert (await authenticate(renewing)).session_lifetime_ms == 60_000
        time.advance(20)
        assert await answers(renewing)
        assert not await answers(forgetful)
        time.advance(60)
        assert (await authenticate(renewing)).error_code == 0, "an expired login may still be renewed"
        for client in (renewing, forgetful):
            await leave(client)


async def test_logging_in_again_must_not_change_mechanism_or_user() -> None:
    async with running_broker(verifier=ApiKeys({"key": "secret", "other": "secret"})) as running:
        client = await RawClient.connect(running.port)
        assert (await authenticate(client)).error_code == 0
        request = SaslHandshakeRequest(mechanism="SCRAM-SHA-256")
        assert (await client.ask(request, 1, SaslHandshakeResponse)).error_code == 34
        shaken = await client.ask(SaslHandshakeRequest(mechanism="PLAIN"), 1, SaslHandshakeResponse)
        assert shaken.error_code == 0
        other = SaslAuthenticateRequest(auth_bytes=b"\0other\0secret")
        assert (await client.ask(other, 2, SaslAuthenticateResponse)).error_code == 58
        assert await client.closed_by_server()
        await leave(client)


@pytest.mark.parametrize("name", ["ANONYMOUS", ""])
async def test_nobody_logs_in_under_the_name_of_those_without_a_login(name: str) -> None:
    async with running_broker(verifier=ApiKeys({name: "secret"}), login=True) as running:
        client = await RawClient.connect(running.port)
        await client.ask(SaslHandshakeRequest(mechanism="PLAIN"), 1, SaslHandshakeResponse)
        token = SaslAuthenticateRequest(auth_bytes=b"\0" + name.encode() + b"\0secret")
        assert (await client.ask(token, 2, SaslAuthenticateResponse)).error_code == 58
        await leave(client)


async def test_clients_are_told_the_address_of_their_listener() -> None:
    async with running_broker(advertised=("outside.example", 19_092)) as running:
        client = await RawClient.connect(running.port)
        seen = await client.ask(MetadataRequest(topics=None), 9, MetadataResponse)
        assert [(b.host, b.port) for b in seen.brokers] == [("outside.example", 19_092)]
        await leave(client)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "it sent TLS, but this port takes Kafka's protocol in plain text"),
        (b"GET / HTTP/1.1\r\n\r\n", "it sent HTTP, but this port takes Kafka's protocol"),
        (b"PRI * HTTP/2.0\r\n\r\n", "it sent HTTP, but this port takes Kafka's protocol"),
        (b"\x7f\xff\xff\xff", "it sent a frame of 2147483647 bytes"),
    ],
)
async def test_the_log_names_another_protocol(sent: bytes, said: str, caplog: pytest.LogCaptureFixture) -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        client.writer.write(sent)
        assert await client.closed_by_server()
        await leave(client)
    assert said in caplog.text
