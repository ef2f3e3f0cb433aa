"""What of the node's machine a connector's configuration may reach: files, by their folders, and variables of the
environment.

Keys that name a file or folder say so in their declaration (`Key.path`); `${file:…}`, `${directory:…}` and `${env:…}`
stand in values. Both are looked at when a configuration is validated, and again when a task starts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headwater.connect.config import PLACEHOLDER, ConfigDef, Key
from headwater.connect.errors import ConnectError
from headwater.connect.providers import Placeholder, placeholders

_FILE_PARAMETER = re.compile(r"(?:file|path|dir|directory|location|wallet|socket|cert|key|ca|crl)$", re.I)
"""Parameters of URLs that name files: libpq's `sslkey` and `passfile`, MongoDB's `tlsCAFile`, MySQL's `ssl_ca`, ..."""


def a_file(text: str, _services: Path) -> list[Path]:
    """A path; relative ones are in the working directory."""
    return [Path(text)] if text else []


def a_service_file(text: str, services: Path) -> list[Path]:
    """A path; relative ones are among the node's embedded data."""
    return [services / text]


def a_file_url(text: str, _services: Path) -> list[Path]:
    """`file:///folder`; other URLs name no file."""
    path = path_of_url(text)
    return [] if path is None else [path]


def path_of_url(url: str) -> Path | None:
    """What `file:///folder` names, `%20` and the like decoded; None for other URLs. Whoever opens one asks here, so
    that what is opened is what was looked at."""
    return Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None


def parameter_files(parameters: Iterable[tuple[str, str]]) -> list[Path]:
    """The files that parameters of a URL name: by their names, or because the value looks like a path."""
    return [
        Path(value)
        for name, value in parameters
        if value.startswith(("/", "~", ".")) or (_FILE_PARAMETER.search(name) and (name, value) != SYSTEM_ROOTS)
    ]


SYSTEM_ROOTS = ("sslrootcert", "system")
"""libpq's word for the certificates of the machine, which is no file."""


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

    def problems(
        self, definition: ConfigDef, given: Mapping[str, str], services: Path, *, looked_up: bool = False
    ) -> dict[str, str]:
        """What must not be reached, by key. Values that are still to be looked up are not paths yet; `looked_up` says
        that none is, whatever it looks like."""
        found: dict[str, str] = {}
        for name, text in given.items():
            for placeholder in placeholders(text):
                if (problem := self._problem_of(placeholder)) is not None:
                    found[name] = f"{placeholder.text}: {problem}"
        typed = definition.parse(given).config
        for key in definition.keys.values():
            value = typed.text(key.name)
            if (looked_up or PLACEHOLDER.search(value) is None) and not self._allows(key, value, services):
                found[key.name] = f"Invalid value for configuration {key.name}: {self._refusal()}"
        return found

    def check(
        self, definition: ConfigDef, given: Mapping[str, str], services: Path, *, looked_up: bool = False
    ) -> None:
        """Raises `ConnectError` for the first that must not be reached."""
        for problem in self.problems(definition, given, services, looked_up=looked_up).values():
            raise ConnectError(problem)

    def _allows(self, key: Key, value: str, services: Path) -> bool:
        """Of a typed value: connectors use those, not the text that was given."""
        if key.path is None or self.folders is None:
            return True
        try:
            return all(self._covers(path, services) for path in key.path(value, services))
        except ValueError:  # a value of which nobody can say which file is meant
            return False

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
