"""SPOOL: what the session writes goes to a file, too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TextIO

from headwater.cli.sql.outputs import Stream
from headwater.core.errors import ConfigError

_STYLE = re.compile(r"\x1b\[[0-9;]*m|\r")


class Spool:
    """A stream that passes everything on, and copies it to a file while one is open: without colours there."""

    def __init__(self, target: Stream) -> None:
        self._target = target
        self._path = ""
        self._file: TextIO | None = None

    def start(self, path: Path) -> None:
        """Copy into this file from now on; what it held is replaced. Raises `ConfigError` if that is not possible."""
        if self._file is not None:
            raise ConfigError(f"the output is being spooled to {self._path} already: SPOOL OFF ends that")
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot spool to {path}: {error.strerror or error}") from error
        self._path = str(path)

    def stop(self) -> None:
        """Close the file. Nothing happens when none is open."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def record(self, text: str) -> None:
        """A line for the file alone: what was entered, and errors, which go elsewhere on the screen."""
        self._copy(f"{text}\n")

    def write(self, text: str, /) -> int:
        self._copy(_STYLE.sub("", text))
        return self._target.write(text)

    def flush(self) -> None:
        self._target.flush()

    def isatty(self) -> bool:
        return self._target.isatty()

    def _copy(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(text)
            self._file.flush()  # a reader follows the file while a push query runs
        except OSError as error:
            self._file = None
            raise ConfigError(f"spooling to {self._path} has ended: {error.strerror or error}") from error
