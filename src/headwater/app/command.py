"""Running a node as a process: settings, signals, and what is printed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headwater.app.logs import log_to_stderr
from headwater.app.loop import loop_factory, tune_process
from headwater.app.node import Node
from headwater.core.config import load
from headwater.core.settings import Settings

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_node(config: Path | None, overrides: Mapping[str, Any]) -> None:
    """Run a node until SIGINT or SIGTERM. Raises `ConfigError` or `StartupError` if it does not start.

    A second signal ends the process without waiting.
    """
    settings = load(config, os.environ, overrides)
    log_to_stderr(settings.node.log_level, settings.node.log_format)
    tune_process()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(settings))


async def _run(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, _stop, loop, stop)
    node = Node(settings)
    stopping = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(node.start())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            for endpoint in node.endpoints:
                sys.stdout.write(f"{endpoint.name:<8} {endpoint.address}\n")
            sys.stdout.flush()
            await stopping
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.wait((starting, stopping))
        await node.close()


async def until_stopped() -> None:
    """Return at SIGINT or SIGTERM; a second one ends the process."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, _stop, loop, stop)
    await stop.wait()


def _stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    stop.set()
    for number in STOP_SIGNALS:
        loop.remove_signal_handler(number)
