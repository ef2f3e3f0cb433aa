"""Azurite, Microsoft's stand-in for Azure Blob Storage: fetched with npm once, then run on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest

from tests.kafka_fixture import CannotRunError, cache_folder
from tests.ports import take_ports

VERSION = "3.37.0"
ACCOUNT = "headwater"
KEY = "aGVhZHdhdGVyIHRlc3RzIG9ubHksIG5vdCBhIHNlY3JldA=="
_NPM_SECONDS = 300
_START_SECONDS = 30


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with `ACCOUNT` and `KEY`. Skips where it cannot be had."""
    try:
        folder = _installed()
    except CannotRunError as error:
        if os.environ.get("HEADWATER_CI") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    (port,) = take_ports(1)
    place = tmp_path_factory.mktemp("azurite")
    script = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    command = ["node", str(script), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(place),
               "--silent", "--skipApiVersionCheck", "--disableTelemetry"]  # fmt: skip
    with (place / "log").open("wb") as log:
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=place)
    try:
        end = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if time.monotonic() > end or process.poll() is not None:
                pytest.fail(f"Azurite does not start: {(place / 'log').read_text()[-1000:]}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _installed() -> Path:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise CannotRunError(f"needs the command `{program}`, which is not installed")
    folder = cache_folder() / f"azurite-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "complete").exists():
            command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent",
                       "--ignore-scripts", f"azurite@{VERSION}"]  # fmt: skip
            try:
                result = subprocess.run(command, capture_output=True, text=True, timeout=_NPM_SECONDS, check=False)
            except subprocess.TimeoutExpired as error:
                raise CannotRunError(f"npm did not fetch Azurite in {_NPM_SECONDS} s") from error
            if result.returncode:
                raise CannotRunError(f"npm could not fetch Azurite: {result.stderr[-300:]}")
            (folder / "complete").touch()
    return folder


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
