"""Documents in a database of documents: MongoDB, or what stands in for it inside the node."""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

Document = dict[str, Any]


class Documents(Protocol):
    """One database."""

    settings: Mapping[str, str]
    """What connectors are told about where it is."""

    def put(self, collection: str, documents: Iterable[Document]) -> int:
        """Insert documents, or replace those that have their `_id`; returns how many."""
        ...

    def all(self, collection: str) -> list[Document]: ...

    def drop(self, collection: str) -> None:
        """Take all documents of the collection away."""
        ...


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mongodb", metavar="URI", help="a real MongoDB in place of the documents inside the node")


def opened(args: argparse.Namespace, database: str) -> Documents:
    """The database that the command line names."""
    return MongoDocuments(args.mongodb, database) if args.mongodb else EmbeddedDocuments(args, database)


def with_id(document: Document) -> Document:
    """The document with an `_id`: its own, or a new one."""
    return {"_id": uuid.uuid4().hex[:24], **document}


class EmbeddedDocuments:
    """The documents inside a Headwater node on this machine."""

    def __init__(self, args: argparse.Namespace, database: str) -> None:
        from headwater.connect.embedded.documents import DocumentStore, Write

        self.settings = {"connection.host": "embedded"}
        args.services.mkdir(parents=True, exist_ok=True)
        self._store, self._write = DocumentStore(args.services, database), Write

    def put(self, collection: str, documents: Iterable[Document]) -> int:
        writes = [
            self._write(collection, str(one["_id"]), one) for one in map(with_id, documents)
        ]  # fmt: skip
        self._store.write(writes, time.time_ns() // 1_000_000)
        return len(writes)

    def all(self, collection: str) -> list[Document]:
        return [document for _, document in self._store.find(collection)]

    def drop(self, collection: str) -> None:
        gone = [self._write(collection, key, None) for key, _ in self._store.find(collection)]
        self._store.write(gone, time.time_ns() // 1_000_000)


class MongoDocuments:
    """A MongoDB server."""

    def __init__(self, uri: str, database: str) -> None:
        import pymongo

        self.settings = {"connection.uri": uri}
        self._database: Any = pymongo.MongoClient(uri, serverSelectionTimeoutMS=10_000)[database]
        self._replace: Any = pymongo.ReplaceOne

    def put(self, collection: str, documents: Iterable[Document]) -> int:
        writes = [
            self._replace({"_id": one["_id"]}, one, upsert=True) for one in map(with_id, documents)
        ]  # fmt: skip
        self._database[collection].bulk_write(writes)
        return len(writes)

    def all(self, collection: str) -> list[Document]:
        return list(self._database[collection].find())

    def drop(self, collection: str) -> None:
        self._database[collection].drop()
