"""The latest status of each delivery as a connector writes it: hashes under delivery:ID, in Redis or in the node."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

PREFIX = "delivery:"
Status = dict[str, str]


class Statuses(Protocol):
    """The hashes, by the id of the delivery."""

    def all(self) -> dict[str, Status]: ...

    def one(self, delivery: int) -> Status | None:
        """None for a delivery that is not there (yet)."""
        ...

    def clear(self) -> None:
        """Take all of them away."""
        ...


class EmbeddedStatuses:
    """The keys inside a Headwater node on this machine."""

    def __init__(self, services: Path) -> None:
        from headwater.connect.embedded.keys import KeyStore

        self._store = KeyStore(services)

    def all(self) -> dict[str, Status]:
        now = now_ms()
        return {key.removeprefix(PREFIX): self._store.hash(key, now) for key in self._store.keys(now, f"{PREFIX}*")}

    def one(self, delivery: int) -> Status | None:
        return self._store.hash(f"{PREFIX}{delivery}", now_ms()) or None

    def clear(self) -> None:
        now = now_ms()
        self._store.execute([("DEL", key) for key in self._store.keys(now, f"{PREFIX}*")], now)


class RedisStatuses:
    """A Redis server. Needs `pip install 'headwater[redis]'`."""

    def __init__(self, address: str) -> None:
        from redis import Redis

        self._client: Any = Redis.from_url(address, decode_responses=True)

    def all(self) -> dict[str, Status]:
        return {key.removeprefix(PREFIX): self._client.hgetall(key) for key in self._client.scan_iter(f"{PREFIX}*")}

    def one(self, delivery: int) -> Status | None:
        return self._client.hgetall(f"{PREFIX}{delivery}") or None

    def clear(self) -> None:
        for key in self._client.scan_iter(f"{PREFIX}*"):
            self._client.delete(key)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def opened(redis: str | None, services: Path) -> Statuses:
    """Those on a server, redis://:password@host:6379, or those inside the node."""
    return RedisStatuses(redis) if redis else EmbeddedStatuses(services)
