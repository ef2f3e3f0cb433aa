"""What carries out Redis commands: a server, or the keys inside the node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from headwater.connect.config import Config
from headwater.connect.connectors.redis.commands import Command
from headwater.connect.embedded.keys import KeyStore
from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError
from headwater.core.clock import Clock
from headwater.core.errors import DataError

EMBEDDED = "embedded"
"""In place of a host: the keys inside the node."""
PORT = "6379"
_DENIED = ("AuthenticationError", "NoPermissionError", "AuthorizationError", "AuthenticationWrongNumberOfArgsError")
_AWAY = ("ConnectionError", "TimeoutError", "BusyLoadingError", "ReadOnlyError", "OutOfMemoryError", "TryAgainError")


class Target(Protocol):
    """Carries out commands."""

    async def check(self) -> None:
        """Raises `ConnectError` if it does not answer or refuses the login."""
        ...

    async def run(self, commands: Sequence[Command]) -> list[DataError | None]:
        """Carry them out in order; what is wrong with each. Raises `ConnectError`."""
        ...

    async def close(self) -> None: ...


class EmbeddedTarget:
    """The keys inside the node. Commands that are carried out together are done all or not at all."""

    def __init__(self, folder: Path, database: int, clock: Clock) -> None:
        self._store = KeyStore(folder, database)
        self._clock = clock

    async def check(self) -> None:
        return

    async def run(self, commands: Sequence[Command]) -> list[DataError | None]:
        answers = await asyncio.to_thread(self._store.execute, commands, self._clock.now_ms())
        return [None if one is None else DataError(f"The record is refused: {one}") for one in answers]

    async def close(self) -> None:
        return


class ServerTarget:
    """A server, through redis-py. Commands that are carried out together are one pipeline."""

    def __init__(self, config: Config) -> None:
        try:
            from redis import asyncio as client
        except ImportError:
            raise MissingExtraError("The Redis sink", "redis") from None
        timeout = config.integer("redis.operation.timeout.ms") / 1000
        host, port = address(config)
        self._address = f"{host}:{port}"
        self._client: Any = client.Redis(
            host=host, port=port, db=config.integer("redis.database"), username=config.text("redis.username") or None,
            password=config.text("redis.password") or None, ssl=config.flag("redis.ssl.enabled"),
            socket_timeout=timeout, socket_connect_timeout=timeout,
        )  # fmt: skip

    async def check(self) -> None:
        await self._call(self._client.ping)

    async def run(self, commands: Sequence[Command]) -> list[DataError | None]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers = await self._call(pipeline.execute, False)
        return [self._refused(answer) if isinstance(answer, Exception) else None for answer in answers]

    def _refused(self, answer: Exception) -> DataError:
        told = self._told(answer)
        if isinstance(told, DataError):
            return told
        raise told

    async def close(self) -> None:
        await self._client.aclose()

    async def _call(self, function: Any, *arguments: Any) -> Any:
        try:
            return await function(*arguments)
        except OSError as error:
            raise RetriableError(f"Redis at {self._address} does not answer: {error}") from error
        except Exception as error:
            if type(error).__module__.startswith("redis"):
                raise self._told(error) from error
            raise

    def _told(self, error: Exception) -> ConnectError | DataError:
        kind = type(error).__name__
        if kind in _DENIED or "WRONGPASS" in str(error) or "NOAUTH" in str(error):
            return ConnectError(f"Redis at {self._address} refuses the user or password: {error}")
        if kind in _AWAY or "OOM" in str(error):
            return RetriableError(f"Redis at {self._address} does not take it now: {error}")
        return DataError(f"Redis refuses the record: {error}")


def address(config: Config) -> tuple[str, int]:
    """Host and port of the server. Raises `ValueError` for a port that is none."""
    given = (config.texts("redis.hosts") or [EMBEDDED])[0].removeprefix("redis://")
    host, _, port = given.rpartition(":") if ":" in given else (given, "", PORT)
    return host, int(port)


def opened(config: Config, folder: Path, clock: Clock) -> Target:
    """Where a configuration says that records go."""
    if address(config)[0] == EMBEDDED:
        return EmbeddedTarget(folder, config.integer("redis.database"), clock)
    return ServerTarget(config)
