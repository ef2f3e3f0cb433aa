"""Reads ASSERT scripts: files of SQL that hold several tests, each beginning with a line `--@test: name`."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from headwater.cases.model import ExpectedError, Run, Suite

_DIRECTIVE = re.compile(r"^--@([\w.]+):[ \t]*(.*?)[ \t]*$", re.MULTILINE)


def read_scripts(text: str, path: Path, file_id: str) -> Iterator[Run]:
    """The tests of a file. `file_id` begins the ids of tests that bring none of their own."""
    starts = [match.start() for match in _DIRECTIVE.finditer(text) if match[1].lower() == "test"]
    seen: Counter[str] = Counter()
    for start, end in itertools.pairwise([*starts, len(text)]):
        part = text[start:end]
        directives = {match[1].lower(): match[2] for match in _DIRECTIVE.finditer(part)}
        name = f"{file_id}::{directives['test']}"
        seen[name] += 1
        case_id = directives.get("conformance.id") or (name if seen[name] == 1 else f"{name}#{seen[name]}")
        tags = tuple(tag.strip() for tag in directives.get("conformance.tags", "").split(",") if tag.strip())
        yield Run(
            Suite.SQL,
            case_id,
            case_id,
            [part],
            path.parent,
            expected_error=_expected(directives),
            tags=tags,
        )


def _expected(directives: dict[str, str]) -> ExpectedError | None:
    if "expected.error" not in directives and "expected.message" not in directives:
        return None
    return ExpectedError(directives.get("expected.message"), directives.get("expected.error", ""))
