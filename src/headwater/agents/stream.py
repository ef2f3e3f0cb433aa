"""`Stream`: the records of a partition for an asynchronous agent, handed out while its slice lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, TypeVar

from headwater.agents.context import Context
from headwater.log.slices import SLICE_SECONDS, next_turn
from headwater.wire.records import Record as RawRecord

T = TypeVar("T")


class Stream(AsyncIterator[T], Generic[T]):
    """What an agent iterates over, without end. Asking for the next record says that the last one is done."""

    def __init__(
        self, context: Context, decode: Callable[[bytes | None], T], done: Callable[[RawRecord], None],
        failed: Callable[[RawRecord, Exception], None],
    ) -> None:  # fmt: skip
        self.context = context
        """The same as `current()` in the agent."""
        self.at = 0
        """Which record of the slice comes next: all before are done once the agent is `parked`."""
        self.parked = asyncio.Event()
        self._more = asyncio.Event()
        self._decode = decode
        self._done = done
        self._failed = failed
        self._records: Sequence[RawRecord] = ()
        self._deadline = self._pause_at = 0.0

    def give(self, records: Sequence[RawRecord], at: int, deadline: float) -> None:
        """Let the agent go on with `records[at:]` until the `deadline` (of `time.perf_counter`)."""
        self._records, self.at, self._deadline = records, at, deadline
        self.parked.clear()
        self._more.set()

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        context = self.context
        if context.record is not None:
            self._done(context.record)
            context.record = None
        while True:
            now = time.perf_counter()
            if self.at >= len(self._records) or now >= self._deadline:
                self._more.clear()
                self.parked.set()
                await self._more.wait()
                self._pause_at = time.perf_counter() + SLICE_SECONDS
                continue
            if now >= self._pause_at:
                await next_turn()
                self._pause_at = time.perf_counter() + SLICE_SECONDS
            record = context.record = self._records[self.at]
            self.at += 1
            try:
                return self._decode(record.value)
            except Exception as error:  # noqa: BLE001 - what to do about a bad record is declared
                self._failed(record, error)
                context.record = None
