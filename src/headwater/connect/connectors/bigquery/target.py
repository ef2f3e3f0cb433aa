"""Where rows go: a project of BigQuery, or the datasets inside the node."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from headwater.connect.connectors.bigquery.fields import BigQueryField, Fields
from headwater.connect.connectors.bigquery.merge import key_names
from headwater.connect.connectors.bigquery.rows import Row
from headwater.connect.connectors.bigquery.settings import Partitioning
from headwater.connect.embedded.datasets import DatasetStore, Keyed, NoTableError
from headwater.connect.errors import RetriableError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Refusal:
    """A row, by its place in the batch, that the target does not take."""

    index: int
    reason: str


@dataclass(frozen=True)
class TableName:
    """A table. `partition` is the decorator of rows that go into one of its partitions (`20240131`)."""

    dataset: str
    table: str
    partition: str = ""

    def __str__(self) -> str:
        return f"{self.dataset}.{self.table}"


class Target(Protocol):
    """Takes rows. All methods raise `RetriableError` if it is away, `ConnectError` if it never will do it."""

    async def check(self, dataset: str) -> None:
        """Whether the login works and the dataset is there."""
        ...

    async def fields(self, name: TableName) -> Fields | None:
        """The columns of a table; None if there is none."""
        ...

    async def create(self, name: TableName, fields: Fields, partitioning: Partitioning) -> None:
        """Make a table, unless it is there already."""
        ...

    async def widen(self, name: TableName, fields: Fields) -> None:
        """Give a table these columns, which are all that it has and more."""
        ...

    async def insert(self, name: TableName, rows: Sequence[Row]) -> list[Refusal]:
        """Add rows; a row that was added a moment ago under the same id is not added again."""
        ...

    async def merge(self, name: TableName, fields: Fields, rows: Sequence[Row]) -> list[Refusal]:
        """Replace or delete the rows of keys, each key once."""
        ...

    async def close(self) -> None: ...


class EmbeddedTarget:
    """Tables inside the node, in one SQLite file."""

    def __init__(self, folder: Path) -> None:
        self._store = DatasetStore(folder)

    async def check(self, dataset: str) -> None:
        return

    async def fields(self, name: TableName) -> Fields | None:
        held = await _done(self._store.columns, name.dataset, name.table)
        return None if held is None else tuple(BigQueryField.of(one) for one in held)

    async def create(self, name: TableName, fields: Fields, partitioning: Partitioning) -> None:
        await self.widen(name, fields)

    async def widen(self, name: TableName, fields: Fields) -> None:
        await _done(self._store.define, name.dataset, name.table, [one.api() for one in fields])

    async def insert(self, name: TableName, rows: Sequence[Row]) -> list[Refusal]:
        values = [(row.id, row.values or {}) for row in rows]
        refused = await _done(self._store.insert, name.dataset, name.table, values)
        return [Refusal(index, reason) for index, reason in refused]

    async def merge(self, name: TableName, fields: Fields, rows: Sequence[Row]) -> list[Refusal]:
        keyed = [Keyed(row.key, row.values) for row in rows]
        refused = await _done(self._store.merge, name.dataset, name.table, key_names(rows), keyed)
        return [Refusal(index, reason) for index, reason in refused]

    async def close(self) -> None:
        return


async def _done(function: Callable[..., _T], *arguments: Any) -> _T:
    """What a call of the store returns. A file that is locked or full may take it later, and so may a table that
    somebody has dropped, once it is made again."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except (sqlite3.OperationalError, NoTableError) as error:
        raise RetriableError(f"The datasets inside the node: {error}") from error
