"""Numbers as Java prints and parses them, because SQL text, JSON and CSV of the ecosystem were written by Java.

Rules are those of `Double.toString`, `BigDecimal.toPlainString`, `Double.parseDouble`, `Integer.parseInt` and
`Long.parseLong`. Digits are the shortest that read back as the same double (as the JDK does since version 19).
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?\Z")
_HEX_FLOAT = re.compile(r"([+-]?)0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+[fFdD]?\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,10})?\Z")
_JAVA_BLANKS = "".join(map(chr, range(33)))
_TINY = 1e-320
"""Below this a double has less than two significant digits, and Java prints at least two: it chooses differently."""


def double_text(value: float) -> str:
    """The text of a DOUBLE: plain with a fraction digit when 1e-3 <= |x| < 1e7, else `d.dE±n`; `NaN`, `Infinity`.

    >>> [double_text(x) for x in (100000.0, 1.23e10, 1e-4, -0.0, 5e-324)]
    ['100000.0', '1.23E10', '1.0E-4', '-0.0', '4.9E-324']
    """
    magnitude = abs(value)
    if 1e-3 <= magnitude < 1e7:
        return repr(value)
    if magnitude == 0.0:
        return "-0.0" if math.copysign(1.0, value) < 0 else "0.0"
    if math.isnan(magnitude):
        return "NaN"
    if magnitude == math.inf:
        return "Infinity" if value > 0 else "-Infinity"
    return _scientific(value, magnitude)


def _scientific(value: float, magnitude: float) -> str:
    text = repr(magnitude)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if magnitude < _TINY and len(whole + fraction) == 1:
        mantissa, _, exponent = f"{magnitude:.1e}".partition("e")
        whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    significant = digits.lstrip("0")
    power = int(exponent or 0) + len(whole) - 1 - (len(digits) - len(significant))
    significant = significant.rstrip("0")
    sign = "-" if value < 0 else ""
    return f"{sign}{significant[0]}.{significant[1:] or '0'}E{power}"


def decimal_text(value: Decimal) -> str:
    """The text of a DECIMAL: plain digits, all of its fraction digits, never an exponent."""
    if value.is_zero():
        value = value.copy_abs()
    return format(value, "f")


def parse_double(text: str) -> float:
    """Java's `Double.parseDouble`: surrounding blanks, `NaN`, `Infinity`, a suffix d or f and hex floats are taken.

    Raises `ValueError` on anything else. Too large is infinite, too small is zero.
    """
    text = text.strip(_JAVA_BLANKS)
    if _FLOAT.match(text):
        return float(text.rstrip("fFdD"))
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "NaN":
        return math.nan
    if unsigned == "Infinity":
        return -math.inf if text[0] == "-" else math.inf
    if _HEX_FLOAT.match(text):
        # A hex float's digits may end in d or f only before its exponent, so the suffix is safe to strip.
        try:
            return float.fromhex(text.rstrip("fFdD"))
        except OverflowError:
            return -math.inf if text[0] == "-" else math.inf
    raise ValueError(f'For input string: "{text}"')


def parse_int(text: str) -> int:
    """Java's `Integer.parseInt`: optional sign and ASCII digits, 32 bits. Raises `ValueError`."""
    return _parse_integer(text, INT_MIN, INT_MAX)


def parse_long(text: str) -> int:
    """Java's `Long.parseLong`: optional sign and ASCII digits, 64 bits. Raises `ValueError`."""
    return _parse_integer(text, LONG_MIN, LONG_MAX)


def _parse_integer(text: str, low: int, high: int) -> int:
    # The length test keeps a hostile run of digits from costing quadratic time.
    if _INTEGER.match(text) and (len(text) < 40 or len(text.lstrip("+-0")) < 20):
        value = int(text) if len(text) < 40 else int(text.lstrip("+-0") or "0") * (-1 if text[0] == "-" else 1)
        if low <= value <= high:
            return value
    raise ValueError(f'For input string: "{text}"')


def parse_decimal(text: str) -> Decimal:
    """Java's `new BigDecimal(text)`: exact, exponent allowed, no blanks, no NaN. Raises `ValueError`."""
    if _DECIMAL.match(text):
        with suppress(InvalidOperation):
            return Decimal(text)
    raise ValueError(f'For input string: "{text}"')


def wrap_int(value: int) -> int:
    """The low 32 bits as a signed number, as a Java cast to int does."""
    return ((value + 2**31) & 0xFFFFFFFF) - 2**31


def wrap_long(value: int) -> int:
    """The low 64 bits as a signed number, as a Java cast to long does."""
    return ((value + 2**63) & 0xFFFFFFFFFFFFFFFF) - 2**63
