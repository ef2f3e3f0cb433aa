"""Clients in other languages: our programs for them are built once per content, into the cache, and run from there."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from fcntl import LOCK_EX, flock
from pathlib import Path

from tests.kafka_fixture import CannotRunError, cache_folder

HERE = Path(__file__).parent
BUILD_SECONDS = 600
"""A first build fetches and compiles every library, on a small machine beside other tests."""


def go_program() -> list[str]:
    """The command of the Go program. Raises `CannotRunError`."""

    def build(folder: Path) -> None:
        _command(["go", "build", "-o", str(folder / "compat"), "."], HERE / "go")

    return [str(_built("go", "go", HERE / "go", ("go.mod", "go.sum", "main.go"), build) / "compat")]


def node_program(script: str = "compat.js") -> list[str]:
    """The command of a Node.js program. Raises `CannotRunError`."""
    names = ("package.json", "package-lock.json", "compat.js", "registry.js")
    if shutil.which("node") is None:
        raise CannotRunError("needs Node.js (the command `node`), which is not installed")

    def build(folder: Path) -> None:
        for name in names:
            shutil.copy(HERE / "node" / name, folder)
        _command(["npm", "ci", "--no-audit", "--no-fund", "--silent"], folder)

    return ["node", str(_built("node", "npm", HERE / "node", names, build) / script)]


def faust_worker() -> list[str]:
    """The command of a Faust worker, in an environment of its own. Raises `CannotRunError`."""
    return [_python_with_requirements("faust"), str(HERE / "faust" / "copying.py")]


def librdkafka21_program() -> list[str]:
    """The command of the program for confluent-kafka 2.1.1, in an environment of its own. Raises `CannotRunError`."""
    return [_python_with_requirements("librdkafka21"), str(HERE / "librdkafka21" / "program.py")]


def _python_with_requirements(name: str) -> str:
    """The Python of an environment with what the folder's `requirements.txt` names."""

    def build(folder: Path) -> None:
        _command([sys.executable, "-m", "venv", str(folder)], folder)
        requirements = HERE / name / "requirements.txt"
        _command([str(folder / "bin" / "pip"), "install", "--quiet", "-r", str(requirements)], folder)

    return str(_built(name, sys.executable, HERE / name, ("requirements.txt",), build) / "bin" / "python")


def _built(name: str, tool: str, source: Path, files: Sequence[str], build: Callable[[Path], None]) -> Path:
    """The folder in the cache that holds what `build` makes of these files."""
    if shutil.which(tool) is None:
        raise CannotRunError(f"needs the command `{tool}`, which is not installed")
    digest = hashlib.sha256(b"".join((source / file).read_bytes() for file in files)).hexdigest()[:16]
    folder = cache_folder() / f"compat-{name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "complete").exists():
            build(folder)
            (folder / "complete").touch()
    return folder


def _command(command: list[str], folder: Path) -> None:
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
            env=dict(os.environ),
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRunError(f"`{' '.join(command)}` took more than {BUILD_SECONDS} s") from error
    if result.returncode:
        raise CannotRunError(f"`{' '.join(command)}` failed: {(result.stderr or result.stdout).strip()[-500:]}")
