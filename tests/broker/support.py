"""What broker tests share: time that moves when told to, and a storage of groups in memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from headwater.core.errors import LogError


@dataclass(order=True)
class ManualTimer:
    at: float
    number: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class ManualTime:
    """A clock and timers in one: `advance` moves the clock and makes the calls that are due, in order."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self._timers: list[ManualTimer] = []
        self._numbers = count()

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError("the broker waits with timers only")

    def call_later(self, delay: float, callback: Callable[[], None], /) -> ManualTimer:
        timer = ManualTimer(self.now + delay, next(self._numbers), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._timers and self._timers[0].at <= end:
            timer = heapq.heappop(self._timers)
            self.now = max(self.now, timer.at)
            if not timer.cancelled:
                timer.callback()
        self.now = end

    @property
    def armed(self) -> int:
        """How many timers would still fire."""
        return sum(not timer.cancelled for timer in self._timers)


class MemoryGroups:
    """Keeps groups as `OffsetStore` does."""

    def __init__(self) -> None:
        self.values: dict[str, dict[bytes, bytes]] = {}
        self.failure: LogError | None = None
        """Raised by the next writes while it is set."""

    def store_group(self, group: str, records: Mapping[bytes, bytes | None]) -> None:
        if self.failure is not None:
            raise self.failure
        known = self.values.setdefault(group, {})
        known.update({key: value for key, value in records.items() if value is not None})
        for key, value in records.items():
            if value is None:
                known.pop(key, None)
        if not known:
            del self.values[group]

    def group_records(self) -> Mapping[str, Mapping[bytes, bytes]]:
        return self.values
