"""`headwater demo` takes everything with it that it started, however it ends itself."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from headwater.testing.connect_rig import PATIENCE_SECONDS
from tests.app.processes import command, environment

PROCESSES = 5
"""Beside `headwater demo`: the node, the example, its producers."""


def descendants(pid: int) -> dict[int, str]:
    """The processes that come of one, with the time of their start, which tells them from later ones of the number."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1]), fields[19]
    found: dict[int, str] = {}
    new = {pid}
    while new:
        new = {one for one, (parent, _) in parents.items() if parent in new}
        found |= {one: parents[one][1] for one in new}
    return found


def alive(processes: dict[int, str]) -> list[int]:
    left = []
    for pid, started in processes.items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and fields[19] == started:
            left.append(pid)
    return left


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_of_a_demo_outlives_it(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen(
        command("demo", "service-management"), env=environment({"TMPDIR": str(tmp_path)}),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    started: dict[int, str] = {}
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(started := descendants(demo.pid)) < PROCESSES:
            assert demo.poll() is None, demo.returncode
            assert time.monotonic() < deadline, started
            time.sleep(0.1)
        demo.send_signal(number)
        expected = -number if number == signal.SIGKILL else 128 + number
        assert demo.wait(PATIENCE_SECONDS) == expected
        deadline = time.monotonic() + PATIENCE_SECONDS
        while alive(started) and (number == signal.SIGKILL and time.monotonic() < deadline):
            time.sleep(0.1)
        assert alive(started) == []
        if number != signal.SIGKILL:
            assert list(tmp_path.glob("headwater-services-*")) == []
    finally:
        demo.kill()
        demo.wait()
        for pid in alive(started):
            os.kill(pid, signal.SIGKILL)
