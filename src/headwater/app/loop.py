"""The event loop that a node runs on, and the interpreter of its process."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable

_SWITCH_SECONDS = 0.0005
"""CPython's 5 ms are as long as all else that a request may wait for while a query is busy; what shorter ones cost is
only paid while a thread waits."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: measured, a fifth to a third more small requests per second than without."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def tune_process() -> None:
    """Suit the interpreter to a process that is a node, or a worker, and nothing else.

    The garbage collector looks for cycles less often: records and state are many small tuples and lists without cycles,
    which reference counting frees. Going through them takes half the time of a stream-stream join with CPython's
    thresholds, which suit programs with few objects. But everybody waits for each look, so the young are looked through
    often, by 10,000 objects that were added: some 2 ms, or 15 for those that have survived once.

    A thread that has waited for the disk goes on sooner: a busy loop gives up the interpreter to it after the switch
    interval, and a sync needs the interpreter several times.
    """
    gc.set_threshold(10_000, 5, 1_000)
    sys.setswitchinterval(_SWITCH_SECONDS)
