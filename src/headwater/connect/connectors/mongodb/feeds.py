"""What a source follows: a change stream of a server, or the changes of the documents inside the node.

A change event is MongoDB's document: `_id` (the resume token), `operationType`, `clusterTime`, `ns`, `documentKey`,
`fullDocument`, `updateDescription`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headwater.connect.config import Config
from headwater.connect.connectors.mongodb.server import connect, server_errors
from headwater.connect.embedded.documents import Change, DocumentStore
from headwater.connect.errors import ConnectError
from headwater.core.clock import Clock

if TYPE_CHECKING:
    from pymongo.asynchronous.change_stream import AsyncChangeStream

Event = Mapping[str, Any]
Token = Mapping[str, Any]
"""A place in the feed, as JSON can hold it."""
_IDLE_S = 0.1
"""Pause between two looks at the node's own documents."""
_HISTORY_LOST = (280, 286)


class Feed(Protocol):
    """Documents as they are, and changes from a place on."""

    async def begin(self, token: Token | None) -> Token:
        """Open at a place, or now; where that is. Raises `ConnectError`."""
        ...

    async def next(self, limit: int) -> list[Event]:
        """Up to so many changes; waits a while for the first, and may come back with none."""
        ...

    async def collections(self) -> list[str]:
        """Of the database, in order."""
        ...

    async def documents(self, collection: str, after: Any, limit: int) -> list[Mapping[str, Any]]:
        """Documents in the order of their ids behind one; None: from the first on."""
        ...

    async def close(self) -> None: ...


class EmbeddedFeed:
    """The documents inside the node; a token is the number of a change."""

    def __init__(self, folder: Path, config: Config, clock: Clock) -> None:
        self._database = config.text("database")
        self._collection = config.text("collection")
        self._store = DocumentStore(folder, self._database)
        self._clock = clock
        self._at = 0

    async def begin(self, token: Token | None) -> Token:
        self._at = int(token["_data"]) if token is not None else await asyncio.to_thread(self._store.last_change)
        return {"_data": str(self._at)}

    async def next(self, limit: int) -> list[Event]:
        changes = await asyncio.to_thread(self._store.changes, self._at, limit)
        if not changes:
            await self._clock.sleep(_IDLE_S)
            return []
        self._at = changes[-1].sequence
        return [self._event(one) for one in changes if self._collection in ("", one.collection)]

    def _event(self, change: Change) -> Event:
        event = {
            "_id": {"_data": str(change.sequence)},
            "operationType": change.operation,
            "wallTime": change.at_ms,
            "ns": {"db": self._database, "coll": change.collection},
            "documentKey": {"_id": change.id},
        }
        return event if change.document is None else {**event, "fullDocument": change.document}

    async def collections(self) -> list[str]:
        return [self._collection] if self._collection else list(await asyncio.to_thread(self._store.collections))

    async def documents(self, collection: str, after: Any, limit: int) -> list[Mapping[str, Any]]:
        found = await asyncio.to_thread(self._store.find, collection, "" if after is None else str(after), limit)
        return [{"_id": key, **document} for key, document in found]

    async def close(self) -> None:
        return


class ServerFeed:
    """A deployment, through pymongo."""

    def __init__(self, config: Config) -> None:
        self._client = connect(config)
        self._config = config
        self._collection = config.text("collection")
        self._database = self._client[config.text("database")]
        self._stream: AsyncChangeStream[Any] | None = None

    async def begin(self, token: Token | None) -> Token:
        from pymongo.errors import OperationFailure

        target = self._database[self._collection] if self._collection else self._database
        options: dict[str, Any] = {"max_await_time_ms": self._config.integer("poll.await.time.ms")}
        if full := self._config.text("change.stream.full.document"):
            options["full_document"] = full
        with server_errors():
            try:
                self._stream = await target.watch(
                    json.loads(self._config.text("pipeline")), resume_after=token, **options
                )
            except OperationFailure as error:
                if error.code not in _HISTORY_LOST:
                    raise
                raise ConnectError(
                    "The server does not have the changes since the last one read any more. Reset the connector's "
                    "offsets (DELETE /connectors/…/offsets) and let it copy what is there (startup.mode=copy_existing)"
                ) from error
        return dict(self._stream.resume_token or token or {})

    async def next(self, limit: int) -> list[Event]:
        assert self._stream is not None
        events: list[Event] = []
        with server_errors():
            while len(events) < limit:
                event = await self._stream.try_next()
                if event is None:
                    break
                events.append(event)
        return events

    async def collections(self) -> list[str]:
        if self._collection:
            return [self._collection]
        with server_errors():
            names = await self._database.list_collection_names()
        return sorted(name for name in names if not name.startswith("system."))

    async def documents(self, collection: str, after: Any, limit: int) -> list[Mapping[str, Any]]:
        chosen = {} if after is None else {"_id": {"$gt": after}}
        with server_errors():
            return await self._database[collection].find(chosen).sort("_id", 1).limit(limit).to_list()

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.close()
        await self._client.close()
