"""JSON texts of schemas: read with the place of a mistake, and measured before anything walks through them."""

from __future__ import annotations

import json
from typing import Any

from headwater.registry.parsing.parsed import ParseError


def load(text: str) -> Any:
    """The document. Raises `ParseError` with line and column."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ParseError(f"{error.msg}, line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise ParseError(f"not JSON: {error}") from None


def _refuse(word: str) -> Any:
    raise ParseError(f"{word} is not JSON")


def nesting(doc: Any) -> int:
    """How many lists and objects stand in one another; without recursion, so any document can be measured."""
    depth, level = 0, [doc]
    while level:
        level = (
            [
                inner
                for outer in level
                for inner in (outer.values() if isinstance(outer, dict) else outer)
                if isinstance(inner, (dict, list))
            ]
            if depth
            else [doc]
            if isinstance(doc, (dict, list))
            else []
        )
        depth += 1
    return depth - 1
