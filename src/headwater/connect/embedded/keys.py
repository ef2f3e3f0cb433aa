"""Keys with strings, hashes and streams in one SQLite file: what Redis is to its sink, with no install.

Commands are Redis's and do what they do there, but those that are given together are carried out all or not at all.
Calls block as long as SQLite does: use them through `asyncio.to_thread`.

    store = KeyStore(folder)
    store.execute([("HSET", "delivery:1", "status", "Created")], now_ms)
    store.hash("delivery:1", now_ms)        # {"status": "Created"}
    store.keys(now_ms, "delivery:*")        # {"delivery:1": "hash"}
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from headwater.connect.embedded.sqlite import connected, writing
from headwater.core.errors import HeadwaterError

FILE = "keys.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  place INTEGER PRIMARY KEY, database INTEGER NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  value TEXT NOT NULL, expires_ms INTEGER, UNIQUE (database, key, name)
);
CREATE INDEX IF NOT EXISTS by_expiry ON entries (expires_ms) WHERE expires_ms IS NOT NULL;
"""
_LIVING = "(expires_ms IS NULL OR expires_ms > ?)"
_PUT = """INSERT INTO entries (database, key, kind, name, value, expires_ms) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT (database, key, name) DO UPDATE SET value = excluded.value"""


class WrongKindError(HeadwaterError):
    """A command for another kind of value than the key holds."""


class KeyStore:
    """The keys of one numbered database. Several processes may use one at the same time. Times are ms since 1970."""

    def __init__(self, folder: Path, database: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._database = folder / FILE, database
        with connected(self._path) as connection:
            connection.executescript(_SCHEMA)

    def execute(self, commands: Sequence[Sequence[str | int]], now_ms: int) -> list[WrongKindError | None]:
        """Carry out DEL, SET, HSET, EXPIRE and XADD; why each of them is refused."""
        with writing(self._path) as connection:
            connection.execute("DELETE FROM entries WHERE expires_ms <= ?", (now_ms,))
            commanded = _Commands(connection, self._database, now_ms)
            return [commanded.execute(*command) for command in commands]

    def hash(self, key: str, now_ms: int) -> dict[str, str]:
        """Fields and their values; none for a key that is not there or holds something else (HGETALL)."""
        return dict(self._entries(key, "hash", now_ms))

    def string(self, key: str, now_ms: int) -> str | None:
        """GET."""
        return next((value for _, value in self._entries(key, "string", now_ms)), None)

    def stream(self, key: str, now_ms: int) -> list[tuple[str, dict[str, str]]]:
        """(id, fields) of all entries, in order (XRANGE)."""
        return [(name, json.loads(value)) for name, value in self._entries(key, "stream", now_ms)]

    def keys(self, now_ms: int, pattern: str = "*") -> dict[str, str]:
        """Keys that match, with the kinds of their values: string, hash or stream (SCAN, TYPE)."""
        query = f"""SELECT DISTINCT key, kind FROM entries
                    WHERE database = ? AND key GLOB ? AND {_LIVING} ORDER BY key"""
        with connected(self._path) as connection:
            return dict(connection.execute(query, (self._database, pattern, now_ms)))

    def _entries(self, key: str, kind: str, now_ms: int) -> list[tuple[str, str]]:
        query = f"""SELECT name, value FROM entries
                    WHERE database = ? AND key = ? AND kind = ? AND {_LIVING} ORDER BY place"""
        with connected(self._path) as connection:
            return connection.execute(query, (self._database, key, kind, now_ms)).fetchall()


class _Commands:
    """Commands within one transaction."""

    def __init__(self, connection: sqlite3.Connection, database: int, now_ms: int) -> None:
        self._connection, self._database, self._now_ms = connection, database, now_ms
        self._does: Mapping[str, Callable[..., None]] = {
            "DEL": self._delete, "SET": self._set, "HSET": self._set_fields, "EXPIRE": self._expire, "XADD": self._add,
        }  # fmt: skip

    def execute(self, name: str | int, key: str | int, *arguments: str | int) -> WrongKindError | None:
        try:
            self._does[str(name)](str(key), *map(str, arguments))
        except WrongKindError as error:
            return error
        return None

    def _delete(self, key: str) -> None:
        self._connection.execute("DELETE FROM entries WHERE database = ? AND key = ?", (self._database, key))

    def _set(self, key: str, value: str) -> None:
        self._delete(key)
        self._connection.execute(_PUT, (self._database, key, "string", "", value, None))

    def _set_fields(self, key: str, *fields: str) -> None:
        expires = self._expiry(key, "hash")
        rows = [
            (self._database, key, "hash", name, value, expires)
            for name, value in zip(fields[::2], fields[1::2], strict=True)
        ]
        self._connection.executemany(_PUT, rows)

    def _expire(self, key: str, seconds: str) -> None:
        if int(seconds) <= 0:
            self._delete(key)
        query = "UPDATE entries SET expires_ms = ? WHERE database = ? AND key = ?"
        self._connection.execute(query, (self._now_ms + int(seconds) * 1000, self._database, key))

    def _add(self, key: str, _any_id: str, *fields: str) -> None:
        """The id is the time and a number, greater than that of the entry before."""
        expires = self._expiry(key, "stream")
        query = "SELECT name FROM entries WHERE database = ? AND key = ? ORDER BY place DESC LIMIT 1"
        last = self._connection.execute(query, (self._database, key)).fetchone()
        at_ms, number = map(int, last[0].split("-")) if last else (0, -1)
        entry = f"{self._now_ms}-0" if self._now_ms > at_ms else f"{at_ms}-{number + 1}"
        value = json.dumps(dict(zip(fields[::2], fields[1::2], strict=True)), ensure_ascii=False)
        self._connection.execute(_PUT, (self._database, key, "stream", entry, value, expires))

    def _expiry(self, key: str, kind: str) -> int | None:
        """When a key goes, None for never. Raises `WrongKindError` if it holds something else."""
        query = "SELECT kind, expires_ms FROM entries WHERE database = ? AND key = ? LIMIT 1"
        found = self._connection.execute(query, (self._database, key)).fetchone()
        if found is None:
            return None
        if found[0] != kind:
            raise WrongKindError(f"The key {key} holds a {found[0]}, not a {kind}")
        expires: int | None = found[1]
        return expires
