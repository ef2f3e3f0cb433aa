"""Work in the background that must not end unseen: a task that repeats something for as long as its owner lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from headwater.core.clock import Clock

_LOGGER = logging.getLogger(__name__)
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 1.0, 60.0
"""How long to wait after a round that failed; twice as long after each further one."""


class Supervised:
    """Runs `round` again and again. A round that fails, in whatever way, is logged, and the next one comes later."""

    def __init__(self, name: str, clock: Clock, round_: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        """As /healthcheck shows it."""
        self.problem: str | None = None
        """Why the last round failed; None when it did not, or was not yet completed."""
        self._clock = clock
        self._round = round_
        self._task: asyncio.Task[None] | None = None

    @property
    def healthy(self) -> bool:
        """Whether the work goes on, or has not been started."""
        return self.problem is None and (self._task is None or not self._task.done())

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def close(self) -> None:
        """Cancel the round under way and end. May be called at any time, also twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                await self._round()
            except Exception as error:  # also defects: nobody else would see them
                self.problem = str(error) or type(error).__name__
                _LOGGER.exception("%s failed; it goes on in %g s", self.name, backoff)
                await self._clock.sleep(backoff)
                backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)
            else:
                self.problem = None
                backoff = FIRST_BACKOFF_SECONDS
