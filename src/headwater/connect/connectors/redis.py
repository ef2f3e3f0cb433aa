"""The Redis sink: records as strings, hashes or stream entries under keys; without a server, a file stands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.converters.java_values import java_text, moment_text
from headwater.connect.converters.json_values import plain
from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError
from headwater.connect.record import SinkRecord
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask
from headwater.core.errors import DataError

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_DENIED = ("AuthenticationError", "NoPermissionError", "AuthorizationError", "AuthenticationWrongNumberOfArgsError")
_AWAY = ("ConnectionError", "TimeoutError", "BusyLoadingError", "ReadOnlyError", "OutOfMemoryError", "TryAgainError")

CONFIG = ConfigDef(
    Key("redis.hosts", Type.LIST, "host:port of the server; the first one counts.", default=("localhost:6379",),
        importance=Importance.HIGH, aliases=("redis.hostname", "redis.uri", "connect.redis.host")),
    Key("redis.username", Type.STRING, "User.", default="", aliases=("connect.redis.username",)),
    Key("redis.password", Type.PASSWORD, "Password.", default="", importance=Importance.HIGH,
        aliases=("connect.redis.password",)),
    Key("redis.database", Type.INT, "Number of the database.", default=0, minimum=0),
    Key("redis.ssl.enabled", Type.BOOLEAN, "Whether the connection is TLS.", default=False,
        aliases=("redis.tls",)),
    Key("redis.type", Type.STRING, "What a record becomes: a string with the value (structures as JSON), a hash with a "
        "field per field, or an entry of the topic's stream.", default="STRING", importance=Importance.HIGH,
        choices=("STRING", "HASH", "STREAM", "JSON"), aliases=("redis.command", "mode")),
    Key("redis.key", Type.STRING, "The Redis key, with ${key} and ${topic}; for streams ${topic} alone.",
        default="${key}", aliases=("redis.keyspace",)),
    Key("redis.operation.timeout.ms", Type.LONG, "Longest wait for an answer, in ms.", default=10_000, minimum=1),
    Key("redis.ttl.seconds", Type.LONG, "Lifetime of keys, in s; -1: none.", default=-1),
    ignored=("redis.client.mode", "redis.*", "connect.redis.*"),
)  # fmt: skip


class RedisSinkTask(SinkTask):
    """Writes a batch in one pipeline. A string or hash that comes twice is there once."""

    async def start(self, config: Config, context: SinkContext) -> None:
        try:
            from redis import asyncio as client
        except ImportError:
            raise MissingExtraError("The Redis sink", "redis") from None
        self._context, self._kind = context, config.text("redis.type")
        self._pattern, self._ttl = config.text("redis.key"), config.integer("redis.ttl.seconds")
        timeout = config.integer("redis.operation.timeout.ms") / 1000
        address = (config.texts("redis.hosts") or ["localhost:6379"])[0].removeprefix("redis://")
        host, _, port = address.rpartition(":") if ":" in address else (address, "", "6379")
        self._address = f"{host}:{port}"
        self._client: Any = client.Redis(
            host=host, port=int(port), db=config.integer("redis.database"),
            username=config.text("redis.username") or None,
            password=config.text("redis.password") or None, ssl=config.flag("redis.ssl.enabled"),
            socket_timeout=timeout, socket_connect_timeout=timeout,
        )  # fmt: skip
        await self._call(self._client.ping)

    async def put(self, records: Sequence[SinkRecord]) -> None:
        commands: list[tuple[SinkRecord, list[tuple[Any, ...]]]] = []
        for record in records:
            try:
                commands.append((record, self._commands(record)))
            except DataError as error:
                self._context.report(record, error)
        if not commands:
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for _, parts in commands:
                for part in parts:
                    pipeline.execute_command(*part)
            answers = await self._call(pipeline.execute, False)
        self._check(commands, answers)

    async def stop(self) -> None:
        if hasattr(self, "_client"):
            await self._client.aclose()

    def _check(self, commands: Sequence[tuple[SinkRecord, list[tuple[Any, ...]]]], answers: Sequence[Any]) -> None:
        at = 0
        for record, parts in commands:
            for answer in answers[at : at + len(parts)]:
                if isinstance(answer, Exception):
                    raise_or_report = self._told(answer)
                    if not isinstance(raise_or_report, DataError):
                        raise raise_or_report
                    self._context.report(record, raise_or_report)
                    break
            at += len(parts)

    def _commands(self, record: SinkRecord) -> list[tuple[Any, ...]]:
        if self._kind == "STREAM":
            fields = _fields(record.value if isinstance(record.value, dict) else {"value": record.value})
            if record.key is not None:
                fields = [*fields, "__key", _text(record.key)]
            return [("XADD", self._key(record, needs_key=False), "*", *fields)]
        key = self._key(record, needs_key=True)
        if record.value is None:
            return [("DEL", key)]
        if self._kind != "HASH":
            made: list[tuple[Any, ...]] = [("SET", key, _text(record.value))]
        elif isinstance(record.value, dict):
            made = [("DEL", key)]
            if fields := _fields(record.value):
                made.append(("HSET", key, *fields))
        else:
            raise DataError(f"redis.type=HASH needs values that are structs, found {type(record.value).__name__}")
        return [*made, ("EXPIRE", key, self._ttl)] if self._ttl >= 0 else made

    def _key(self, record: SinkRecord, *, needs_key: bool) -> str:
        pattern = self._pattern if needs_key or self._pattern != "${key}" else "${topic}"
        if "${key}" in pattern and record.key is None:
            raise DataError("The record has no key, which Redis needs")
        key = "" if record.key is None else _text(record.key)
        return pattern.replace("${key}", key).replace("${topic}", record.topic)

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


def _fields(value: Mapping[str, Any]) -> list[str]:
    return [part for name, item in value.items() if item is not None for part in (str(name), _text(item))]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return _ENCODE(plain(value)).decode()
    return java_text(value) if isinstance(value, bool | float | bytes) else moment_text(value)


class RedisSink(SinkConnector):
    """Writes records into Redis."""

    names = (
        "com.redis.kafka.connect.RedisSinkConnector",
        "com.github.jcustenborder.kafka.connect.redis.RedisSinkConnector",
        "com.datamountaineer.streamreactor.connect.redis.sink.RedisSinkConnector",
        "RedisSink",
    )
    title, config, task = "Redis sink", CONFIG, RedisSinkTask
