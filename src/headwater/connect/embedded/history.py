"""How long embedded stores keep their changes: as a database's log, for a while, so that a file does not grow for ever.

Kept are the newest million changes, and of those none for longer than a week. What of a scope (a database of documents,
a table) was forgotten is noted, so that whoever comes back to an older place is told instead of missing something.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from headwater.core.errors import HeadwaterError

MOST_CHANGES = 1_000_000
"""At some 300 bytes a change that is a third of a gigabyte; at a thousand changes a second a quarter of an hour."""
LONGEST_MS = 7 * 24 * 3_600_000
_SURPLUS = 1_000
"""So many are forgotten at once: a look for them costs as much as forgetting some."""
_SURPLUS_MS = 60_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS forgotten (scope TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID;
"""


class HistoryLostError(HeadwaterError):
    """Changes behind the place that was asked for are not kept any more."""


@dataclass(frozen=True)
class History:
    """A store's table `changes`, as SQL says it: the `number` of a change, which grows, its time and its scope."""

    number: str
    at_ms: str
    scope: str
    most: int = MOST_CHANGES
    longest_ms: int = LONGEST_MS

    def trim(self, connection: sqlite3.Connection, now_ms: int) -> None:
        """Forget what is too old or too much. To be called in the transaction of a write."""
        query = f"SELECT {self.number}, {self.at_ms} FROM changes ORDER BY {self.number} LIMIT 1"
        first = connection.execute(query).fetchone()
        if first is None:
            return
        upto = last_number(connection) - self.most
        since = now_ms - self.longest_ms
        if first[1] < since - _SURPLUS_MS:
            upto = max(upto, self._before(connection, since))
        elif first[0] > upto - _SURPLUS:
            return
        connection.execute(
            f"INSERT INTO forgotten SELECT {self.scope}, MAX({self.number}) FROM changes WHERE {self.number} <= ? "
            f"GROUP BY 1 ON CONFLICT (scope) DO UPDATE SET upto = excluded.upto",
            (upto,),
        )
        connection.execute(f"DELETE FROM changes WHERE {self.number} <= ?", (upto,))

    def _before(self, connection: sqlite3.Connection, since_ms: int) -> int:
        """The last number before the first change that is new enough."""
        query = f"SELECT {self.number} FROM changes WHERE {self.at_ms} >= ? ORDER BY {self.number} LIMIT 1"
        found = connection.execute(query, (since_ms,)).fetchone()
        return last_number(connection) if found is None else int(found[0]) - 1

    def check(self, connection: sqlite3.Connection, after: int, scopes: Collection[str]) -> None:
        """Raises `HistoryLostError` if a change of these behind a number is forgotten."""
        for scope, upto in connection.execute("SELECT scope, upto FROM forgotten WHERE upto > ?", (after,)):
            if scope in scopes:
                raise HistoryLostError(f"Changes of {scope} up to {upto} are not kept any more; {after} was read last")


def last_number(connection: sqlite3.Connection) -> int:
    """Of the newest change that there has been; 0 if there was none."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
    return 0 if row is None else int(row[0])
