"""The Redis sink against a real server, and against the keys inside the node, which must hold the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import redis

from headwater.connect.embedded.keys import KeyStore
from headwater.connect.errors import UsageError
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite
from tests.redis_fixture import PASSWORD, redis_port

__all__ = ["redis_port"]
NOW_MS = 1_700_000_000_000


class Reader(Protocol):
    """What is under which key."""

    def names(self) -> list[str]: ...
    def hash(self, key: str) -> dict[str, str]: ...
    def string(self, key: str) -> str | None: ...
    def stream(self, key: str) -> list[dict[str, str]]: ...


class Server:
    """A database of the real one."""

    def __init__(self, port: int, database: int) -> None:
        self.client: Any = redis.Redis(port=port, password=PASSWORD, db=database, decode_responses=True)
        self.client.flushdb()

    def names(self) -> list[str]:
        return sorted(self.client.scan_iter())

    def hash(self, key: str) -> dict[str, str]:
        found: dict[str, str] = self.client.hgetall(key)
        return found

    def string(self, key: str) -> str | None:
        found: str | None = self.client.get(key)
        return found

    def stream(self, key: str) -> list[dict[str, str]]:
        return [fields for _, fields in self.client.xrange(key)]


class Inside:
    """A database inside the node."""

    def __init__(self, folder: Path, database: int, now_ms: int = NOW_MS) -> None:
        self._store, self._now = KeyStore(folder, database), now_ms

    def names(self) -> list[str]:
        return sorted(self._store.keys(self._now))

    def hash(self, key: str) -> dict[str, str]:
        return self._store.hash(key, self._now)

    def string(self, key: str) -> str | None:
        return self._store.string(key, self._now)

    def stream(self, key: str) -> list[dict[str, str]]:
        return [fields for _, fields in self._store.stream(key, self._now)]


class _Redis(SinkConnectorSuite):
    kind, database = "", 0
    reader: Reader
    address: dict[str, str]

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "com.redis.kafka.connect.RedisSinkConnector", "redis.type": self.kind,
            "redis.database": str(self.database), **self.address,
        }  # fmt: skip


class _OnServer(_Redis):
    @pytest.fixture(autouse=True)
    def _server(self, redis_port: int) -> Iterator[None]:
        server = Server(redis_port, self.database)
        self.reader, self.address = server, {"redis.hosts": f"127.0.0.1:{redis_port}", "redis.password": PASSWORD}
        yield
        server.client.close()


class _InNode(_Redis):
    address: dict[str, str] = {}  # noqa: RUF012 - nobody changes it

    async def set_up(self) -> None:
        self.reader = Inside(self.folder / "services", self.database)


class _Hashes(_Redis):
    kind, idempotent, database = "HASH", True, 1

    async def held(self) -> list[int]:
        return sorted(int(self.reader.hash(key)["id"]) for key in self.reader.names())

    async def test_a_tombstone_deletes_and_a_new_value_replaces_all_fields(self) -> None:
        await self.rig.produce(self.topic, [("a", {"x": 1, "y": 2}), ("b", {"x": 1}), ("b", None), ("a", {"y": [1]})])
        await self.rig.create("tested", {**self.full_config(), "key.converter": "StringConverter"})
        await self.rig.until(lambda: self.reader.hash('"a"') == {"y": "[1]"}, "a")
        assert self.reader.names() == ['"a"']

    async def test_a_key_that_holds_something_else_is_a_bad_record(self) -> None:
        config = {**self.full_config(), "key.converter": "StringConverter", "redis.key": "${topic}"}
        await self.rig.produce(self.topic, [("a", "text")])
        await self.rig.create("text", {**config, "redis.type": "STRING"})
        await self.rig.until(lambda: self.reader.string(self.topic) == "text", "the text")
        await self.rig.worker.create("entries", {**config, "redis.type": "STREAM", "redis.key": "${topic}"})
        assert "refuse" in await self.rig.failed("entries")


class _Strings(_Redis):
    kind, idempotent, database = "STRING", True, 2

    async def held(self) -> list[int]:
        return sorted(json.loads(str(self.reader.string(key)))["id"] for key in self.reader.names())


class _Streams(_Redis):
    kind, database = "STREAM", 3

    async def held(self) -> list[int]:
        return [int(fields["id"]) for fields in self.reader.stream(self.topic)]


class TestHashesOnAServer(_OnServer, _Hashes): ...


class TestHashesInTheNode(_InNode, _Hashes): ...


class TestStringsOnAServer(_OnServer, _Strings): ...


class TestStringsInTheNode(_InNode, _Strings): ...


class TestStreamsOnAServer(_OnServer, _Streams): ...


class TestStreamsInTheNode(_InNode, _Streams): ...


def test_any_commands_leave_the_same_as_in_redis(redis_port: int, tmp_path: Path) -> None:
    server, inside, store = Server(redis_port, 4), Inside(tmp_path, 4), KeyStore(tmp_path, 4)
    dice = random.Random(7)
    commands: list[tuple[str | int, ...]] = [dice.choice([
        ("DEL", key), ("SET", key, str(number)), ("HSET", key, "a", str(number)), ("EXPIRE", key, 1000),
        ("HSET", key, dice.choice("ab"), str(number), "c", "é"), ("XADD", key, "*", "n", str(number)),
        ("EXPIRE", key, 0),
    ]) for number in range(2_000) if (key := dice.choice("klmno"))]  # fmt: skip
    refused = store.execute(commands, NOW_MS)
    pipeline = server.client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    answers = pipeline.execute(raise_on_error=False)
    assert [one is not None for one in refused] == [isinstance(one, redis.ResponseError) for one in answers]
    assert any(refused)
    assert inside.names() == server.names()
    for key in inside.names():
        kind = server.client.type(key)
        ask = {"hash": "hash", "string": "string", "stream": "stream"}[kind]
        assert getattr(inside, ask)(key) == getattr(server, ask)(key)
    server.client.close()


def test_a_key_lives_as_long_as_it_was_given(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    store.execute([("HSET", "a", "x", "1"), ("EXPIRE", "a", 10), ("HSET", "a", "y", "2"), ("SET", "b", "1")], NOW_MS)
    assert store.keys(NOW_MS + 9_999) == {"a": "hash", "b": "string"}
    assert store.keys(NOW_MS + 10_000) == {"b": "string"}
    store.execute([("HSET", "a", "z", "3")], NOW_MS + 10_000)
    assert store.hash("a", NOW_MS + 20_001) == {"z": "3"}


async def test_a_wrong_password_is_refused_and_not_shown(redis_port: int, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        config = {
            "connector.class": "RedisSink", "redis.hosts": f"127.0.0.1:{redis_port}", "topics": "t",
            "redis.password": "wrong password",
        }  # fmt: skip
        with pytest.raises(UsageError, match=r"redis.password: .* refuses the user or password") as refusal:
            await rig.worker.create("sink", config)
        assert "wrong password" not in str(refusal.value)
        with pytest.raises(UsageError, match="host:port of the server, or `embedded`"):
            await rig.worker.create("sink", {**config, "redis.hosts": "localhost:door"})
