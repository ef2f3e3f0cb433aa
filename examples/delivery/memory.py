"""A database of dictionaries that remembers every change: what the captured changes are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from databases import NoSuchRow, Transaction, row_of
from model import TABLES, Row


@dataclass(frozen=True)
class Change:
    """A row inserted (`op` "c"), updated ("u") or deleted ("d"), with the row `before` and `after`."""

    table: str
    op: str
    before: Row | None
    after: Row | None
    transaction: int


class MemoryDatabase:
    """Tables of rows by id, and all changes in order."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, Row]] = {name: {} for name in TABLES}
        self.changes: list[Change] = []
        self._numbers = dict.fromkeys(TABLES, 0)
        self._transactions = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._transactions += 1
        yield self

    def rows(self, table: str) -> list[Row]:
        return list(self.tables[table].values())

    def drop(self) -> None:
        self.__init__()

    def insert(self, table: str, values: Mapping[str, Any]) -> Row:
        self._numbers[table] += 1
        row = row_of(table, dict.fromkeys(TABLES[table]) | dict(values) | {"id": self._numbers[table]})
        return self._keep(table, "c", None, row)

    def update(self, table: str, number: int, values: Mapping[str, Any]) -> Row:
        before = self.get(table, number)
        return self._keep(table, "u", before, row_of(table, before | dict(values)))

    def delete(self, table: str, number: int) -> None:
        before = self.get(table, number)
        del self.tables[table][number]
        self.changes.append(Change(table, "d", before, None, self._transactions))

    def get(self, table: str, number: int) -> Row:
        if number not in self.tables[table]:
            raise NoSuchRow(f"There is no row {number} in {table}")
        return self.tables[table][number]

    def _keep(self, table: str, op: str, before: Row | None, after: Row) -> Row:
        self.tables[table][after["id"]] = after
        self.changes.append(Change(table, op, before, after, self._transactions))
        return after
