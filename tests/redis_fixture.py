"""A Redis server of Debian's package, on a free port, for the tests of a session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import take_ports

PASSWORD = "secret word"
_START_SECONDS = 15


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that wants `PASSWORD`. Skips without the program."""
    program = shutil.which("redis-server")
    if program is None:
        reason = "needs Redis (the command `redis-server`), which is not installed"
        if os.environ.get("HEADWATER_CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    (port,) = take_ports(1)
    folder: Path = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--requirepass",
               PASSWORD]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        end = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if time.monotonic() > end or process.poll() is not None:
                pytest.fail(f"redis-server does not start: {(folder / 'log').read_text()[-1000:]}")
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
