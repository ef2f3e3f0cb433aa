"""`BackgroundLoop`: an event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from headwater.app.loop import loop_factory
from headwater.library.errors import ClosedError

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for other threads until `stop`. The thread is a daemon: it never keeps a process alive."""

    def __init__(self, name: str) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()
        self._begun.wait()

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._begun.set()
        await self._end.wait()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work to its end and return or raise what it does.

        When the waiting thread is interrupted, by Ctrl-C for example, the work is cancelled. Raises `ClosedError` after
        `stop`.
        """
        if self._loop is None:
            work.close()
            raise ClosedError("The node was closed.")
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a node's own event loop cannot wait for it: use AsyncNode there")
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise ClosedError("The node was closed meanwhile.") from None
        except BaseException:
            future.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Run the work without waiting for it; nothing happens after `stop`."""
        if self._loop is None:
            work.close()
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def is_running(self) -> bool:
        """Whether `stop` has not been called."""
        return self._loop is not None

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller runs inside this loop: the garbage collector may."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """Cancel what runs, and end the thread. Nothing happens the second time."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
