"""Aggregates with small states: counts, sums, averages, extremes, first and last."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import TypeVar

from headwater.core.errors import AnalysisError, FunctionError
from headwater.core.javatext import wrap_int, wrap_long
from headwater.core.types import Decimal, SqlType
from headwater.plan.functions.declarations import udaf
from headwater.plan.functions.ordering import signed_order, utf16_order
from headwater.plan.functions.types import Bigint, Date, Dec, Double, Int, Time, Timestamp

T = TypeVar("T")
Number = TypeVar("Number", Int, Bigint, Double)
Ordered = TypeVar("Ordered", Int, Bigint, Double, Dec, Date, Time, Timestamp)


@udaf("COUNT", description="The number of rows, or of values that are not NULL")
class Count:
    inline_add = "{s} + 1"
    inline_result = "{s}"

    def initial(self) -> int:
        return 0

    def add(self, state: int, value: T) -> int:
        return state + 1

    def undo(self, state: int, value: T) -> int:
        return state - 1

    def merge(self, left: int, right: int) -> int:
        return left + right

    def result(self, state: int) -> Bigint:
        return state


class _WholeSum:
    """The state wraps at 64 bits, as the changelog can hold no more; an INTEGER's result then wraps at 32."""

    inline_add = (
        "(total if -0x8000000000000000 <= (total := {s} + {0}) <= 0x7FFFFFFFFFFFFFFF"
        " else (total + 0x8000000000000000 & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000)"
    )

    def initial(self) -> int:
        return 0

    def merge(self, left: int, right: int) -> int:
        return wrap_long(left + right)


@udaf("SUM", description="The sum of the values that are not NULL")
class SumInt(_WholeSum):
    def add(self, state: int, value: Int) -> int:
        return wrap_long(state + value)

    def undo(self, state: int, value: Int) -> int:
        return wrap_long(state - value)

    def result(self, state: int) -> Int:
        return wrap_int(state)


@udaf("SUM")
class SumBigint(_WholeSum):
    inline_result = "{s}"

    def add(self, state: int, value: Bigint) -> int:
        return wrap_long(state + value)

    def undo(self, state: int, value: Bigint) -> int:
        return wrap_long(state - value)

    def result(self, state: int) -> Bigint:
        return state


@udaf("SUM")
class SumDouble:
    inline_add = "{s} + {0}"
    inline_result = "{s}"

    def initial(self) -> float:
        return 0.0

    def add(self, state: float, value: Double) -> float:
        return state + value

    def undo(self, state: float, value: Double) -> float:
        return state - value

    def merge(self, left: float, right: float) -> float:
        return left + right

    def result(self, state: float) -> Double:
        return state


def _first_type(types: Sequence[SqlType | None]) -> SqlType:
    first = types[0]
    if first is None:
        raise AnalysisError("Can't infer the type of NULL. CAST it to a type.")
    return first


@udaf("SUM", returns=_first_type)
class SumDecimal:
    def __init__(self, *, types: Sequence[SqlType | None]) -> None:
        first = types[0]
        self._type = first if isinstance(first, Decimal) else Decimal(38, 0)
        self._zero = decimal.Decimal(0).scaleb(-self._type.scale)
        self._context = decimal.Context(prec=self._type.precision + 2, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)

    def initial(self) -> decimal.Decimal:
        return self._zero

    def add(self, state: decimal.Decimal, value: Dec) -> decimal.Decimal:
        return self._checked(self._context.add(state, value))

    def undo(self, state: decimal.Decimal, value: Dec) -> decimal.Decimal:
        return self._checked(self._context.subtract(state, value))

    def merge(self, left: decimal.Decimal, right: decimal.Decimal) -> decimal.Decimal:
        return self._checked(self._context.add(left, right))

    def result(self, state: decimal.Decimal) -> Dec:
        return state

    def _checked(self, value: decimal.Decimal) -> decimal.Decimal:
        if value and value.adjusted() >= self._type.precision - self._type.scale:
            raise FunctionError(f"Numeric field overflow: SUM of {self._type} reached {value:f}")
        return value


