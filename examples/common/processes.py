"""Programs of an example as processes of their own, none of which outlives the example."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

CHILD = Path(__file__).parent / "child.py"


def start(*command: str | os.PathLike[str], **options: Any) -> subprocess.Popen[str]:
    """Start a Python program, or `-m` and a module, with its arguments; it ends with this process at the latest."""
    # In a session of its own: Ctrl-C is for this process, which then ends it.
    return subprocess.Popen(
        [sys.executable, "-u", CHILD, *command], stdin=subprocess.PIPE, text=True, start_new_session=True, **options
    )


def stop(*processes: subprocess.Popen[str]) -> None:
    """Ask all to end, and wait until they have."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            pipe.close()


@contextmanager
def program(*command: str | os.PathLike[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """What `start` starts, stopped at the end."""
    process = start(*command, **options)
    try:
        yield process
    finally:
        stop(process)


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP (the terminal was closed) end this process as an exception does: all is cleaned up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _end)


def _end(number: int, _frame: object) -> NoReturn:
    for other in (signal.SIGTERM, signal.SIGHUP):  # one is enough: a second must not disturb the cleaning up
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)
