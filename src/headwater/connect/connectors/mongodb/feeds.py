"""What a source follows: a change stream of a server, or the changes of the documents inside the node.

A change event is MongoDB's document: `_id` (the resume token), `operationType`, `clusterTime`, `ns`, `documentKey`,
`fullDocument`, `updateDescription`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headwater.connect.config import Config
from headwater.connect.connectors.mongodb.server import connect, server_errors
from headwater.connect.embedded.documents import Change, DocumentStore
from headwater.connect.embedded.history import HistoryLostError
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
_LOST = (
    "The server does not have the changes since the last one read any more. Reset the connector's offsets "
    "(headwater connect offsets NAME --reset) and let it copy what is there (startup.mode=copy_existing)"
)


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
        try:
            changes = await asyncio.to_thread(self._store.changes, self._at, limit)
        except HistoryLostError as error:
            raise ConnectError(f"{_LOST}: {error}") from error
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
    """A deployment, through pymongo.

    A read of the stream goes on when whoever waits for it is cancelled: what the server has sent is sent once.
    """

    def __init__(self, config: Config) -> None:
        self._client = connect(config)
        self._config = config
        self._collection = config.text("collection")
        self._database = self._client[config.text("database")]
        self._stream: AsyncChangeStream[Any] | None = None
        self._token: Token | None = None
        self._reading: asyncio.Task[Event | None] | None = None
        self._ready: list[Event] = []

    async def begin(self, token: Token | None) -> Token:
        with _stream_errors():
            self._stream = await self._open(token)
        return dict(self._stream.resume_token or token or {})

    async def _open(self, token: Token | None) -> AsyncChangeStream[Any]:
        target = self._database[self._collection] if self._collection else self._database
        options: dict[str, Any] = {"max_await_time_ms": self._config.integer("poll.await.time.ms")}
        if full := self._config.text("change.stream.full.document"):
            options["full_document"] = full
        # `start_after` also goes on behind the event that a collection was dropped, which `resume_after` must not.
        return await target.watch(json.loads(self._config.text("pipeline")), start_after=token or None, **options)

    async def next(self, limit: int) -> list[Event]:
        with _stream_errors():
            while len(self._ready) < limit:
                reading = self._reading or asyncio.create_task(self._read())
                self._reading = reading
                # What is at hand does not wait for what is not.
                await asyncio.wait({reading}, timeout=0 if self._ready else None)
                if not reading.done():
                    break
                self._reading = None
                event = reading.result()
                if event is None:
                    break
                self._ready.append(event)
        events, self._ready = self._ready, []
        return events

    async def _read(self) -> Event | None:
        """The next change; None if there was none for a while."""
        if self._stream is None:
            self._stream = await self._open(self._token)
        event: Event | None = await self._stream.try_next()
        if event is not None and event["operationType"] == "invalidate":  # the last one of a stream
            self._token = event["_id"]
            await self._stream.close()
            self._stream = None
        return event

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
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._stream is not None:
            await self._stream.close()
        await self._client.close()


@contextmanager
def _stream_errors() -> Iterator[None]:
    """What a change stream fails with, as what the worker decides by."""
    from pymongo.errors import OperationFailure

    with server_errors():
        try:
            yield
        except OperationFailure as error:
            if error.code not in _HISTORY_LOST:
                raise
            raise ConnectError(_LOST) from error
