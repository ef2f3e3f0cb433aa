"""ROWTIME, WINDOWSTART and WINDOWEND compared with text: the text is a (partial) ISO timestamp (semantics section 5)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from headwater.core.errors import Position
from headwater.plan.problems import problem
from headwater.plan.rewriting import map_children
from headwater.sql.ast import BigintLiteral, Between, ColumnRef, Comparison, Expression, StringLiteral

_TIME_COLUMNS = frozenset({"ROWTIME", "WINDOWSTART", "WINDOWEND"})
_PARTIAL = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?)?"
    r"(?:T(?P<hour>\d{1,2})?(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,9}))?)?)?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?\Z"
)


def parse_partial_timestamp(text: str, position: Position | None = None) -> int:
    """`'2018'`, `'2020-02-10T08:31:44.001+0000'` and what lies between, in ms since the epoch; UTC unless a zone is given.

    Raises AnalysisError.
    """
    match = _PARTIAL.match(text.strip())
    if match is None:
        raise _unreadable(text, position)
    number = {name: int(match[name] or default) for name, default in _DEFAULTS.items()}
    fraction = (match["fraction"] or "").ljust(3, "0")[:3]
    try:
        moment = datetime(**number, tzinfo=_zone(match["zone"]))  # type: ignore[arg-type]
    except ValueError:
        raise _unreadable(text, position) from None
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1000 + int(fraction)


_DEFAULTS = {"year": 1970, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return timezone.utc
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _unreadable(text: str, position: Position | None) -> Exception:
    return problem(
        f"Failed to parse timestamp '{text}'. Required format is: yyyy-MM-dd'T'HH:mm:ss.SSS, with an optional timezone; "
        "parts may be left out from the end.",
        position,
    )


def with_magic_timestamps(expression: Expression) -> Expression:
    """Turn text that is compared with a time column into the BIGINT it means."""
    if isinstance(expression, Comparison):
        left, right = expression.left, expression.right
        if _is_time(left) and isinstance(right, StringLiteral):
            return replace(expression, right=_literal(right))
        if _is_time(right) and isinstance(left, StringLiteral):
            return replace(expression, left=_literal(left))
    if isinstance(expression, Between) and _is_time(expression.operand):
        low, high = expression.low, expression.high
        return replace(
            expression,
            low=_literal(low) if isinstance(low, StringLiteral) else low,
            high=_literal(high) if isinstance(high, StringLiteral) else high,
        )
    return map_children(expression, with_magic_timestamps)


def _is_time(expression: Expression) -> bool:
    return isinstance(expression, ColumnRef) and expression.name in _TIME_COLUMNS


def _literal(text: StringLiteral) -> BigintLiteral:
    return BigintLiteral(parse_partial_timestamp(text.value, text.position), position=text.position)
