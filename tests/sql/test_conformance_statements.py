"""Every statement of the conformance data that should be accepted parses, and reads back from its printed text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headwater.core.errors import ParseError
from headwater.sql.parser import Dialect, parse_script, parse_statement
from headwater.sql.printer import format_statement
from tests.conftest import skip_or_fail

DATA = Path(__file__).parents[3] / "shared" / "conformance"


def cases(pattern: str) -> list[dict[str, Any]]:
    if not DATA.is_dir():
        skip_or_fail(f"the conformance data is not at {DATA}")
    return [case for file in sorted(DATA.glob(pattern)) for case in json.loads(file.read_text("utf-8"))["tests"]]


@pytest.mark.parametrize(
    ("pattern", "dialect"),
    [("qtt/*.json", Dialect.SERVER), ("rest/*.json", Dialect.SERVER), ("sql/cases.json", Dialect.TEST)],
)
def test_statements_parse_and_read_back(pattern: str, dialect: Dialect) -> None:
    wrong: list[str] = []
    for case in cases(pattern):
        if "syntax-error" in case["tags"]:
            continue
        script = "\n".join(case["statements"])
        try:
            statements = parse_script(script, {}, dialect=dialect)
        except ParseError as error:
            if "negative" not in case["tags"]:
                wrong.append(f"{case['id']}: {error}")
            continue
        for statement in statements:
            printed = format_statement(statement)
            if parse_statement(printed, dialect=dialect) != statement:
                wrong.append(f"{case['id']}: {statement.text}\n{printed}")
    assert not wrong, "\n\n".join(wrong)


def test_syntax_errors_say_what_people_search_for() -> None:
    """Compared loosely, and only where the error is the grammar's: window sizes are the analysis' to judge."""
    wrong: list[str] = []
    for case in cases("qtt/*.json"):
        if "syntax-error" not in case["tags"] or "window size" in case["id"]:
            continue
        with pytest.raises(ParseError) as caught:
            parse_script("\n".join(case["statements"]))
        wanted = case["expectedException"]["message"].partition("\nStatement:")[0]
        wanted = wanted.removeprefix("Failed to prepare statement: ")  # what the engine puts before it
        words = [word for word in wanted.lower().replace("'", " ").split() if not word.startswith(("line", "2:", "1:"))]
        message = str(caught.value).lower()
        found = sum(word.strip(",{}:`") in message for word in words)
        if found < 0.8 * len(words):
            wrong.append(f"{case['id']}\nwanted: {wanted}\ngot: {caught.value}")
    assert not wrong, "\n\n".join(wrong)
