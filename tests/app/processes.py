"""A real `headwater` process for tests: started, awaited by what it prints, stopped by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 20.0


def command(*arguments: str) -> list[str]:
    """The command line of `headwater` in this checkout, warnings being errors as in the tests."""
    return [sys.executable, "-c", "from headwater.cli.main import main; main()", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without any HEADWATER_ setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1", **(extra or {})}


def run(*arguments: str, env: Mapping[str, str] | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments),
        env=environment(env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


@dataclass
class Running:
    """A started node; `endpoints` is what it printed, by name."""

    process: subprocess.Popen[str]
    endpoints: dict[str, str] = field(default_factory=dict)

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; the exit code and what was written to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=STOP_SECONDS)
        return self.process.returncode, errors


@contextmanager
def headwater_up(
    *arguments: str, expect: Sequence[str] = ("kafka", "ksqldb"), env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """`headwater up` with free ports, once it has printed all endpoints; killed at the end if it still runs."""
    process = subprocess.Popen(
        command("up", "--free-ports", *arguments),
        env=environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Running(process)
    try:
        _await_endpoints(running, expect)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _await_endpoints(running: Running, expect: Sequence[str]) -> None:
    out = running.process.stdout
    if out is None:
        raise RuntimeError("the process has no output")
    watchdog = Timer(START_SECONDS, running.process.kill)
    watchdog.start()
    try:
        while set(expect) - set(running.endpoints):
            line = out.readline()
            if not line:
                raise RuntimeError(f"headwater up did not start: {running.process.communicate()[1]}")
            name, address = line.split()
            running.endpoints[name] = address
    finally:
        watchdog.cancel()
