"""A schema registry whose state is the compacted topic `_schemas`, in the record shapes of Confluent's registry.

Registering answers at once, from memory; the record follows in the order of registration. Data written with a schema is
committed later than the schema is registered, so a schema never comes after data that needs it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from headwater.cluster.api import EARLIEST, LATEST, Append, Cluster, Commit, TopicPartition, TopicSpec
from headwater.core.clock import Clock
from headwater.core.errors import TopicExistsError
from headwater.formats.api import RegisteredSchema
from headwater.formats.schema_registry import LocalSchemaRegistry, References
from headwater.wire.records import build_batch, read_records

TOPIC = "_schemas"
_FETCH_BYTES = 1 << 20
_MAGIC = 1
"""Version of the record shapes."""


class TopicSchemaRegistry(LocalSchemaRegistry):
    """`load` before use, `close` after."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        super().__init__()
        self._cluster = cluster
        self._clock = clock
        self._place = TopicPartition(TOPIC, 0)
        self._pending: list[tuple[bytes, bytes | None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._loading = False

    async def load(self) -> None:
        """Rebuild the registry from its topic. Raises `ClusterError`, `LogError`."""
        if self._cluster.topic(TOPIC) is None:
            return
        self._loading = True
        position = await self._cluster.list_offset(self._place, EARLIEST)
        end = await self._cluster.list_offset(self._place, LATEST)
        while position < end:
            for fetched in await self._cluster.fetch({self._place: position}, _FETCH_BYTES):
                for record in read_records(fetched.data, position):
                    self._apply(record.key, record.value)
                position = fetched.next_offset
        self._loading = False

    def _apply(self, key: bytes | None, value: bytes | None) -> None:
        if key is None or msgspec.json.decode(key, type=dict[str, Any]).get("keytype") != "SCHEMA":
            return
        subject = str(msgspec.json.decode(key)["subject"])
        held = None if value is None else msgspec.json.decode(value, type=dict[str, Any])
        if held is None or held.get("deleted"):
            super().delete(subject)
            return
        references = tuple((str(r["name"]), str(r["schema"])) for r in held.get("references", ()))
        self.register(subject, held.get("schemaType", "AVRO"), held["schema"], references, held["id"])

    def register(
        self, subject: str, kind: str, schema: str, references: References = (), schema_id: int | None = None
    ) -> int:
        before = self.latest(subject)
        given = super().register(subject, kind, schema, references, schema_id)
        latest = self.latest(subject)
        if latest is not None and latest is not before and not self._loading:
            self._write(_key(subject, latest.version), _value(latest))
        return given

    def delete(self, subject: str) -> None:
        """Forget a subject; ids stay readable while the process lives, and until compaction after that."""
        latest = self.latest(subject)
        super().delete(subject)
        if latest is not None:
            for version in range(1, latest.version + 1):
                self._write(_key(subject, version), None)

    def _write(self, key: bytes, value: bytes | None) -> None:
        self._pending.append((key, value))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._flush(), name="schemas")

    async def _flush(self) -> None:
        if self._cluster.topic(TOPIC) is None:
            try:
                await self._cluster.create_topics([TopicSpec(TOPIC, 1, configs={"cleanup.policy": "compact"})])
            except TopicExistsError:
                await self._cluster.refresh()
        while self._pending:
            records, self._pending = self._pending, []
            now = self._clock.now_ms()
            batch = build_batch([(key, value, now, ()) for key, value in records])
            await self._cluster.commit(Commit([Append(self._place, batch)]))

    async def close(self) -> None:
        """Return when everything registered is written."""
        if self._writer is not None:
            await self._writer


def _key(subject: str, version: int) -> bytes:
    return msgspec.json.encode({"keytype": "SCHEMA", "subject": subject, "version": version, "magic": _MAGIC})


def _value(held: RegisteredSchema) -> bytes:
    value: dict[str, object] = {"subject": held.subject, "version": held.version, "id": held.schema_id}
    if held.kind != "AVRO":
        value["schemaType"] = held.kind
    if held.references:
        value["references"] = [{"name": name, "schema": schema} for name, schema in held.references]
    return msgspec.json.encode({**value, "schema": held.schema, "deleted": False})