@udaf("AVG", description="The mean of the values that are not NULL")
class AverageInt:
    """The running sum is INTEGER and wraps."""

    inline_result = "({s}[0] / {s}[1] if {s}[1] else 0.0)"

    def initial(self) -> tuple[int, int]:
        return (0, 0)

    def add(self, state: tuple[int, int], value: Int) -> tuple[int, int]:
        return (wrap_int(state[0] + value), state[1] + 1)

    def undo(self, state: tuple[int, int], value: Int) -> tuple[int, int]:
        return (wrap_int(state[0] - value), state[1] - 1)

    def merge(self, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
        return (wrap_int(left[0] + right[0]), left[1] + right[1])

    def result(self, state: tuple[int, int]) -> Double:
        return state[0] / state[1] if state[1] else 0.0


@udaf("AVG")
class AverageBigint(AverageInt):
    def add(self, state: tuple[int, int], value: Bigint) -> tuple[int, int]:
        return (wrap_long(state[0] + value), state[1] + 1)

    def undo(self, state: tuple[int, int], value: Bigint) -> tuple[int, int]:
        return (wrap_long(state[0] - value), state[1] - 1)

    def merge(self, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
        return (wrap_long(left[0] + right[0]), left[1] + right[1])


@udaf("AVG")
class AverageDouble:
    inline_add = "({s}[0] + {0}, {s}[1] + 1)"
    inline_result = "({s}[0] / {s}[1] if {s}[1] else 0.0)"

    def initial(self) -> tuple[float, int]:
        return (0.0, 0)

    def add(self, state: tuple[float, int], value: Double) -> tuple[float, int]:
        return (state[0] + value, state[1] + 1)

    def undo(self, state: tuple[float, int], value: Double) -> tuple[float, int]:
        return (state[0] - value, state[1] - 1)

    def merge(self, left: tuple[float, int], right: tuple[float, int]) -> tuple[float, int]:
        return (left[0] + right[0], left[1] + right[1])

    def result(self, state: tuple[float, int]) -> Double:
        return state[0] / state[1] if state[1] else 0.0


@udaf("MAX", description="The largest value", returns=_first_type)
class Max:
    inline_add = "({0} if {s} is None or {0} > {s} else {s})"
    inline_result = "{s}"

    def initial(self) -> Ordered | None:
        return None

    def add(self, state: Ordered | None, value: Ordered) -> Ordered | None:
        return value if state is None or value > state else state

    def merge(self, left: Ordered | None, right: Ordered | None) -> Ordered | None:
        return left if right is None else self.add(left, right)

    def result(self, state: Ordered | None) -> Ordered | None:
        return state


@udaf("MIN", description="The smallest value", returns=_first_type)
class Min:
    inline_add = "({0} if {s} is None or {0} < {s} else {s})"
    inline_result = "{s}"

    def initial(self) -> Ordered | None:
        return None

    def add(self, state: Ordered | None, value: Ordered) -> Ordered | None:
        return value if state is None or value < state else state

    def merge(self, left: Ordered | None, right: Ordered | None) -> Ordered | None:
        return left if right is None else self.add(left, right)

    def result(self, state: Ordered | None) -> Ordered | None:
        return state


@udaf("MAX")
class MaxString:
    def initial(self) -> str | None:
        return None

    def add(self, state: str | None, value: str) -> str:
        return value if state is None else max(state, value, key=utf16_order)

    def merge(self, left: str | None, right: str | None) -> str | None:
        return left if right is None else self.add(left, right)

    def result(self, state: str | None) -> str | None:
        return state


@udaf("MIN")
class MinString(MaxString):
    def add(self, state: str | None, value: str) -> str:
        return value if state is None else min(state, value, key=utf16_order)


@udaf("MAX")
class MaxBytes:
    def initial(self) -> bytes | None:
        return None

    def add(self, state: bytes | None, value: bytes) -> bytes:
        return value if state is None else max(state, value, key=signed_order)

    def merge(self, left: bytes | None, right: bytes | None) -> bytes | None:
        return left if right is None else self.add(left, right)

    def result(self, state: bytes | None) -> bytes | None:
        return state


@udaf("MIN")
class MinBytes(MaxBytes):
    def add(self, state: bytes | None, value: bytes) -> bytes:
        return value if state is None else min(state, value, key=signed_order)
