"""A stand-in for a MongoDB deployment over its real wire protocol: collections, and change streams with resume tokens,
a history that can be lost, and connections that can break. It runs on the test's own loop."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
from bson import Timestamp

Document = dict[str, Any]
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_MORE_TO_COME = 2
_LOST, _INVALID_TOKEN, _NO_COMMAND = 286, 260, 59
_BATCH = 100


class CommandError(Exception):
    """A command is answered with a code."""

    def __init__(self, code: int, message: str, *labels: str) -> None:
        super().__init__(message)
        self.answer: Document = {"ok": 0.0, "code": code, "codeName": "Error", "errmsg": message}
        if labels:
            self.answer["errorLabels"] = list(labels)


@dataclass
class _Cursor:
    """A change stream; `at` is how many changes it has seen."""

    namespace: str
    at: int = 0
    match: Mapping[str, Any] | None = None
    lookup: bool = False


class ChangeServer:
    """`failures` are raised by the next reads of a change stream, one each."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[bytes, Document]] = {}
        self.changes: list[Document] = []
        self.failures: list[CommandError] = []
        self.opened: list[Document] = []
        """Options of the change streams that were opened."""
        self._forgotten = 0
        self._cursors: dict[int, _Cursor] = {}
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; after `stop` on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        assert self._server is not None
        self._server.close()
        self.disconnect()
        for task in self._serving:  # some wait for changes
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def disconnect(self) -> None:
        """Break every connection; cursors stay, as a deployment's do for a while."""
        for writer in self._writers:
            writer.transport.abort()

    def forget(self) -> None:
        """The history of changes so far is lost: no stream can begin in it."""
        self._forgotten = len(self.changes)

    async def change(self, namespace: str, operation: str, **more: Any) -> None:
        """Write a change down and wake who waits for it."""
        database, _, collection = namespace.partition(".")
        self.changes.append({
            "_id": _token(len(self.changes) + 1),
            "operationType": operation,
            "clusterTime": Timestamp(1_700_000_000, len(self.changes) + 1),
            "wallTime": datetime(2024, 1, 1, tzinfo=UTC),
            **({} if operation == "invalidate" else {"ns": {"db": database, "coll": collection}}),
            **more,
        })  # fmt: skip
        async with self._changed:
            self._changed.notify_all()

    # Protocol

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            while True:
                length, request, _, kind = struct.unpack("<iiii", await reader.readexactly(16))
                body = await reader.readexactly(length - 16)
                command, wants_answer = _query(body) if kind == _OP_QUERY else _message(body)
                answer = await self._answer(command)
                if not wants_answer:
                    continue
                data = bson.encode(answer)
                head = struct.pack("<iqii", 8, 0, 0, 1) if kind == _OP_QUERY else struct.pack("<ib", 0, 0)
                size = 16 + len(head) + len(data)
                kind = _OP_REPLY if kind == _OP_QUERY else _OP_MSG
                writer.write(struct.pack("<iiii", size, 0, request, kind) + head + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, command: Document) -> Document:
        name = next(iter(command))
        handler = getattr(self, f"_do_{name.lower()}", None)
        if handler is None:
            return CommandError(_NO_COMMAND, f"no such command: '{name}'").answer
        try:
            return {**await handler(command), "ok": 1.0}
        except CommandError as error:
            return error.answer

    # Commands

    async def _do_hello(self, command: Document) -> Document:
        return {
            "isWritablePrimary": True, "ismaster": True, "helloOk": True, "setName": "rs0", "hosts": [self.address],
            "me": self.address, "primary": self.address, "maxBsonObjectSize": 1 << 24,
            "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21,
            "logicalSessionTimeoutMinutes": 30,
        }  # fmt: skip

    _do_ismaster = _do_hello

    async def _do_ping(self, command: Document) -> Document:
        return {}

    _do_endsessions = _do_killcursors = _do_ping

    async def _do_listcollections(self, command: Document) -> Document:
        database = command["$db"]
        names = sorted(one.partition(".")[2] for one in self.collections if one.startswith(f"{database}."))
        return _found(f"{database}.$cmd.listCollections", [{"name": one, "type": "collection"} for one in names])

    async def _do_find(self, command: Document) -> Document:
        namespace = f"{command['$db']}.{command['find']}"
        documents = sorted(self.collections.get(namespace, {}).values(), key=lambda one: one["_id"])
        after = (command.get("filter") or {}).get("_id", {}).get("$gt")
        chosen = [one for one in documents if after is None or one["_id"] > after]
        return _found(namespace, chosen[: command.get("limit") or None])

    async def _do_insert(self, command: Document) -> Document:
        namespace = f"{command['$db']}.{command['insert']}"
        for document in command["documents"]:
            self.collections.setdefault(namespace, {})[_key(document["_id"])] = document
            await self.change(namespace, "insert", documentKey={"_id": document["_id"]}, fullDocument=document)
        return {"n": len(command["documents"])}

    async def _do_update(self, command: Document) -> Document:
        namespace = f"{command['$db']}.{command['update']}"
        held = self.collections[namespace]
        for one in command["updates"]:
            key, change = one["q"], one["u"]
            if "$set" in change:
                held[_key(key["_id"])] |= change["$set"]
                described = {"updatedFields": change["$set"], "removedFields": [], "truncatedArrays": []}
                await self.change(namespace, "update", documentKey=key, updateDescription=described)
            else:
                held[_key(key["_id"])] = {**key, **change}
                await self.change(namespace, "replace", documentKey=key, fullDocument={**key, **change})
        return {"n": len(command["updates"]), "nModified": len(command["updates"])}

    async def _do_delete(self, command: Document) -> Document:
        namespace = f"{command['$db']}.{command['delete']}"
        for one in command["deletes"]:
            del self.collections[namespace][_key(one["q"]["_id"])]
            await self.change(namespace, "delete", documentKey=one["q"])
        return {"n": len(command["deletes"])}

    async def _do_drop(self, command: Document) -> Document:
        namespace = f"{command['$db']}.{command['drop']}"
        del self.collections[namespace]
        await self.change(namespace, "drop")
        await self.change(namespace, "invalidate")
        return {}

    async def _do_aggregate(self, command: Document) -> Document:
        stream, *rest = command["pipeline"]
        options: Document = stream["$changeStream"]
        self.opened.append(options)
        collection = command["aggregate"]
        namespace = f"{command['$db']}.{'' if collection == 1 else collection}"
        cursor = _Cursor(namespace, self._beginning(options), lookup=options.get("fullDocument") == "updateLookup")
        for stage in rest:
            cursor.match = stage["$match"]
        number = 1_000 + len(self._cursors)
        self._cursors[number] = cursor
        return {"cursor": {"id": bson.Int64(number), "ns": namespace, "firstBatch": [],
                           "postBatchResumeToken": _token(cursor.at)}}  # fmt: skip

    def _beginning(self, options: Document) -> int:
        token = options.get("resumeAfter") or options.get("startAfter")
        if token is None:
            return len(self.changes)
        at = int(token["_data"], 16)
        if at < self._forgotten:
            message = "Resume of change stream was not possible, as the resume point may no longer be in the oplog."
            raise CommandError(_LOST, message, "NonResumableChangeStreamError")
        if "resumeAfter" in options and at and self.changes[at - 1]["operationType"] == "invalidate":
            raise CommandError(_INVALID_TOKEN, "'resumeAfter' is not allowed from an invalidate notification.")
        return at

    async def _do_getmore(self, command: Document) -> Document:
        number = command["getMore"]
        cursor = self._cursors[number]
        if self.failures:
            raise self.failures.pop(0)
        try:
            async with asyncio.timeout(command.get("maxTimeMS", 1_000) / 1_000), self._changed:
                await self._changed.wait_for(lambda: cursor.at < len(self.changes))
        except TimeoutError:
            batch = []
        else:
            batch = list(self._batch(cursor))
        if batch and batch[-1]["operationType"] == "invalidate":
            number = 0
        return {"cursor": {"id": bson.Int64(number), "ns": cursor.namespace, "nextBatch": batch,
                           "postBatchResumeToken": _token(cursor.at)}}  # fmt: skip

    def _batch(self, cursor: _Cursor) -> Iterator[Document]:
        for change in self.changes[cursor.at : cursor.at + _BATCH]:
            cursor.at += 1
            if change["operationType"] == "invalidate":
                if not cursor.namespace.endswith("."):
                    yield change
                    return
                continue
            place = change["ns"]
            if not f"{place['db']}.{place['coll']}".startswith(cursor.namespace):
                continue
            if cursor.match is not None and any(change.get(name) != value for name, value in cursor.match.items()):
                continue
            if cursor.lookup and change["operationType"] == "update":
                held = self.collections.get(f"{place['db']}.{place['coll']}", {})
                change = {**change, "fullDocument": held.get(_key(change["documentKey"]["_id"]))}
            yield change


