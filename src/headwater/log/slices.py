"""Long work as a generator that yields where others may go on: run it at once, or in slices on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

_SLICE_S = 0.005
"""How long others wait: short beside the time of a sync or of a round trip, long beside that of a turn of the loop."""


def run(steps: Generator[None, None, T]) -> T:
    """Do all the steps now; returns and raises what the generator does."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


UPKEEP_SLICE_S = 0.001
"""For work that nobody waits for: a request takes several turns of the loop, and would wait for a slice in each."""


async def run_in_slices(steps: Generator[None, None, T], slice_s: float = _SLICE_S) -> T:
    """Do the steps, letting the event loop work every few ms; returns and raises what the generator does.

    The first step starts without waiting, so what the caller looked up just before still holds in it.
    """
    pause_at = time.perf_counter() + slice_s
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if time.perf_counter() >= pause_at:
            await asyncio.sleep(0)
            pause_at = time.perf_counter() + slice_s
