"""A small database in memory that remembers every change, as change data capture of a real one would report them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A row inserted (`op` "c"), updated ("u") or deleted ("d"), with the row `before` and `after`; `at` in ms."""

    table: str
    op: str
    before: Row | None
    after: Row | None
    tx_id: int
    at: int


class Database:
    """Tables of rows by id. Changes between two calls of `transaction` have one transaction id and one time."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, Row]] = defaultdict(dict)
        self._last_id: dict[str, int] = defaultdict(int)
        self._changes: list[Change] = []
        self._tx_id = 1000
        self._at = 0

    def transaction(self, at: int) -> None:
        self._tx_id += 1
        self._at = at

    def insert(self, table: str, **values: Any) -> int:
        """Returns the row's id; `created_at` and `updated_at` are filled in."""
        self._last_id[table] += 1
        number = self._last_id[table]
        row = {"id": number, **values, "created_at": iso(self._at), "updated_at": iso(self._at)}
        self._keep(table, "c", None, row)
        return number

    def update(self, table: str, number: int, **values: Any) -> None:
        before = self.tables[table][number]
        self._keep(table, "u", before, before | values | {"updated_at": iso(self._at)})

    def delete(self, table: str, number: int) -> None:
        before = self.tables[table].pop(number)
        self._changes.append(Change(table, "d", before, None, self._tx_id, self._at))

    def take_changes(self) -> list[Change]:
        """The changes since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def _keep(self, table: str, op: str, before: Row | None, after: Row) -> None:
        self.tables[table][after["id"]] = after
        self._changes.append(Change(table, op, before, after, self._tx_id, self._at))


def iso(at: int) -> str:
    """Milliseconds since 1970 as the text that change data capture makes of a `timestamptz`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
