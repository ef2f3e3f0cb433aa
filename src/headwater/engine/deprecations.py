"""What works, but is announced to go: notices that accompany the answer to a statement."""

from __future__ import annotations

from headwater.engine.entities import Notice
from headwater.sql import ast

_NO_GRACE = (
    "Stream-stream joins statements without a GRACE PERIOD will not be accepted in a future ksqlDB version. Write it "
    "after the window, as in WITHIN 1 HOUR GRACE PERIOD 10 MINUTES; without it, late records count for 24 hours."
)


def deprecations(statement: ast.Statement) -> list[Notice]:
    """The notices for a statement that starts a query; none for others."""
    if not isinstance(statement, ast.CreateAsSelect | ast.InsertInto):
        return []
    windows = [join.within for join in statement.query.joins if join.within is not None]
    return [Notice(_NO_GRACE)] if any(window.grace is None for window in windows) else []
