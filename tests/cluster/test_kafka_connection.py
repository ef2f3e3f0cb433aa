"""What a person reads when no Kafka answers at the address given."""

from __future__ import annotations

import asyncio

import pytest

from headwater.cluster.kafka import KafkaCluster
from headwater.core.errors import ConfigError, StartupError
from headwater.core.settings import ClusterSettings
from tests.ports import take_ports


async def test_nothing_listening_is_said_with_the_address() -> None:
    (port,) = take_ports(1)
    with pytest.raises(StartupError, match=f"no Kafka cluster at 127.0.0.1:{port}: cannot connect .*[Rr]efused"):
        await KafkaCluster(ClusterSettings(bootstrap_servers=f"127.0.0.1:{port}")).start()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not a Kafka broker: it answers with HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "speaks TLS, and was addressed in plain text.*--config"),
        (b"220 mail.example ESMTP\r\n", "does not speak Kafka's protocol"),
        (b"", "closed the connection.*; it may want a login or TLS: .*--config client.properties"),
    ],
)
async def test_another_protocol_is_recognised(answer: bytes, said: str) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(StartupError, match=said):
            await KafkaCluster(ClusterSettings(bootstrap_servers=f"127.0.0.1:{port}")).start()


async def test_silence_is_given_up_after_the_connect_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        settings = ClusterSettings(bootstrap_servers=f"127.0.0.1:{port}", connect_timeout_ms=50)
        with pytest.raises(StartupError, match=r"did not answer"):
            await KafkaCluster(settings).start()


@pytest.mark.parametrize("text", ["", "broker", "broker:", "broker:port", "broker:70000", ":9092"])
def test_a_bad_address_names_the_setting(text: str) -> None:
    with pytest.raises(ConfigError, match=r"cluster\.bootstrap_servers"):
        KafkaCluster(ClusterSettings(bootstrap_servers=text))
