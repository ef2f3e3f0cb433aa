"""`ManualClock`: a clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

START_MS = 1_700_000_000_000
"""Where a manual clock begins unless told otherwise: 2023-11-14T22:13:20Z."""


class ManualClock:
    """A `Clock` for tests: `advance` moves both times and wakes the sleepers whose time has come, earliest first."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._passed_ms = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._passed_ms / 1000

    def set(self, now_ms: int) -> None:
        """Set the wall clock, also back. Neither monotonic time nor sleepers notice, as on a real machine."""
        self._now_ms = now_ms

    def advance(self, ms: int) -> None:
        """Let `ms` milliseconds pass. Sleepers run when the test next awaits."""
        if ms < 0:
            raise ValueError(f"time does not pass backwards: {ms} ms")
        self._now_ms += ms
        self._passed_ms += ms
        while self._sleepers and self._sleepers[0][0] <= self._passed_ms:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Suspend until `advance` has moved that far; at 0 or less others get a turn."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed_ms + round(seconds * 1000), next(self._order), future))
        await future

    @property
    def sleeping(self) -> int:
        """How many sleepers are waiting."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def until_sleeping(self, sleepers: int = 1, turns: int = 1_000) -> None:
        """Let the event loop run until so many sleep. Raises `TimeoutError` after `turns` turns of the loop."""
        for _ in range(turns):
            if self.sleeping >= sleepers:
                return
            await asyncio.sleep(0)
        raise TimeoutError(f"{self.sleeping} instead of {sleepers} tasks sleep after {turns} turns of the event loop")
