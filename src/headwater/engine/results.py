"""What a query endpoint is given: rows of a SELECT, or lines of a PRINT, as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum
from typing import Generic, TypeVar

from headwater.engine.rowstream import ResultRow, RowStream

T = TypeVar("T")


class ResultKind(Enum):
    """How a result ends: a push query by LIMIT or by being closed, a pull query when everything is read."""

    PUSH = "PUSH"
    PULL_TABLE = "PULL TABLE"
    PULL_STREAM = "PULL STREAM"


class _Closable(Generic[T]):
    """An async iterator over batches that can be ended from outside while its reader waits."""

    def __init__(self, batches: AsyncIterator[T]) -> None:
        self._batches = batches
        self._waiting: asyncio.Future[T] | None = None
        self._open = True

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if not self._open:
            raise StopAsyncIteration
        self._waiting = asyncio.ensure_future(self._batches.__anext__())
        try:
            return await self._waiting
        except asyncio.CancelledError:
            if self._open:
                self._waiting.cancel()
                raise
            raise StopAsyncIteration from None
        finally:
            self._waiting = None

    def _end(self) -> bool:
        """Wake the reader, who sees the end; False if that was done before."""
        was_open, self._open = self._open, False
        if was_open and self._waiting is not None:
            self._waiting.cancel()
        return was_open


class RowResult(_Closable[Sequence[ResultRow]]):
    """The rows of one SELECT, in batches. `closed` is called once, when the result is closed."""

    def __init__(self, rows: RowStream, kind: ResultKind, sql: str) -> None:
        super().__init__(rows)
        self.kind = kind
        self.sql = sql
        self.query_id = rows.query_id
        self.schema = rows.schema
        self.closed: Callable[[RowResult], object] | None = None
        self.continuation: Callable[[], str] | None = None
        """A token for what comes after the last batch, of queries that have such."""
        self._rows = rows

    @property
    def limit_reached(self) -> bool:
        """Whether it ended because LIMIT was reached."""
        return self._rows.limit_reached

    async def close(self) -> None:
        """End the query. Nothing happens the second time."""
        if self._end():
            await self._rows.close()
            if self.closed is not None:
                self.closed(self)


class PrintResult(_Closable[Sequence[str]]):
    """The lines of one PRINT, in batches. `closed` is called once, when the result is closed."""

    def __init__(self, lines: AsyncIterator[Sequence[str]]) -> None:
        super().__init__(lines)
        self.closed: Callable[[PrintResult], object] | None = None

    async def close(self) -> None:
        """End the PRINT. Nothing happens the second time."""
        if self._end() and self.closed is not None:
            self.closed(self)
