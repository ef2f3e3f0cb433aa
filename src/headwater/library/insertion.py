"""`Insertion`: rows on their way into one stream or table, checked and written batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from headwater.library.coercion import InsertRow, RowCoercion, RowLike, Target
from headwater.library.rows import Row
from headwater.library.server import Server

BATCH_ROWS = 1_000
"""A batch is some milliseconds of work between two turns of the event loop."""


class Insertion:
    """One call of `insert`. Rows are taken from their iterable by whoever iterates over `batches`, in its thread."""

    def __init__(self, server: Server, target: Target) -> None:
        self.count = 0
        """Rows written."""
        self._server = server
        self._target = target
        self._coercion = RowCoercion(target)

    def batches(self, rows: Iterable[RowLike] | Mapping[str, Any] | Row) -> Iterator[Sequence[InsertRow]]:
        """The rows, ready to be written. Raises `InsertError` for the first that does not fit."""
        batch: list[InsertRow] = []
        for number, row in enumerate([rows] if isinstance(rows, Mapping | Row) else rows):
            batch.append(self._coercion.row(row, number))
            if len(batch) >= BATCH_ROWS:
                yield batch
                batch = []
        if batch:
            yield batch

    async def write(self, batch: Sequence[InsertRow]) -> None:
        """Write a batch."""
        await self._server.append(self._target, batch)
        self.count += len(batch)
