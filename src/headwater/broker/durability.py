"""Answers that wait for the disk: one wait on the log for all requests that arrived in the meantime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from headwater.core.errors import HeadwaterError
from headwater.log.log import Log

T = TypeVar("T")
Settle = Callable[[HeadwaterError | None], None]


class DurabilityGate:
    """Resolves futures once what was appended before they were made is durable."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._waiting: list[Settle] = []
        self._task: asyncio.Task[None] | None = None

    def hold(self, value: T, failed: Callable[[T, HeadwaterError], T]) -> asyncio.Future[T]:
        """A future of `value`, or of `failed(value, error)` if the records could not be made durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(error: HeadwaterError | None) -> None:
            if not future.done():
                future.set_result(value if error is None else failed(value, error))

        self._waiting.append(settle)
        if self._task is None:
            self._task = loop.create_task(self._run())
        return future

    def close(self) -> None:
        """Stop waiting; futures that are open stay open."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                error = await self._durable()
                for settle in batch:
                    settle(error)
        finally:
            self._task = None

    async def _durable(self) -> HeadwaterError | None:
        try:
            await self._log.durable()
        except HeadwaterError as error:
            return error
        return None
