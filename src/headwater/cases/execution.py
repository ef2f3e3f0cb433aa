"""Executes one run: picks the suite's runner, watches the time, and turns what must not happen into a verdict."""

from __future__ import annotations

import asyncio
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from headwater.cases.model import Outcome, Result, Run, Suite, Verdict
from headwater.cases.qtt import run_query_test
from headwater.cases.rest import run_rest_test
from headwater.cases.schema import run_schema_test
from headwater.cases.sql import run_script_test
from headwater.core.errors import HeadwaterError
from headwater.plan.functions import FunctionRegistry

TIME_LIMIT_SECONDS = 20.0
"""For one run. The slowest take a tenth of a second; a machine may be busy."""

_GRACE_SECONDS = 2.0
"""From the loop's own time-out, which ends a run gently and takes its time, to the interrupt wherever the run is."""

RunnerOf = Callable[[Run, FunctionRegistry], Awaitable[Outcome]]

_RUNNERS: dict[Suite, RunnerOf] = {
    Suite.QTT: run_query_test,
    Suite.CASES: run_query_test,
    Suite.REST: run_rest_test,
    Suite.SCHEMA: run_schema_test,
    Suite.SQL: run_script_test,
}


class _TimeIsUp(BaseException):
    """Raised wherever the run is; not an `Exception`, so that nothing takes it for a bad record."""


def execute(run: Run, functions: FunctionRegistry, time_limit: float = TIME_LIMIT_SECONDS) -> Result:
    """Run a case to its verdict; never raises for what the case or the engine does."""
    started = time.perf_counter()
    outcome = Outcome(Verdict.SKIPPED, "skip", run.skip) if run.skip else _outcome(run, functions, time_limit)
    return Result(run.suite, run.case, run.name, outcome, time.perf_counter() - started)


def _outcome(run: Run, functions: FunctionRegistry, time_limit: float) -> Outcome:
    try:
        with asyncio.Runner() as runner, _limited(time_limit):
            return runner.run(_run(run, functions, time_limit))
    except (TimeoutError, _TimeIsUp):
        return Outcome(Verdict.CRASH, "crash", f"not done after {time_limit:g} s")
    except HeadwaterError as error:
        return Outcome(Verdict.FAILED, "fail-setup", f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this run's verdict
        return Outcome(Verdict.CRASH, "crash", _summary(error))


async def _run(run: Run, functions: FunctionRegistry, time_limit: float) -> Outcome:
    async with asyncio.timeout(time_limit):
        return await _RUNNERS[run.suite](run, functions)


def _summary(error: BaseException) -> str:
    """The error and the innermost place it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].name} in {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt code that never gives up the loop, where the platform can."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_signal: int, _frame: object) -> None:
        raise _TimeIsUp

    previous = signal.signal(signal.SIGALRM, ring)
    before = signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, *before)
