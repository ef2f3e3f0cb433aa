"""ROWTIME, WINDOWSTART and WINDOWEND compared with text: it is a partial ISO timestamp (semantics section 5)."""

from __future__ import annotations

from dataclasses import replace

from headwater.plan.civil import parse_timestamp
from headwater.plan.problems import problem
from headwater.plan.rewriting import map_children
from headwater.sql.ast import Between, BigintLiteral, ColumnRef, Comparison, Expression, IntegerLiteral, StringLiteral

_TIME_COLUMNS = frozenset({"ROWTIME", "WINDOWSTART", "WINDOWEND"})


def with_magic_timestamps(expression: Expression) -> Expression:
    """Turn text that is compared with a time column into the BIGINT it means. Raises AnalysisError for other text."""
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


def _literal(text: StringLiteral) -> IntegerLiteral | BigintLiteral:
    try:
        ms = parse_timestamp(text.value)
        kind = IntegerLiteral if -(2**31) <= ms < 2**31 else BigintLiteral  # as the same number would be read
        return kind(ms, position=text.position)
    except ValueError:
        raise problem(
            f"Failed to parse timestamp '{text.value}'. Required format is: \"yyyy-MM-dd'T'HH:mm:ss.SSS\", with "
            "an optional "
            "timezone; parts may be left out from the end.",
            text.position,
        ) from None
