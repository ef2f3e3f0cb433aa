"""Connections to the SQLite files of embedded services: one for each call, because calls come from several threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_WAIT_S = 10.0
"""Longest wait for another process that is writing."""


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose statements are transactions of their own, unless `BEGIN` is executed.

    What is committed is on disk: connectors commit their offsets behind it.
    """
    with closing(sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        yield connection


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in a transaction: all or nothing of what is done with it, and nobody else writes meanwhile."""
    with connected(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
