"""The sink: a document per record."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.mongodb.server import SERVER, connect, is_embedded, server_errors
from headwater.connect.connectors.mongodb.writes import (
    ID_STRATEGIES,
    WRITE_MODELS,
    DocumentWrite,
    Kind,
    bson_value,
    short,
    write_of,
)
from headwater.connect.embedded.documents import DocumentStore, Write, plain
from headwater.connect.errors import ConnectError
from headwater.connect.record import SinkRecord
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask
from headwater.core.clock import Clock


def _known(names: Sequence[str]) -> Any:
    def check(value: str) -> str | None:
        return None if short(value) in names else f"must be one of {', '.join(names)}"

    return check


_CONFIG = SERVER + ConfigDef(
    Key("database", Type.STRING, "Database to write to.", importance=Importance.HIGH),
    Key("collection", Type.STRING, "Collection to write to. Empty: the topic's name.", default="",
        importance=Importance.HIGH),
    Key("document.id.strategy", Type.STRING, "Where a document's _id comes from; the class name or its last part.",
        default="BsonOidStrategy", validator=_known(ID_STRATEGIES), aliases=("doc.id.strategy",)),
    Key("writemodel.strategy", Type.STRING, "What a record does; the class name or its last part. With a new id for "
        "each record every strategy inserts.", default="ReplaceOneDefaultStrategy", validator=_known(WRITE_MODELS),
        aliases=("write.strategy",)),
    Key("delete.on.null.values", Type.BOOLEAN, "Delete the document of a record whose value is null. It needs an id "
        "that comes from the key.", default=False),
    Key("max.batch.size", Type.INT, "Documents per request; 0: as many as there are.", default=0, minimum=0),
    Key("bulk.write.ordered", Type.BOOLEAN, "Write in the order of the records.", default=True),
    ignored=("max.num.retries", "retries.defer.timeout", "rate.limiting.*", "mongo.errors.*", "field.renamer.*",
             "key.projection.*", "value.projection.*", "post.processor.chain", "timeseries.*", "cdc.handler",
             "document.id.strategy.*", "topic.override.*", "namespace.mapper", "server.api.*"),
)  # fmt: skip


class Target(Protocol):
    """Takes writes."""

    async def apply(self, collection: str, writes: Sequence[DocumentWrite]) -> list[tuple[int, str]]:
        """Carries them out; (position, reason) of each that the store refuses. Raises `ConnectError`."""
        ...

    async def close(self) -> None: ...


class EmbeddedTarget:
    """The documents inside the node."""

    def __init__(self, folder: Path, database: str, clock: Clock) -> None:
        self._store = DocumentStore(folder, database)
        self._clock = clock

    async def apply(self, collection: str, writes: Sequence[DocumentWrite]) -> list[tuple[int, str]]:
        await asyncio.to_thread(self._apply, collection, writes)
        return []

    def _apply(self, collection: str, writes: Sequence[DocumentWrite]) -> None:
        done = []
        held = self._store.get(collection, [_id_text(one.id) for one in writes if one.kind is Kind.UPDATE])
        for one in writes:
            key = uuid.uuid4().hex[:24] if one.id is None else _id_text(one.id)
            if one.document is None:
                done.append(Write(collection, key, None))
                continue
            document: dict[str, Any] = {"_id": key if one.id is None else one.id, **one.document}
            if one.kind is Kind.UPDATE:
                document = {**(one.set_on_insert or {}), **held.get(key, {}), **document}
                held[key] = document
            done.append(Write(collection, key, document))
        self._store.write(done, self._clock.now_ms())

    async def close(self) -> None:
        return


def _id_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


class ServerTarget:
    """A server, through pymongo."""

    def __init__(self, config: Config) -> None:
        self._client = connect(config)
        self._database = config.text("database")
        self._ordered = config.flag("bulk.write.ordered")

    async def check(self) -> None:
        """Raises `ConnectError` if the server does not answer or refuses the login."""
        with server_errors():
            await self._client[self._database].command("ping")

    async def apply(self, collection: str, writes: Sequence[DocumentWrite]) -> list[tuple[int, str]]:
        from pymongo.errors import BulkWriteError

        with server_errors():
            try:
                await self._client[self._database][collection].bulk_write(
                    [_operation(one) for one in writes], ordered=self._ordered
                )
            except BulkWriteError as error:
                refused = [(int(one["index"]), str(one.get("errmsg"))) for one in error.details["writeErrors"]]
                if not self._ordered or not refused or refused[0][0] + 1 >= len(writes):
                    return refused
                at = refused[0][0] + 1
                return refused + [(at + index, why) for index, why in await self.apply(collection, writes[at:])]
        return []

    async def close(self) -> None:
        await self._client.close()


def _operation(write: DocumentWrite) -> Any:
    from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

    document = dict(write.document or {})
    chosen = {"_id": write.id}
    if write.kind is Kind.DELETE:
        return DeleteOne(chosen)
    if write.id is None:
        return InsertOne(document)
    match write.kind:
        case Kind.INSERT:
            return InsertOne({**chosen, **document})
        case Kind.UPDATE:
            change: dict[str, Any] = {"$set": document}
            if write.set_on_insert:
                change["$setOnInsert"] = dict(write.set_on_insert)
            return UpdateOne(chosen, change, upsert=True)
    return ReplaceOne(chosen, document, upsert=True)


class MongoSinkTask(SinkTask):
    """Writes a batch as bulk writes, one per collection."""

    async def start(self, config: Config, context: SinkContext) -> None:
        self._config = config
        self._context = context
        self._target: Target
        if is_embedded(config):
            self._target = EmbeddedTarget(context.folder, config.text("database"), context.clock)
        else:
            server = ServerTarget(config)
            self._target = server
            await server.check()

    async def put(self, records: Sequence[SinkRecord]) -> None:
        by_collection: dict[str, list[tuple[SinkRecord, DocumentWrite]]] = defaultdict(list)
        for record in records:
            if (write := self._write(record)) is not None:
                by_collection[self._config.text("collection") or record.topic].append((record, write))
        for collection, paired in by_collection.items():
            size = self._config.integer("max.batch.size") or len(paired)
            for at in range(0, len(paired), size):
                part = paired[at : at + size]
                for index, reason in await self._target.apply(collection, [write for _, write in part]):
                    record = part[index][0]
                    self._context.report(record, ConnectError(f"{_place(record)}: MongoDB refuses it: {reason}"))

    def _write(self, record: SinkRecord) -> DocumentWrite | None:
        if record.value is None and not self._config.flag("delete.on.null.values"):
            return None
        now: Any = datetime.fromtimestamp(self._context.clock.now_ms() / 1000, UTC)
        try:
            return write_of(
                record,
                short(self._config.text("document.id.strategy")),
                short(self._config.text("writemodel.strategy")),
                now,
                plain if is_embedded(self._config) else bson_value,
            )
        except ValueError as error:
            self._context.report(record, ConnectError(f"{_place(record)}: {error}"))
            return None

    async def stop(self) -> None:
        if hasattr(self, "_target"):
            await self._target.close()


class MongoSink(SinkConnector):
    """Writes records as documents into MongoDB: one each with a new id, or one per key."""

    names = (
        "com.mongodb.kafka.connect.MongoSinkConnector",
        "MongoDbAtlasSink",
    )
    title = "MongoDB sink"
    config = _CONFIG
    task = MongoSinkTask

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        return await reachable(config)


async def reachable(config: Config) -> Mapping[str, Sequence[str]]:
    """Errors by key if the server does not answer, or refuses the login."""
    if is_embedded(config):
        return {}
    client = connect(config)
    try:
        with server_errors():
            await client[config.text("database")].command("ping")
    except ConnectError as error:
        return {"connection.password" if "refuses them" in str(error) else "connection.host": [str(error)]}
    finally:
        await client.close()
    return {}


def _place(record: SinkRecord) -> str:
    return f"{record.original_topic}-{record.partition} offset {record.offset}"
