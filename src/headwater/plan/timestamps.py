"""ROWTIME, WINDOWSTART and WINDOWEND compared with text: it is a partial ISO timestamp (semantics section 5)."""

from __future__ import annotations

from dataclasses import replace

from headwater.plan.civil import parse_timestamp
from headwater.plan.problems import problem
from headwater.plan.rewriting import transform
from headwater.sql.ast import Between, BigintLiteral, ColumnRef, Comparison, Expression, IntegerLiteral, StringLiteral

_TIME_COLUMNS = frozenset({"ROWTIME", "WINDOWSTART", "WINDOWEND"})


def with_magic_timestamps(expression: Expression) -> Expression:
    """Turn text that is compared with a time column into the BIGINT it means. Raises AnalysisError for other text."""
    return transform(expression, lambda node, _: _converted(node))


def _converted(node: Expression) -> Expression | None:
    if isinstance(node, Comparison):
        if _is_time(node.left) and isinstance(node.right, StringLiteral):
            return replace(node, right=_literal(node.right))
        if _is_time(node.right) and isinstance(node.left, StringLiteral):
            return replace(node, left=_literal(node.left))
    if isinstance(node, Between) and _is_time(node.operand):
        return replace(node, low=_bound(node.low), high=_bound(node.high))
    return None


def _bound(expression: Expression) -> Expression:
    return _literal(expression) if isinstance(expression, StringLiteral) else expression


def _is_time(expression: Expression) -> bool:
    return isinstance(expression, ColumnRef) and expression.name in _TIME_COLUMNS


def _literal(text: StringLiteral) -> IntegerLiteral | BigintLiteral:
    try:
        ms = parse_timestamp(text.value)
        kind = IntegerLiteral if -(2**31) <= ms < 2**31 else BigintLiteral  # as the same number would be read
        return kind(ms, position=text.position)
    except ValueError:
        raise problem(
            f"Failed to parse timestamp '{text.value}'. Required format is: \"yyyy-MM-dd'T'HH:mm:ss.SSS\", with an "
            "optional timezone; parts may be left out from the end.",
            text.position,
        ) from None
