"""`AsyncQuery`: the rows of one query, as they come or all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Self

from headwater.core.schema import Column
from headwater.library.errors import ClosedError
from headwater.library.rows import Row, Rows
from headwater.library.server import Answer


class AsyncQuery:
    """`await query` gives all rows of a query that ends; `async for row in query` gives each as it comes.

    The query begins with the first of these. It ends by itself, or when the loop over it ends in whatever way; `async
    with query:` ends it at a certain place.
    """

    def __init__(self, opener: Callable[[], Awaitable[Answer]]) -> None:
        self._opener: Callable[[], Awaitable[Answer]] | None = opener
        self._opening = asyncio.Lock()
        self._answer: Answer | None = None
        self._closed = False

    async def open(self) -> Answer:
        """Begin the query unless it runs already. Raises `StatementError`; `ClosedError` if it was closed."""
        async with self._opening:
            if self._closed:
                raise ClosedError("The query was closed.")
            if self._answer is None:
                assert self._opener is not None
                self._answer, self._opener = await self._opener(), None
            return self._answer

    async def columns(self) -> tuple[Column, ...]:
        """Names and SQL types of the columns."""
        return (await self.open()).columns

    async def next_rows(self) -> list[Row]:
        """The next rows, at least one, waiting for them; [] at the end."""
        if self._closed:
            return []
        return await (await self.open()).next_rows()

    async def rows(self) -> Rows:
        """All rows from here to the query's end: its LIMIT, or the last row of a pull query."""
        answer = await self.open()
        rows: list[Row] = []
        try:
            while batch := await answer.next_rows():
                rows += batch
        finally:
            await self.close()
        return Rows(answer.columns, rows)

    def __await__(self) -> Generator[Any, None, Rows]:
        return self.rows().__await__()

    async def __aiter__(self) -> AsyncGenerator[Row, None]:
        try:
            while rows := await self.next_rows():
                for row in rows:
                    yield row
        finally:
            await self.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the query; its loop sees the end. Nothing happens the second time."""
        self._closed = True
        if self._answer is not None:
            await self._answer.close()
