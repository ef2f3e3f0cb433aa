"""Where statements end, for shells that read line by line."""

from __future__ import annotations

import pytest

from headwater.sql.parser import split_statements


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("", [], ""),
        ("SHOW TYPES;", ["SHOW TYPES;"], ""),
        ("SHOW TYPES; SHOW\nTABLES ; SELECT", ["SHOW TYPES;", "SHOW\nTABLES ;"], "SELECT"),
        ("SET 'a;b' = ';';", ["SET 'a;b' = ';';"], ""),
        ('SELECT `;`, ";" FROM s;', ['SELECT `;`, ";" FROM s;'], ""),
        ("-- a; b\nSHOW TYPES; -- c;", ["SHOW TYPES;"], ""),
        ("/* ; */ SHOW /* ; */ TYPES;", ["SHOW /* ; */ TYPES;"], ""),
        ("SELECT 'open; still", [], "SELECT 'open; still"),
        ("SHOW TYPES; SELECT 'it''s; open", ["SHOW TYPES;"], "SELECT 'it''s; open"),
        ("SHOW TYPES; /* open ;", ["SHOW TYPES;"], "/* open ;"),
        ("SELECT `open ;", [], "SELECT `open ;"),
        (";", [";"], ""),
        ("SELECT ? ;", ["SELECT ? ;"], ""),
    ],
)
def test_statements_end_at_semicolons_outside_quotes_and_comments(text: str, statements: list[str], rest: str) -> None:
    assert split_statements(text) == (statements, rest)
