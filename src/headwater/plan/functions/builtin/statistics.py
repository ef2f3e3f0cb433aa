"""Statistical aggregates: sums of lists, variance, correlation, approximate distinct counts."""

from __future__ import annotations

import hashlib
import math
from typing import Any, TypeVar

from headwater.core.javatext import wrap_int, wrap_long
from headwater.plan.functions.declarations import udaf
from headwater.plan.functions.types import Bigint, Double, Int

T = TypeVar("T")
Number = TypeVar("Number", Int, Bigint, Double)
Spread = tuple[int, float, float]
"""Count, sum, and sum of squared distances from the mean (Youngs and Cramer's running form)."""


class _WholeListSum:
    """The state wraps at 64 bits, as the changelog can hold no more."""

    def initial(self) -> int:
        return 0

    def merge(self, left: int, right: int) -> int:
        return wrap_long(left + right)


def _whole(values: list[Any]) -> Any:
    return sum(value for value in values if value is not None)


@udaf("SUM_LIST", description="The sum of all elements of arrays")
class SumListInt(_WholeListSum):
    def add(self, state: int, values: list[Int]) -> int:
        return wrap_long(state + int(_whole(values)))

    def undo(self, state: int, values: list[Int]) -> int:
        return wrap_long(state - int(_whole(values)))

    def result(self, state: int) -> Int:
        return wrap_int(state)


@udaf("SUM_LIST")
class SumListBigint(_WholeListSum):
    def add(self, state: int, values: list[Bigint]) -> int:
        return wrap_long(state + int(_whole(values)))

    def undo(self, state: int, values: list[Bigint]) -> int:
        return wrap_long(state - int(_whole(values)))

    def result(self, state: int) -> Bigint:
        return state


@udaf("SUM_LIST")
class SumListDouble:
    def initial(self) -> float:
        return 0.0

    def add(self, state: float, values: list[Double]) -> float:
        return state + float(_whole(values))

    def undo(self, state: float, values: list[Double]) -> float:
        return state - float(_whole(values))

    def merge(self, left: float, right: float) -> float:
        return left + right

    def result(self, state: float) -> Double:
        return state


class _Deviation:
    def initial(self) -> Spread:
        return (0, 0.0, 0.0)

    def add(self, state: Spread, value: Number) -> Spread:
        count, total, squares = state[0] + 1, state[1] + value, state[2]
        if count > 1:
            distance = float(count * value - total)
            squares += distance * distance / (count * (count - 1))  # `**` would raise where a product becomes infinite
        return (count, float(total), squares)

    def undo(self, state: Spread, value: Number) -> Spread:
        count, total, squares = state
        if count > 1:
            distance = float(count * value - total)
            squares -= distance * distance / (count * (count - 1))
        return (count - 1, float(total - value), squares if count > 2 else 0.0)

    def merge(self, left: Spread, right: Spread) -> Spread:
        if left[0] == 0 or right[0] == 0:
            return left if right[0] == 0 else right
        distance = right[1] / right[0] - left[1] / left[0]
        count = left[0] + right[0]
        squares = left[2] + right[2] + distance * distance * left[0] * right[0] / count
        return (count, left[1] + right[1], squares)


@udaf("STDDEV_SAMPLE", description="The standard deviation of a sample")
class StandardDeviation(_Deviation):
    def result(self, state: Spread) -> Double:
        return math.sqrt(max(state[2], 0.0) / (state[0] - 1)) if state[0] > 1 else 0.0


@udaf(
    "STDDEV_SAMP", description="The variance of a sample; the name is historical, use STDDEV_SAMPLE for the deviation"
)
class SampleVariance(_Deviation):
    def result(self, state: Spread) -> Double:
        return state[2] / (state[0] - 1) if state[0] > 1 else 0.0


Sums = tuple[int, float, float, float, float, float]
"""Count, and sums of x, y, x*x, y*y and x*y."""


@udaf("CORRELATION", description="Pearson's correlation coefficient of two columns")
class Correlation:
    def initial(self) -> Sums:
        return (0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def add(self, state: Sums, x: Number, y: Number) -> Sums:
        return self._change(state, float(x), float(y), 1)

    def undo(self, state: Sums, x: Number, y: Number) -> Sums:
        return self._change(state, float(x), float(y), -1)

    def _change(self, state: Sums, x: float, y: float, by: int) -> Sums:
        n, sx, sy, sxx, syy, sxy = state
        return (n + by, sx + by * x, sy + by * y, sxx + by * x * x, syy + by * y * y, sxy + by * x * y)

    def merge(self, left: Sums, right: Sums) -> Sums:
        n, sx, sy, sxx, syy, sxy = (a + b for a, b in zip(left, right, strict=True))
        return (int(n), sx, sy, sxx, syy, sxy)

    def result(self, state: Sums) -> Double:
        n, sx, sy, sxx, syy, sxy = state
        if n < 2:
            return math.nan
        spread_x, spread_y = n * sxx - sx * sx, n * syy - sy * sy
        if spread_x <= 0 or spread_y <= 0:
            return math.nan
        return (n * sxy - sx * sy) / (math.sqrt(spread_x) * math.sqrt(spread_y))


_BITS = 14
_REGISTERS = 1 << _BITS
_ALPHA = 0.7213 / (1 + 1.079 / _REGISTERS)


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_canonical(k)}:{_canonical(v)}" for k, v in sorted(value.items(), key=repr)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return repr(value)


@udaf("COUNT_DISTINCT", description="About how many distinct values there are (HyperLogLog, error below 1 %)")
class CountDistinct:
    """The state maps registers to ranks; registers that are still 0 are left out."""

    def initial(self) -> dict[int, int]:
        return {}

    def add(self, state: dict[int, int], value: T) -> dict[int, int]:
        text = _canonical(value).encode("utf-8", "surrogatepass")
        digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        register, rest = digest & (_REGISTERS - 1), digest >> _BITS
        rank = 64 - _BITS - rest.bit_length() + 1
        if rank > state.get(register, 0):
            state[register] = rank
        return state

    def merge(self, left: dict[int, int], right: dict[int, int]) -> dict[int, int]:
        merged = dict(left)
        for register, rank in right.items():
            if rank > merged.get(register, 0):
                merged[register] = rank
        return merged

    def result(self, state: dict[int, int]) -> Bigint:
        empty = _REGISTERS - len(state)
        estimate = _ALPHA * _REGISTERS**2 / (empty + sum(2.0**-rank for rank in state.values()))
        if estimate <= 2.5 * _REGISTERS and empty:
            return round(_REGISTERS * math.log(_REGISTERS / empty))
        return round(estimate)
