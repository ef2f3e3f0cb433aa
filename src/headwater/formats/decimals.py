"""Fits numbers into DECIMAL(p, s): exactly `s` fraction digits, never rounding."""

from __future__ import annotations

import decimal
from collections.abc import Callable

from headwater.core import types as t
from headwater.core.javatext import decimal_text
from headwater.formats.failures import Refused

_EXPONENT_LIMIT = 100_000
"""Numbers with larger exponents are refused before arithmetic: expanding `1e999999999` would take the process down."""


def fitter(sql_type: t.Decimal) -> Callable[[decimal.Decimal], decimal.Decimal]:
    """A function that gives a number exactly `scale` fraction digits; raises `Refused` where digits would be lost."""
    scale, whole_digits = sql_type.scale, sql_type.precision - sql_type.scale
    quantum = decimal.Decimal((0, (1,), -scale))
    zero = decimal.Decimal((0, (0,), -scale))
    limit = decimal.Decimal((0, (1,), whole_digits))
    context = decimal.Context(
        prec=max(sql_type.precision, 1), traps=[decimal.Inexact, decimal.InvalidOperation], Emin=-999_999, Emax=999_999
    )

    def fit(number: decimal.Decimal) -> decimal.Decimal:
        if not number.is_finite():
            raise Refused(f"Not a number: {number}")
        if not number:
            return zero
        if number.same_quantum(quantum) and -limit < number < limit:
            return number
        if number.adjusted() >= whole_digits:
            raise Refused(
                f"Numeric field overflow: A field with precision {sql_type.precision} and scale {scale} "
                f"must round to an absolute value less than 10^{whole_digits}. Got {_shown(number)}"
            )
        try:
            return number.quantize(quantum, context=context)
        except (decimal.Inexact, decimal.InvalidOperation):
            raise Refused(f"Cannot fit decimal '{_shown(number)}' into {sql_type} without rounding.") from None

    return fit


def _shown(number: decimal.Decimal) -> str:
    return decimal_text(number) if abs(number.adjusted()) < 100 else str(number)


def unscaled_int(value: decimal.Decimal) -> int:
    """All digits of a decimal as an integer, without its point: 1.50 is 150."""
    sign, digits, _ = value.as_tuple()
    number = int("".join(map(str, digits)))
    return -number if sign else number


def from_unscaled(number: int, scale: int) -> decimal.Decimal:
    """The decimal of an integer and the count of its fraction digits: 150 and 2 is 1.50."""
    return decimal.Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))
