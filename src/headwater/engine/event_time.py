"""Event time from text columns: the TIMESTAMP_FORMAT property."""

from __future__ import annotations

from collections.abc import Callable


def timestamp_parser(pattern: str) -> Callable[[str], int]:
    """A function from text to ms since the epoch; raises `FunctionError` for text that does not fit the pattern."""
    from headwater.plan.datetime import system_zone
    from headwater.plan.datetime import timestamp_parser as make

    return make(pattern, system_zone())
