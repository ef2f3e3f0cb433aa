"""A registry in memory behind its door, asked over ASGI."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from headwater.cluster.local import LocalCluster
from headwater.http.identity import Identify, anybody
from headwater.http.registry.door import RegistryDoor
from headwater.log import Log, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.registry.registry import Registry
from headwater.testing import ManualClock

RECORD = {"type": "record", "name": "R", "fields": [{"name": "f", "type": "string"}]}
WIDER = {**RECORD, "fields": [*RECORD["fields"], {"name": "g", "type": "int", "default": 1}]}
CHANGED = {"type": "record", "name": "R", "fields": [{"name": "f", "type": "int"}]}


def body(schema: object, **members: Any) -> dict[str, Any]:
    """A request to register an Avro schema."""
    return {"schema": json.dumps(schema), **members}


class Door:
    """What tests ask; `cluster` is where the topic is."""

    def __init__(self, registry: Registry, client: httpx.AsyncClient) -> None:
        self.registry = registry
        self.client = client

    async def ask(self, method: str, path: str, content: object = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        raw = content if isinstance(content, bytes) else None if content is None else json.dumps(content).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.request(method, path, content=raw, headers=named)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    async def register(self, subject: str, schema: object, **members: Any) -> int:
        """The id."""
        status, answer = await self.ask("POST", f"/subjects/{subject}/versions", body(schema, **members))
        assert status == 200, answer
        return int(answer["id"])


async def memory_cluster(clock: ManualClock) -> LocalCluster:
    """A log in memory."""
    log = Log(MemoryStorage(), clock)
    log.open()
    cluster = LocalCluster(log, OffsetStore(log, clock), clock)
    await cluster.start()
    return cluster


@asynccontextmanager
async def opened(
    cluster: LocalCluster | None = None, clock: ManualClock | None = None, identify: Identify = anybody
) -> AsyncIterator[Door]:
    """A registry over the cluster, or over a new one."""
    clock = clock or ManualClock()
    registry = Registry(cluster or await memory_cluster(clock), clock)
    await registry.load()
    transport = httpx.ASGITransport(RegistryDoor(registry, identify))
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
        yield Door(registry, client)
    await registry.close()