def _token(at: int) -> Document:
    return {"_data": f"{at:016X}"}


def _key(value: Any) -> bytes:
    return bson.encode({"_id": value})


def _found(namespace: str, documents: Sequence[Document]) -> Document:
    return {"cursor": {"id": bson.Int64(0), "ns": namespace, "firstBatch": list(documents)}}


def _query(body: bytes) -> tuple[Document, bool]:
    """An OP_QUERY: drivers of the years before 2026 begin with one."""
    at = body.index(b"\0", 4) + 1 + 8
    return bson.decode(body[at:]), True


def _message(body: bytes) -> tuple[Document, bool]:
    """An OP_MSG: a document, and sequences of documents that belong to its arrays."""
    (flags,) = struct.unpack_from("<I", body)
    at, command, more = 4, Document(), Document()
    while at < len(body):
        (size,) = struct.unpack_from("<i", body, at + 1)
        part = body[at + 1 : at + 1 + size]
        if body[at] == 0:
            command = bson.decode(part)
        else:
            name, _, documents = part[4:].partition(b"\0")
            more[name.decode()] = bson.decode_all(documents)
        at += 1 + size
    return {**command, **more}, not flags & _MORE_TO_COME


@asynccontextmanager
async def change_server() -> AsyncIterator[ChangeServer]:
    """A running one."""
    server = ChangeServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
