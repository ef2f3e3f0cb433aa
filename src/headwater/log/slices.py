"""Turns on the event loop for whoever has much to compute: one slice of work, then all that others have to do.

Queries, agents, connectors and long requests compute in slices of `SLICE_SECONDS` and wait for their `next_turn`
between them. A request of a client takes several rounds of the loop (it is read, the disk has it, it is answered), so
what computes does not come back in each of them, but after rounds that belong to the others, and one at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Generator
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

SLICE_SECONDS = 0.002
"""How long others wait: short beside what a client notices, long beside the rounds between two slices, which take some
10 us of the loop when nobody else has anything to do."""
UPKEEP_SLICE_S = 0.001
"""For work that nobody waits for."""
_ROUNDS = 3
"""Rounds of the loop between two slices. The longest way of a request that does not compute itself is three rounds:
read and append; begin to sync, or hear of its end; wake who waits for that and answer."""


class _Turns:
    """Who waits on one event loop, first come first served."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._passing = False

    def wait(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if not self._passing:
            self._passing = True
            loop.call_soon(self._pass, _ROUNDS)
        return turn

    def _pass(self, rounds: int) -> None:
        """Let so many rounds go by; then it is the turn of the first."""
        if rounds == 1:
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.done():  # which it is when who waited was cancelled
                    turn.set_result(None)
                    break
            self._passing = bool(self._waiting)
            rounds = _ROUNDS + 2  # in the first of them the slice runs
        if self._passing:
            asyncio.get_running_loop().call_soon(self._pass, rounds - 1)


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


async def next_turn() -> None:
    """Let others work; return when it is the caller's turn to compute for a slice."""
    loop = asyncio.get_running_loop()
    turns = _TURNS.get(loop)
    if turns is None:
        turns = _TURNS[loop] = _Turns()
    await turns.wait()


def run(steps: Generator[None, None, T]) -> T:
    """Do all the steps now; returns and raises what the generator does."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


async def run_in_slices(steps: Generator[None, None, T], slice_s: float = SLICE_SECONDS) -> T:
    """Do the steps, letting others work in between; returns and raises what the generator does.

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
            await next_turn()
            pause_at = time.perf_counter() + slice_s
