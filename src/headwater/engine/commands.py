"""The command topic: the only durable state of the SQL side is the replay of this topic.

One partition, one JSON record per statement that changed something, in order; the key is the command's id. A record
holds the statement's text, the overrides in force, the query id it was given and the facts it was decided on, so that
replaying it on the state of its time decides the same again, whatever topics and schemas look like today. The plan of a
query is kept too: the query goes on with it, even where a later version would plan another way.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct, field

from headwater.cluster.api import Append, Cluster, Commit, TopicPartition, TopicSpec
from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError, TopicExistsError
from headwater.engine.changes import Facts
from headwater.formats.api import RegisteredSchema
from headwater.wire.records import build_batch, read_records

VERSION = 1
"""Of the record's layout; records of a later version are refused."""


class CommandLogError(HeadwaterError):
    """The command topic holds something that this version cannot apply; names the offset and the reason."""


class Command(Struct, rename="camel", kw_only=True):
    """One record. `query_id` and `plan` are those of the query that the statement made, if it made one."""

    statement: str
    properties: dict[str, str] = field(default_factory=dict)
    server: dict[str, str] = field(default_factory=dict)
    query_id: str | None = None
    plan: dict[str, Any] | None = None
    topics: dict[str, int | None] = field(default_factory=dict)
    latest_schemas: dict[str, RegisteredSchema | None] = field(default_factory=dict)
    schemas_by_id: dict[str, RegisteredSchema] = field(default_factory=dict)
    version: int = VERSION

    @property
    def facts(self) -> Facts:
        return Facts(self.topics, self.latest_schemas, {int(key): value for key, value in self.schemas_by_id.items()})


_decode = msgspec.json.Decoder(Command).decode
_encode = msgspec.json.encode


class CommandTopic:
    """Appends and reads commands. A command's sequence number is its offset."""

    def __init__(self, cluster: Cluster, clock: Clock, topic: str) -> None:
        self._cluster = cluster
        self._clock = clock
        self._partition = TopicPartition(topic, 0)

    @property
    def name(self) -> str:
        return self._partition.topic

    async def open(self) -> None:
        """Create the topic if it is not there; its records are never deleted."""
        if self._cluster.topic(self.name) is None:
            configs = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
            with contextlib.suppress(TopicExistsError):
                await self._cluster.create_topics([TopicSpec(self.name, 1, configs=configs)])

    async def append(self, command_id: str, command: Command) -> int:
        """Write a command; returns its sequence number once it is durable."""
        batch = build_batch([(_encode(command_id), _encode(command), self._clock.now_ms(), ())])
        (offset,) = await self._cluster.commit(Commit([Append(self._partition, batch)]))
        return offset

    async def read(self) -> AsyncIterator[tuple[int, str, Command]]:
        """(sequence number, command id, command) of everything there is now.

        Raises `CommandLogError` at a record that is not a command of this or an earlier version.
        """
        position = 0
        while True:
            fetched = await self._cluster.fetch({self._partition: position})
            if not fetched or fetched[0].next_offset <= position:
                return
            for record in read_records(fetched[0].data, position):
                yield record.offset, *self._command(record.offset, record.key, record.value)
            position = fetched[0].next_offset

    def _command(self, offset: int, key: bytes | None, value: bytes | None) -> tuple[str, Command]:
        try:
            command_id = msgspec.json.decode(key or b"", type=str)
            command = _decode(value or b"")
        except msgspec.MsgspecError as error:
            raise CommandLogError(f"Record {offset} of topic {self.name} is not a command: {error}") from error
        if command.version > VERSION:
            raise CommandLogError(
                f"Record {offset} of topic {self.name} was written by a later version (layout {command.version}, "
                f"known up to {VERSION}). Start the version that wrote it."
            )
        return command_id, command
