"""The Redis sink against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite
from tests.redis_fixture import PASSWORD, redis_port

__all__ = ["redis_port"]


class _OverRedis(SinkConnectorSuite):
    kind = ""

    @pytest.fixture(autouse=True)
    def _server(self, redis_port: int) -> Any:
        self.port = redis_port
        self.client = redis.Redis(port=redis_port, password=PASSWORD, db=self.database, decode_responses=True)
        self.client.flushdb()
        yield
        self.client.close()

    database = 1

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "com.redis.kafka.connect.RedisSinkConnector", "redis.hosts": f"127.0.0.1:{self.port}",
            "redis.password": PASSWORD, "redis.type": self.kind, "redis.database": str(self.database),
        }  # fmt: skip


class TestRedisHashes(_OverRedis):
    kind, idempotent, database = "HASH", True, 1

    async def held(self) -> list[int]:
        return sorted(int(str(self.client.hget(key, "id"))) for key in self.client.scan_iter())

    async def test_a_tombstone_deletes_and_a_new_value_replaces_all_fields(self) -> None:
        await self.rig.produce(self.topic, [("a", {"x": 1, "y": 2}), ("b", {"x": 1}), ("b", None), ("a", {"y": [1]})])
        await self.rig.create("tested", {**self.full_config(), "key.converter": "StringConverter"})
        await self.rig.until(lambda: self.client.exists('"a"') == 1 and self.client.hgetall('"a"') == {"y": "[1]"}, "a")
        assert list(self.client.scan_iter()) == ['"a"']


class TestRedisStrings(_OverRedis):
    kind, idempotent, database = "STRING", True, 2

    async def held(self) -> list[int]:
        return sorted(json.loads(str(self.client.get(key)))["id"] for key in self.client.scan_iter())


class TestRedisStreams(_OverRedis):
    kind, database = "STREAM", 3

    async def held(self) -> list[int]:
        entries: Any = self.client.xrange(self.topic)
        return [int(fields["id"]) for _, fields in entries]


async def test_a_wrong_password_fails_the_task_and_is_not_shown(redis_port: int, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        await rig.topic("t")
        await rig.worker.create("sink", {
            "connector.class": "RedisSink", "redis.hosts": f"127.0.0.1:{redis_port}", "topics": "t",
            "redis.password": "wrong password",
        })  # fmt: skip
        trace = await rig.failed("sink")
        assert "refuses the user or password" in trace
        assert "wrong password" not in trace
