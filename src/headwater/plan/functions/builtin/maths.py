"""Mathematical functions: IEEE results (NaN, infinities) where Python would raise."""

from __future__ import annotations

import decimal
import math
import random as _random
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR
from math import floor
from typing import TypeVar

from headwater.core.errors import FunctionError
from headwater.core.javatext import LONG_MAX, LONG_MIN, double_text, wrap_int, wrap_long
from headwater.core.types import Decimal, SqlType
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import Bigint, Dec, Double, Int, RequiredBigint, RequiredInt

Number = TypeVar("Number", Int, Bigint, Double)
Whole = TypeVar("Whole", Int, Bigint)
_WIDE = decimal.Context(prec=10_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_EXACT = 2.0**52
"""From here on a DOUBLE has no fraction."""
_MATH = "MATHEMATICAL"


def _same_as_first(types: Sequence[SqlType | None]) -> SqlType:
    first = types[0]
    return first if first is not None else Decimal(1, 0)


def _whole_part(types: Sequence[SqlType | None]) -> SqlType:
    first = types[0]
    if not isinstance(first, Decimal):
        return Decimal(1, 0)
    return Decimal(max(first.precision - first.scale, 1), 0)


def _at_scale(value: decimal.Decimal, scale: int, rounding: str) -> decimal.Decimal:
    """Rounded to `scale` fraction digits (negative: to tens, hundreds...)."""
    return value.quantize(decimal.Decimal(1).scaleb(-scale), rounding=rounding, context=_WIDE)


def _keep_scale(rounded: decimal.Decimal, like: decimal.Decimal) -> decimal.Decimal:
    return rounded.quantize(like, context=_WIDE)


@udf(
    "ABS",
    category=_MATH,
    description="The absolute value",
    inline="-{0} if -2147483648 < {w0} < 0 else {0}",
)
def abs_int(value: Int) -> Int:
    return wrap_int(abs(value))


@udf("ABS", category=_MATH, inline="-{0} if -9223372036854775808 < {w0} < 0 else {0}")
def abs_bigint(value: Bigint) -> Bigint:
    return wrap_long(abs(value))


@udf("ABS", category=_MATH, inline="abs({0})")
def abs_double(value: Double) -> Double:
    return abs(value)


@udf("ABS", category=_MATH, returns=_same_as_first)
def abs_decimal(value: Dec) -> Dec:
    return value.copy_abs()


@udf("CEIL", category=_MATH, description="The smallest whole number not below", inline="{0}")
def ceil_whole(value: Whole) -> Whole:
    return value


@udf("CEIL", category=_MATH)
def ceil_double(value: Double) -> Double:
    return _whole_double(value, math.ceil)


@udf("CEIL", category=_MATH, returns=_same_as_first)
def ceil_decimal(value: Dec) -> Dec:
    return _keep_scale(_at_scale(value, 0, ROUND_CEILING), value)


@udf("FLOOR", category=_MATH, description="The largest whole number not above", inline="{0}")
def floor_whole(value: Whole) -> Whole:
    return value


@udf("FLOOR", category=_MATH)
def floor_double(value: Double) -> Double:
    return _whole_double(value, floor)


@udf("FLOOR", category=_MATH, returns=_same_as_first)
def floor_decimal(value: Dec) -> Dec:
    return _keep_scale(_at_scale(value, 0, ROUND_FLOOR), value)


def _whole_double(value: float, function: Callable[[float], int]) -> float:
    return math.copysign(float(function(value)), value) if math.isfinite(value) else value


def round_to_long(value: float) -> int:
    """Java's Math.round: ties go up; NaN is 0, what is too large saturates.

    >>> [round_to_long(x) for x in (2.5, -2.5, 0.49999999999999994)]
    [3, -2, 0]
    """
    if -_EXACT < value < _EXACT:
        low = floor(value)
        return low + 1 if value - low >= 0.5 else low
    if math.isnan(value):
        return 0
    return max(LONG_MIN, min(LONG_MAX, int(value))) if math.isfinite(value) else _saturated(value)


@udf("ROUND", category=_MATH, description="Rounds to whole numbers, or to a number of fraction digits", inline="{0}")
def round_int(value: RequiredInt) -> Bigint:
    return value


@udf("ROUND", category=_MATH, inline="{0}")
def round_bigint(value: RequiredBigint) -> Bigint:
    return value


@udf("ROUND", category=_MATH)
def round_double(value: Double) -> Bigint:
    return round_to_long(value)


def _round_half_up(value: decimal.Decimal, scale: int) -> decimal.Decimal:
    """Ties toward positive infinity."""
    down = _at_scale(value, scale, ROUND_FLOOR)
    step = decimal.Decimal(1).scaleb(-scale)
    twice = _WIDE.multiply(_WIDE.subtract(value, down), decimal.Decimal(2))
    return _WIDE.add(down, step) if twice >= step else down


def _decimal_text(value: float) -> decimal.Decimal:
    """A DOUBLE by its digits, as Java's BigDecimal has it. Raises `FunctionError` where there are none."""
    if not math.isfinite(value):
        raise FunctionError(f"{double_text(value)} has no digits to round")
    return decimal.Decimal(repr(value))


def _positive_zero(value: decimal.Decimal) -> float:
    """As DOUBLE; decimals have no negative zero in Java."""
    return float(value) + 0.0


@udf("ROUND", category=_MATH, returns=_whole_part)
def round_decimal(value: Dec) -> Dec:
    return _round_half_up(value, 0)


@udf("ROUND", category=_MATH)
def round_double_to(value: Double, places: Int) -> Double:
    return _positive_zero(_round_half_up(_decimal_text(value), places))


@udf("ROUND", category=_MATH, returns=_same_as_first)
def round_decimal_to(value: Dec, places: Int) -> Dec:
    return _keep_scale(_round_half_up(value, places), value)


@udf("TRUNC", category=_MATH, description="Cuts off fraction digits, toward zero", inline="{0}")
def trunc_int(value: Int) -> Bigint:
    return value


@udf("TRUNC", category=_MATH, inline="{0}")
def trunc_bigint(value: Bigint) -> Bigint:
    return value


@udf("TRUNC", category=_MATH)
def trunc_double(value: Double) -> Bigint:
    if math.isnan(value):
        return 0
    return max(LONG_MIN, min(LONG_MAX, math.trunc(value))) if math.isfinite(value) else _saturated(value)


def _saturated(value: float) -> int:
    return LONG_MAX if value > 0 else LONG_MIN


@udf("TRUNC", category=_MATH, returns=_whole_part)
def trunc_decimal(value: Dec) -> Dec:
    return _at_scale(value, 0, ROUND_DOWN)


@udf("TRUNC", category=_MATH)
def trunc_double_to(value: Double, places: Int) -> Double:
    return _positive_zero(_at_scale(_decimal_text(value), places, ROUND_DOWN))


@udf("TRUNC", category=_MATH, returns=_same_as_first)
def trunc_decimal_to(value: Dec, places: Int) -> Dec:
    return _keep_scale(_at_scale(value, places, ROUND_DOWN), value)


@udf("SIGN", category=_MATH, description="-1, 0 or 1")
def sign(value: Number) -> Int:
    return (value > 0) - (value < 0)


@udf("SQRT", category=_MATH, description="The square root; NaN of negative numbers")
def sqrt(value: Number) -> Double:
    return math.nan if value < 0 else math.sqrt(value)


@udf("CBRT", category=_MATH, description="The cube root")
def cbrt(value: Number) -> Double:
    root = math.cbrt(value)
    if root == 0 or not math.isfinite(root):
        return root
    # C libraries differ in the last digit; one step of Newton's makes cubes of whole numbers exact, as in Java.
    return root - (root * root * root - value) / (3 * root * root)


@udf("EXP", category=_MATH, description="e to the power of a number")
def exp(value: Number) -> Double:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def natural_log(value: float) -> float:
    """ln, with -Infinity at 0 and NaN below."""
    if value > 0:
        return math.log(value)
    return -math.inf if value == 0 else math.nan


@udf("LN", category=_MATH, description="The natural logarithm")
def ln(value: Number) -> Double:
    return natural_log(value)


@udf("LOG", category=_MATH, description="The natural logarithm, or that to a base")
def log(value: Number) -> Double:
    return natural_log(value)


@udf("LOG", category=_MATH)
def log_base(base: Number, value: Number) -> Double:
    if base <= 0 or base == 1 or math.isnan(base):
        return math.nan
    return natural_log(value) / natural_log(base)


@udf("POWER", category=_MATH, description="One number to the power of another")
def power(base: Number, exponent: Number) -> Double:
    return _power(float(base), float(exponent))


def _power(base: float, exponent: float) -> float:
    if abs(base) == 1 and math.isinf(exponent):
        return math.nan
    if base == 1 and math.isnan(exponent):
        return math.nan
    try:
        return math.pow(base, exponent)
    except OverflowError:
        odd = exponent.is_integer() and exponent % 2 == 1
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        if base == 0 and exponent < 0:
            odd = exponent.is_integer() and exponent % 2 == 1
            return math.copysign(math.inf, base) if odd else math.inf
        return math.nan


@udf(
    "PI",
    category=_MATH,
    description="The ratio of a circle's circumference to its diameter",
    inline="3.141592653589793",
)
def pi() -> Double:
    return math.pi


@udf("RANDOM", category=_MATH, description="A random number, at least 0 and less than 1")
def random() -> Double:
    return _random.random()


@udf("ACOS", category=_MATH, description="The angle whose cosine this is")
def acos(value: Number) -> Double:
    return math.acos(value) if -1 <= value <= 1 else math.nan


@udf("ASIN", category=_MATH, description="The angle whose sine this is")
def asin(value: Number) -> Double:
    return math.asin(value) if -1 <= value <= 1 else math.nan


@udf("ATAN", category=_MATH, description="The angle whose tangent this is")
def atan(value: Number) -> Double:
    return math.atan(value)


@udf("ATAN2", category=_MATH, description="The angle of the point (x, y)")
def atan2(y: Number, x: Number) -> Double:
    return math.atan2(y, x)


def _of_angle(function: Callable[[float], float], value: float) -> float:
    return function(value) if math.isfinite(value) else math.nan


@udf("COS", category=_MATH, description="The cosine of an angle in radians")
def cos(value: Number) -> Double:
    return _of_angle(math.cos, value)


@udf("SIN", category=_MATH, description="The sine of an angle in radians")
def sin(value: Number) -> Double:
    return _of_angle(math.sin, value)


@udf("TAN", category=_MATH, description="The tangent of an angle in radians")
def tan(value: Number) -> Double:
    return _of_angle(math.tan, value)


@udf("COT", category=_MATH, description="The cotangent of an angle in radians")
def cot(value: Number) -> Double:
    tangent = _of_angle(math.tan, value)
    return 1 / tangent if tangent != 0 else math.copysign(math.inf, tangent)


@udf("COSH", category=_MATH, description="The hyperbolic cosine")
def cosh(value: Number) -> Double:
    try:
        return math.cosh(value)
    except OverflowError:
        return math.inf


@udf("SINH", category=_MATH, description="The hyperbolic sine")
def sinh(value: Number) -> Double:
    try:
        return math.sinh(value)
    except OverflowError:
        return math.copysign(math.inf, value)


@udf("TANH", category=_MATH, description="The hyperbolic tangent")
def tanh(value: Number) -> Double:
    return math.tanh(value)


@udf("DEGREES", category=_MATH, description="Radians to degrees")
def degrees(value: Number) -> Double:
    return value * (180.0 / math.pi)


@udf("RADIANS", category=_MATH, description="Degrees to radians")
def radians(value: Number) -> Double:
    return value * (math.pi / 180.0)
