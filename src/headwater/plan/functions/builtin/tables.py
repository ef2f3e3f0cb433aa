"""Table functions: one input row, many output rows."""

from __future__ import annotations

import itertools
from typing import TypeVar

from headwater.core.errors import FunctionError
from headwater.plan.functions.declarations import udtf

T = TypeVar("T")
_MOST = 20
"""2^20 rows of one is the most that can be meant."""


@udtf("EXPLODE", description="One row per element of an array")
def explode(items: list[T] | None) -> list[T]:
    return [] if items is None else items


@udtf("CUBE_EXPLODE", description="One row per combination of keeping elements of an array or replacing them by NULL")
def cube_explode(items: list[T | None] | None) -> list[list[T | None]]:
    if items is None:
        return []
    if len(items) > _MOST:
        raise FunctionError(f"CUBE_EXPLODE: at most {_MOST} elements are allowed, but there are {len(items)}")
    choices = [(None,) if item is None else (None, item) for item in items]
    return [list(row) for row in itertools.product(*choices)]
