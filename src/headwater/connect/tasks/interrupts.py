"""Waiting that somebody else can end: so that a task pauses and stops at once, and only where nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """The wait was ended by `Interrupts.interrupt`."""


class Interrupts:
    """Of one task."""

    def __init__(self) -> None:
        self._waiting: asyncio.Task[Any] | None = None
        self._interrupted = False

    async def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns or raises. Raises `Interrupted` when `interrupt` was called first: `work` is
        cancelled."""
        self._interrupted = False
        waiting: asyncio.Task[T] = asyncio.ensure_future(work)
        self._waiting = waiting
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._interrupted and waiting.cancelled():
                raise Interrupted from None
            raise
        finally:
            self._waiting = None

    def interrupt(self) -> None:
        """End the wait under way, if there is one."""
        if self._waiting is not None:
            self._interrupted = True
            self._waiting.cancel()
