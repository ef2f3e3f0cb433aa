"""Runs cases in worker processes, each with its own functions, and hands back results as they come."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path

from headwater.cases.execution import TIME_LIMIT_SECONDS, execute
from headwater.cases.model import Result, Run
from headwater.plan.functions import FunctionRegistry
from headwater.plan.functions.extensions import all_functions

_LOGGER = logging.getLogger("headwater")
_CHUNK = 8
"""Runs handed to a worker at a time: few enough to end together, enough to make the hand-over cheap."""


class Workers:
    """`run` may be called once. With one job everything happens in this process."""

    def __init__(self, jobs: int, extensions: Path | None, time_limit: float = TIME_LIMIT_SECONDS) -> None:
        self._jobs = jobs
        self._setup = (extensions, time_limit)

    def run(self, runs: Sequence[Run]) -> Iterator[Result]:
        """The results, in the order in which they become known."""
        if self._jobs == 1 or len(runs) <= _CHUNK:
            level = _LOGGER.level
            try:
                _prepare(*self._setup)
                yield from map(_execute, runs)
            finally:
                _LOGGER.setLevel(level)
            return
        with multiprocessing.get_context("spawn").Pool(self._jobs, _prepare, self._setup) as pool:
            yield from pool.imap_unordered(_execute, runs, _CHUNK)


class _State:
    """What a worker process keeps between runs."""

    functions: FunctionRegistry
    time_limit: float


def _prepare(extensions: Path | None, time_limit: float) -> None:
    # What queries log about bad records and failures is part of many cases; it is judged by what comes out.
    _LOGGER.setLevel(logging.CRITICAL)
    _State.functions = load_functions(extensions)
    _State.time_limit = time_limit


def _execute(run: Run) -> Result:
    return execute(run, _State.functions, _State.time_limit)


def load_functions(extensions: Path | None) -> FunctionRegistry:
    """The functions that a node with these extensions has. Raises `ConfigError`."""
    return all_functions(*([] if extensions is None else [extensions]))
