"""Finds test cases in files and folders, and knows each one's suite by where it is and what it looks like."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from headwater.cases.expansion import expand, record
from headwater.cases.model import DataRecord, Run, Suite
from headwater.cases.scripts import read_scripts
from headwater.core.errors import ConfigError

STATEMENTS, INPUT, OUTPUT = "statements.sql", "input.json", "output.json"
"""The files of a three-file test."""

_REST_MEMBERS = frozenset({"responses", "expectedError", "inputConditions", "outputConditions"})


@dataclass(frozen=True)
class Selection:
    """Which runs to keep: all that fulfil every condition that is given."""

    cases: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    text: str = ""

    def keeps(self, run: Run) -> bool:
        """Whether the run is wanted; `text` is looked for in its name, whatever the case of letters."""
        return (
            (not self.cases or run.case in self.cases or run.name in self.cases)
            and self.tags <= set(run.tags)
            and self.text.lower() in run.name.lower()
        )


def find_runs(paths: Sequence[Path]) -> Iterator[Run]:
    """The runs of every case in these files and folders. Raises `ConfigError` for a path that holds none."""
    for path in paths:
        if not path.exists():
            raise ConfigError(f"There is no file or folder {path}.")
        found = False
        for run in _runs_in(path, path if path.is_dir() else path.parent):
            found = True
            yield run
        if not found:
            raise ConfigError(
                f"{path} holds no test cases: neither JSON files with `tests`, nor .sql files with --@test lines, nor "
                f"a folder with {STATEMENTS}, {INPUT} and {OUTPUT}."
            )


def three_files(statements: Path, inputs: Path | None, outputs: Path, name: str) -> Run:
    """A test of a script, its input records (if any) and the records that must come out."""
    given = [] if inputs is None else _records(inputs, "inputs")
    wanted = _records(outputs, "outputs")
    return Run(
        Suite.CASES,
        name,
        name,
        [_read_text(statements)],
        statements.parent,
        inputs=given,
        outputs=wanted,
    )


def _records(path: Path, member: str) -> list[DataRecord]:
    with _malformed(f"{path}: `{member}`"):
        return [record(raw) for raw in _read_json(path)[member]]


@contextmanager
def _malformed(what: str) -> Iterator[None]:
    """What a file has where something else should be, as an error of whoever wrote the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"there is no member {error}" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{what} is not as it should be: {reason}") from None


def _runs_in(path: Path, root: Path) -> Iterator[Run]:
    if path.is_dir():
        yield from _folder(path, root)
    elif path.suffix == ".json":
        yield from _json_file(path)
    elif path.suffix == ".sql":
        yield from read_scripts(_read_text(path), path, path.relative_to(_script_root(path, root)).as_posix())


def _folder(folder: Path, root: Path) -> Iterator[Run]:
    names = {entry.name for entry in folder.iterdir()}
    if {STATEMENTS, OUTPUT} <= names:
        inputs = folder / INPUT if INPUT in names else None
        yield three_files(folder / STATEMENTS, inputs, folder / OUTPUT, folder.relative_to(root.parent).as_posix())
        return
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith((".", "_")):
            yield from _runs_in(entry, root)


def _script_root(path: Path, root: Path) -> Path:
    """Ids of scripts are relative to the folder called `sql`, if they are in one."""
    return next((parent for parent in path.parents if parent.name == "sql"), root)


def _json_file(path: Path) -> Iterator[Run]:
    document = _read_json(path)
    cases = document.get("tests") if isinstance(document, dict) else None
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        return
    suite = _suite_of(path, cases)
    if suite is None:
        return
    seen: Counter[str] = Counter()
    for case in cases:
        name = f"{path.name}::{case.get('name', '')}"
        seen[name] += 1
        numbered = name if seen[name] == 1 else f"{name}#{seen[name]}"
        with _malformed(f"{path}: the case {case.get('name')!r}"):
            runs = list(expand(suite, str(case.get("id") or numbered), case, path.parent))
        yield from runs


def _suite_of(path: Path, cases: Iterable[Mapping[str, Any]]) -> Suite | None:
    """By the folder's name, else by the members of the cases; None for cases that are kept elsewhere as scripts."""
    folder = path.parent.name
    if folder in ("qtt", "rest", "schema"):
        return Suite(folder)
    members = {member for case in cases for member in case}
    if {"text", "file"} <= members:
        return None
    if members & _REST_MEMBERS:
        return Suite.REST
    return Suite.SCHEMA if "schema" in members else Suite.QTT


def _read_json(path: Path) -> Any:
    """JSON with numbers kept exact: fractions become `Decimal`."""
    try:
        return json.loads(_read_text(path), parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
