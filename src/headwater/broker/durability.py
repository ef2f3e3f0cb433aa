"""Answers that wait for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from headwater.core.errors import HeadwaterError
from headwater.log.log import Log

T = TypeVar("T")


def when_durable(log: Log, value: T, failed: Callable[[T, HeadwaterError], T]) -> asyncio.Future[T]:
    """A future of `value`, done once what was appended before is durable; of `failed(value, error)` if it cannot be."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(error: HeadwaterError | None) -> None:
        if not future.done() and not loop.is_closed():
            future.set_result(value if error is None else failed(value, error))

    log.when_durable(settle)
    return future
