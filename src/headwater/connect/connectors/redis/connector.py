"""The Redis sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.redis.commands import Command, Shape
from headwater.connect.connectors.redis.target import EMBEDDED, ServerTarget, Target, address, opened
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.record import SinkRecord
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask
from headwater.core.errors import DataError


def _hosts(value: Any) -> str | None:
    try:
        address(Config({"redis.hosts": value}, {}))
    except ValueError:
        return "must be host:port of the server, or `embedded`"
    return None


CONFIG = ConfigDef(
    Key("redis.hosts", Type.LIST, "host:port of the server, of which the first one counts; `embedded` is the keys "
        "inside the node, in the SQLite file `keys.db` among its embedded data.", default=(EMBEDDED,),
        importance=Importance.HIGH, aliases=("redis.hostname", "redis.uri", "connect.redis.host"), validator=_hosts),
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
    """Writes a batch at once. A string or hash that comes twice is there once."""

    async def start(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._shape = Shape(config.text("redis.type"), config.text("redis.key"), config.integer("redis.ttl.seconds"))
        self._target: Target = opened(config, context.folder, context.clock)
        await self._target.check()

    async def put(self, records: Sequence[SinkRecord]) -> None:
        paired: list[tuple[SinkRecord, list[Command]]] = []
        for record in records:
            try:
                paired.append((record, self._shape.commands(record)))
            except DataError as error:
                self._context.report(record, error)
        answers = await self._target.run([command for _, commands in paired for command in commands])
        at = 0
        for record, commands in paired:
            refused = next((one for one in answers[at : at + len(commands)] if one is not None), None)
            if refused is not None:
                self._context.report(record, refused)
            at += len(commands)

    async def stop(self) -> None:
        if hasattr(self, "_target"):
            await self._target.close()


class RedisSink(SinkConnector):
    """Writes records into Redis; without a server into keys inside the node."""

    names = (
        "com.redis.kafka.connect.RedisSinkConnector",
        "com.github.jcustenborder.kafka.connect.redis.RedisSinkConnector",
        "com.datamountaineer.streamreactor.connect.redis.sink.RedisSinkConnector",
        "RedisSink",
    )
    title, config, task = "Redis sink", CONFIG, RedisSinkTask

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        if address(config)[0] == EMBEDDED:
            return {}
        target = ServerTarget(config)
        try:
            await target.check()
        except RetriableError as error:
            return {"redis.hosts": [str(error)]}
        except ConnectError as error:
            return {"redis.password": [str(error)]}
        finally:
            await target.close()
        return {}
