"""What of the node's machine a connector's configuration may reach: files, by their folders, and variables of the
environment.

Keys that name a file or folder say so in their declaration (`Key.path`); `${file:…}`, `${directory:…}` and `${env:…}`
stand in values. Both are looked at when a configuration is validated, and again when a task starts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headwater.connect.config import PLACEHOLDER, ConfigDef
from headwater.connect.errors import ConnectError
from headwater.connect.providers import Placeholder, placeholders

PathOf = Callable[[str, Path], Path | None]
"""From a value, and the folder of embedded services, to the file or folder that it names; None if it names none."""
_SQLITE = re.compile(r"(?:jdbc:)?(?:sqlite|duckdb)(?:\+\w+)?:(?://[^/]*(?:/|$))?(?:file:)?([^?;]*)", re.I)


def a_file(text: str, _services: Path) -> Path | None:
    """A path; relative ones are in the working directory."""
    return Path(text) if text else None


def a_service_file(text: str, services: Path) -> Path | None:
    """A path; relative ones are among the node's embedded data."""
    return services / text


def a_file_url(text: str, _services: Path) -> Path | None:
    """`file:///folder`; other URLs name no file."""
    return Path(unquote(urlsplit(text).path)) if text.startswith("file:") else None


def a_database_file(text: str, _services: Path) -> Path | None:
    """The file of an address such as `jdbc:sqlite:/path` or `sqlite:///path`; other databases are no files."""
    match = _SQLITE.match(text)
    return None if match is None or match[1] in ("", ":memory:") else Path(match[1])


@dataclass(frozen=True)
class Allowed:
    """`folders` None: every file; the folder of embedded services always is. `variables` are patterns of names."""

    folders: Sequence[Path] | None = None
    variables: Sequence[str] = ("*",)

    @classmethod
    def of(cls, paths: str, variables: str, *, trusted: bool) -> Allowed:
        """From the settings, names separated by commas. Where one is empty: everything if `trusted`, else nothing."""
        folders, patterns = (
            [part.strip() for part in text.split(",") if part.strip()] or (["*"] if trusted else [])
            for text in (paths, variables)
        )
        return cls(None if "*" in folders else tuple(map(Path, folders)), tuple(patterns))

    def problems(self, definition: ConfigDef, given: Mapping[str, str], services: Path) -> dict[str, str]:
        """What must not be reached, by key. Values that are still to be looked up are not paths yet."""
        found: dict[str, str] = {}
        for key, value in given.items():
            for placeholder in placeholders(value):
                if (problem := self._problem_of(placeholder)) is not None:
                    found[key] = f"{placeholder.text}: {problem}"
        for key, path in _paths(definition, given, services):
            if not self._covers(path, services):
                found[key] = f"Invalid value for configuration {key}: {self._refusal()}"
        return found

    def check(self, definition: ConfigDef, given: Mapping[str, str], services: Path) -> None:
        """Raises `ConnectError` for the first that must not be reached."""
        for problem in self.problems(definition, given, services).values():
            raise ConnectError(problem)

    def _problem_of(self, placeholder: Placeholder) -> str | None:
        if placeholder.provider == "env":
            if any(fnmatchcase(placeholder.key, pattern) for pattern in self.variables):
                return None
            return "this variable is not for connectors; the setting connect.allowed_variables says which are"
        path = Path(placeholder.path)
        path = path / placeholder.key if placeholder.provider == "directory" else path
        return None if self._covers(path, None) else self._refusal()

    def _covers(self, path: Path, services: Path | None) -> bool:
        if self.folders is None:
            return True
        real = Path(os.path.realpath(path))
        folders = [*self.folders, *([] if services is None else [services])]
        return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)

    def _refusal(self) -> str:
        folders = ", ".join(map(str, self.folders or ())) or "none but those of the node's embedded services"
        return f"connectors may not touch this file; the setting connect.allowed_paths has their folders: {folders}"


def _paths(definition: ConfigDef, given: Mapping[str, str], services: Path) -> Iterator[tuple[str, Path]]:
    for name, value in given.items():
        key = definition.keys.get(definition.canonical(name))
        if key is not None and key.path is not None and PLACEHOLDER.search(value) is None:
            path = key.path(value, services)
            if path is not None:
                yield name, path
