"""Nodes that do not write ask the one that does: as whom, and at which address."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from headwater.app.access import advertised_url
from headwater.app.doors import RestDoors
from headwater.app.keys import NODE_USER, key_ring
from headwater.app.rest_access import RestAccess
from headwater.app.tls import ServerTls, tls_folder
from headwater.broker.access import Access
from headwater.broker.acls import Operation, Resource
from headwater.core.clock import SystemClock
from headwater.core.errors import AnalysisError, ConfigError
from headwater.core.settings import ClusterSettings, KafkaSettings, NodeSettings, Settings
from headwater.http.listener import RestListener
from headwater.http.registry.call import FORWARDED
from headwater.http.registry.door import RegistryDoor
from headwater.http.registry.forwarding import register_with_writer
from headwater.registry.election import Identity, Peers
from headwater.registry.port import SqlSchemas
from headwater.registry.registry import Registry
from headwater.testing import ManualClock
from tests.registry.registry_door import RECORD, body, memory_cluster

OTHERS, NODES = {"anna": "annas"}, Peers(f"Basic {base64.b64encode(f'{NODE_USER}:shared'.encode()).decode()}")


@dataclass
class Follower:
    """A node that does not write, and its door."""

    registry: Registry
    client: httpx.AsyncClient

    async def sql_registers(self, subject: str) -> None:
        await SqlSchemas(self.registry).bring(subject, "AVRO", '"string"')

    async def register(self, subject: str, login: tuple[str, str] = ("", "")) -> int:
        answer = await self.client.post(
            f"/subjects/{subject}/versions", json=body(RECORD), auth=httpx.BasicAuth(*login)
        )
        return answer.status_code


@asynccontextmanager
async def follower(folder: Path, peers: Peers, *, login: bool, tls: bool = False) -> AsyncIterator[Follower]:
    """One beside a node that writes, which has users of its own and knows nodes by the secret `shared`."""
    clock = ManualClock()
    cluster = await memory_cluster(clock)
    writer, other = Registry(cluster, clock), Registry(cluster, clock)
    await writer.load()
    await other.load()
    settings = Settings(node=NodeSettings(data=folder, api_keys={}), cluster=ClusterSettings(node_secret="shared"))
    context = ServerTls(settings, SystemClock()).context if tls else None
    doors = RestDoors(settings, Access(key_ring(settings), required=login), SystemClock())
    listener = RestListener("writer", RegistryDoor(writer, doors.identify_or_node), "127.0.0.1", 0, tls=context)
    await listener.start()
    other.peers = peers
    other.forward = partial(register_with_writer, other)
    other.defer(Identity("127.0.0.1", listener.port, scheme="https" if tls else "http").url)
    own = Settings(node=NodeSettings(data=folder, api_keys=OTHERS))
    door = RegistryDoor(other, RestAccess(Access(key_ring(own), required=login)).identify)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://other") as client:
            yield Follower(other, client)
    finally:
        await listener.close()
        for registry in (writer, other):
            await registry.close()


async def test_where_logins_are_needed_a_node_asks_as_itself(tmp_path: Path) -> None:
    async with follower(tmp_path, NODES, login=True) as node:
        await node.sql_registers("by-sql")
        assert await node.register("by-rest", ("anna", "annas")) == 200
        assert await node.register("by-nobody") == 401
        assert sorted(node.registry.state.subjects) == ["by-rest", "by-sql"]


async def test_without_the_nodes_secret_the_error_names_the_setting(tmp_path: Path) -> None:
    async with follower(tmp_path, Peers(), login=True) as node:
        with pytest.raises(AnalysisError, match=r"cluster\.node_secret"):
            await node.sql_registers("by-sql")


async def test_the_nodes_secret_opens_one_door_for_forwarded_requests_about_subjects(tmp_path: Path) -> None:
    settings = Settings(
        node=NodeSettings(data=tmp_path),
        kafka=KafkaSettings(failed_login_delay_ms=0),
        cluster=ClusterSettings(node_secret="shared"),
    )
    access = Access(key_ring(settings), required=True)
    doors = RestDoors(settings, access, ManualClock())
    assert not access.exists(NODE_USER), "it is no user of the Kafka listeners"
    assert await doors.identify(_request(FORWARDED)) is None, "nor of other doors"
    assert await doors.identify_or_node(_request("other")) is None
    node = await doors.identify_or_node(_request(FORWARDED))
    assert node is not None
    assert node.name == NODE_USER
    assert not node.is_super
    assert {kind for kind in Resource if node.may(Operation.WRITE, kind)} == {Resource.SUBJECT}


def _request(header: str) -> HTTPConnection:
    headers = [(b"authorization", str(NODES.authorization).encode()), (header.encode(), b"true")]
    return HTTPConnection({"type": "http", "headers": headers, "client": ("127.0.0.1", 1)})


@pytest.mark.parametrize(
    "url", ["http://203.0.113.1:8081", "http://schemas.example.org:8081", "http://[2001:db8::1]:80"]
)
async def test_the_nodes_secret_is_not_sent_where_others_could_read_it(tmp_path: Path, url: str) -> None:
    async with follower(tmp_path, NODES, login=True) as node:
        node.registry.defer(url)
        with pytest.raises(AnalysisError, match=r"does not speak https.*cluster\.node_secret is not sent"):
            await node.sql_registers("by-sql")


async def test_a_door_with_tls_is_asked_with_tls(tmp_path: Path) -> None:
    settings = Settings(node=NodeSettings(data=tmp_path))
    async with follower(tmp_path, Peers(ca_file=str(tls_folder(settings) / "ca.pem")), login=False, tls=True) as node:
        await node.sql_registers("by-sql")
        assert await node.register("by-rest") == 200
        node.registry.peers = Peers()
        with pytest.raises(AnalysisError, match="certificate verify failed"):
            await node.sql_registers("by-somebody-else")


@pytest.mark.parametrize(
    ("given", "host", "url"),
    [
        ("", "127.0.0.1", "http://127.0.0.1:8081"),
        ("", "::1", "http://[::1]:8081"),
        ("https://schemas.example.org/", "0.0.0.0", "https://schemas.example.org:443"),
        ("https://schemas.example.org:8443", "0.0.0.0", "https://schemas.example.org:8443"),
    ],
)
def test_the_url_that_other_nodes_are_told(given: str, host: str, url: str) -> None:
    assert Identity.at(advertised_url(given, host, 8081)).url == url


@pytest.mark.parametrize("given", ["schemas.example.org", "ftp://host", "https://host/path", "https://"])
def test_an_impossible_url_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="advertised_url"):
        advertised_url(given, "127.0.0.1", 8081)


async def test_the_authorities_to_trust_are_read_once(tmp_path: Path) -> None:
    settings = Settings(node=NodeSettings(data=tmp_path))
    authorities = tmp_path / "copy.pem"
    async with follower(tmp_path, Peers(ca_file=str(authorities)), login=False, tls=True) as node:
        authorities.write_bytes((tls_folder(settings) / "ca.pem").read_bytes())
        await node.sql_registers("first")
        authorities.unlink()
        await node.sql_registers("second")


async def test_an_answer_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})

    listener = RestListener("a leader", endless, "127.0.0.1", 0)
    await listener.start()
    async with follower(tmp_path, Peers(), login=False) as node:
        node.registry.defer(f"http://127.0.0.1:{listener.port}")
        with pytest.raises(AnalysisError, match="answer is too large"):
            await node.sql_registers("by-sql")
    await listener.close()
