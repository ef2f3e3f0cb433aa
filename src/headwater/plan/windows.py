"""WINDOW clauses with their defaults filled in (semantics section 12)."""

from __future__ import annotations

from headwater.plan.problems import problem
from headwater.plan.steps import WindowSpec
from headwater.sql.ast import Window, WindowKind

DAY_MS = 24 * 60 * 60 * 1000
"""ksqlDB's default for size + grace: late records count for a day."""
MOST_WINDOWS = 10_000
"""Windows that one record may fall into: each is an update of the table, and none of the others can wait that long."""


def window_spec(window: Window, *, final: bool) -> WindowSpec:
    """Sizes in ms. EMIT FINAL makes the default grace 0. Raises AnalysisError for sizes that cannot be."""
    size = window.size.ms
    if size <= 0:
        raise problem("The size of a window must be larger than zero.")
    advance = size
    if window.kind is WindowKind.HOPPING:
        advance = size if window.advance is None else window.advance.ms
        if not 0 < advance <= size:
            raise problem(
                f"Window advancement interval must be more than zero and not larger than the window size. "
                f"Got ADVANCE BY {advance} ms with SIZE {size} ms."
            )
        if -(-size // advance) > MOST_WINDOWS:
            raise problem(
                f"With SIZE {size} ms and ADVANCE BY {advance} ms every record would fall into {-(-size // advance)} "
                f"windows. At most {MOST_WINDOWS} are possible: choose a larger ADVANCE BY or a smaller SIZE."
            )
    default_grace = 0 if final else max(DAY_MS - size, 0)
    grace = default_grace if window.grace is None else window.grace.ms
    retention = size + grace
    if window.retention is not None:
        if window.retention.ms < size + (window.grace.ms if window.grace is not None else 0):
            raise problem(
                f"The retention of a window ({window.retention.ms} ms) must not be smaller than its size plus its "
                f"grace period ({size} ms + {grace} ms)."
            )
        retention = window.retention.ms
    return WindowSpec(window.kind, size, advance, grace, retention)
