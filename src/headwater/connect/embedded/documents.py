"""A document store in one SQLite file: what a document database or a search index is to a connector, with no install.

Documents are JSON objects by id, in collections of a space (a database, or the search indexes). Changes are kept in
order too, for a while (`embedded/history.py`), so that a source can follow them. Calls block as long as SQLite does:
use them through `asyncio.to_thread`.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from headwater.connect.embedded import history
from headwater.connect.embedded.history import History
from headwater.connect.embedded.sqlite import connected, writing

FILE = "documents.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  space TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (space, collection, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, space TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
  operation TEXT NOT NULL, body TEXT, at_ms INTEGER NOT NULL
);
"""
_HISTORY = History("sequence", "at_ms", "space")


@dataclass(frozen=True)
class Write:
    """Put a document in the place of what has its id, or with `document` None take that away."""

    collection: str
    id: str
    document: Mapping[str, Any] | None


@dataclass(frozen=True)
class Change:
    """One change: `operation` is insert, replace or delete; `document` is what is there now."""

    sequence: int
    collection: str
    id: str
    operation: str
    document: Mapping[str, Any] | None
    at_ms: int


def plain(value: Any, *, compact_maps: bool = True) -> Any:
    """A record's value as JSON has it: decimals as numbers, bytes in base64, instants as ms.

    Maps whose keys are no texts become objects all the same, or with `compact_maps` off lists of key and value.
    """
    match value:
        case Decimal():
            return float(value)
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return int(value.timestamp() * 1000)
        case date() | time():
            return value.isoformat()
        case Mapping():
            if compact_maps or all(isinstance(name, str) for name in value):
                return {str(name): plain(one, compact_maps=compact_maps) for name, one in value.items()}
            return [{"key": plain(name), "value": plain(one)} for name, one in value.items()]
        case str():
            return value
        case Sequence():
            return [plain(one, compact_maps=compact_maps) for one in value]
    return value


class DocumentStore:
    """The documents of one space; several may share a file, and several processes too."""

    def __init__(self, folder: Path, space: str, kept: History = _HISTORY) -> None:
        self.space = space
        self._path, self._history = folder / FILE, kept
        with connected(self._path) as connection:
            connection.executescript(_SCHEMA + history.SCHEMA)

    def write(self, writes: Iterable[Write], now_ms: int) -> None:
        """All or nothing, in order."""
        with writing(self._path) as connection:
            for write in writes:
                self._write(connection, write, now_ms)
            self._history.trim(connection, now_ms)

    def _write(self, connection: sqlite3.Connection, write: Write, now_ms: int) -> None:
        place = (self.space, write.collection, write.id)
        held = connection.execute(
            "SELECT body FROM documents WHERE space = ? AND collection = ? AND id = ?", place
        ).fetchone()
        if write.document is None:
            if held is None:
                return
            connection.execute("DELETE FROM documents WHERE space = ? AND collection = ? AND id = ?", place)
            operation, body = "delete", None
        else:
            body = json.dumps(write.document)
            operation = "insert" if held is None else "replace"
            connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", (*place, body))
        connection.execute(
            "INSERT INTO changes (space, collection, id, operation, body, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
            (*place, operation, body, now_ms),
        )

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The documents that there are, by id."""
        marks = ",".join("?" * len(ids))
        query = f"SELECT id, body FROM documents WHERE space = ? AND collection = ? AND id IN ({marks})"
        with connected(self._path) as connection:
            return {key: json.loads(body) for key, body in connection.execute(query, (self.space, collection, *ids))}

    def find(self, collection: str, after: str = "", limit: int = -1) -> list[tuple[str, dict[str, Any]]]:
        """(id, document), in the order of ids, those after an id."""
        query = "SELECT id, body FROM documents WHERE space = ? AND collection = ? AND id > ? ORDER BY id LIMIT ?"
        with connected(self._path) as connection:
            rows = connection.execute(query, (self.space, collection, after, limit))
            return [(key, json.loads(body)) for key, body in rows]

    def collections(self) -> dict[str, int]:
        """Names and how many documents each has."""
        query = "SELECT collection, COUNT(*) FROM documents WHERE space = ? GROUP BY collection ORDER BY collection"
        with connected(self._path) as connection:
            return dict(connection.execute(query, (self.space,)))

    def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """Changes behind a sequence number, in order. Raises `HistoryLostError` if some are not kept any more."""
        query = """SELECT sequence, collection, id, operation, body, at_ms FROM changes
                   WHERE space = ? AND sequence > ? ORDER BY sequence LIMIT ?"""
        with connected(self._path) as connection:
            connection.execute("BEGIN")
            self._history.check(connection, after, {self.space})
            rows = connection.execute(query, (self.space, after, limit)).fetchall()
        return [Change(n, name, key, kind, body and json.loads(body), at) for n, name, key, kind, body, at in rows]

    def last_change(self) -> int:
        """The sequence number of the newest change, of any space; 0 if there has been none."""
        with connected(self._path) as connection:
            return history.last_number(connection)
