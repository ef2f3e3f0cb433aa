"""Calling back later: the one thing of an event loop that coordinators need, so that tests can pass in their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that has not happened yet."""

    def cancel(self) -> None: ...


class Timers(Protocol):
    """An asyncio event loop is one."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        """Call back after `delay` seconds, once."""
        ...
