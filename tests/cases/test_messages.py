"""How close an error message is to the one a case expects."""

import pytest

from headwater.cases.messages import closeness
from headwater.cases.model import Message

CASES = [
    ("Unknown column 'A' in T.", "Unknown column 'A'", "", Message.EXACT),
    ("It fails.", "It fails.\nStatement: SELECT 1", "SELECT 1", Message.EXACT),
    ("line 1:5: Unknown Column `A`!", "Line: 2, Col: 7: unknown column 'A'", "", Message.LOOSE),
    ("The column A of T is not known here", "The column A of T is unknown", "", Message.LOOSE),
    ("Something else", "Unknown column A", "", Message.OTHER),
    ("Anything", None, "", Message.NONE),
]


@pytest.mark.parametrize(("actual", "expected", "sql", "level"), CASES)
def test_closeness(actual: str, expected: str | None, sql: str, level: Message) -> None:
    assert closeness(actual, expected, sql) is level
