"""Quick coercions for members that a topic writes in another JSON type than the column's: numbers in quotes, or text
columns that hold numbers.

The quick decoder of such a column decodes whatever is there, and a function from here makes the value of it. What is
not covered is refused, so that the exact reader decides.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

from headwater.core import types as t
from headwater.core.javatext import (
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    parse_decimal,
    parse_double,
    parse_int,
    parse_long,
)
from headwater.formats.decimals import fitter
from headwater.formats.failures import Refused
from headwater.formats.json_exact import MILLIS_PER_DAY, Number

Fix = Callable[[Any], Any]

_EXPONENT_LIMIT = 10**9
"""Numbers beyond have no exact decimal; their text is the exact reader's business."""


def is_loose(sql_type: t.SqlType, node: object) -> bool:
    """Whether a document's node needs a coercion that a function from here makes."""
    if sql_type == t.STRING:
        return isinstance(node, Number | bool)
    return type(node) is str and (sql_type in _NUMBERS or sql_type == t.DOUBLE or isinstance(sql_type, t.Decimal))


def fix_of(sql_type: t.SqlType) -> Fix:
    """A function from what msgspec decodes without a type (floats as decimals) to the value of a type; None stays None.

    Raises `Refused`.
    """
    if sql_type == t.STRING:
        return _text
    if isinstance(sql_type, t.Decimal):
        return _decimal(sql_type)
    return _double if sql_type == t.DOUBLE else _number(*_NUMBERS[sql_type])


def _text(node: Any) -> Any:
    if node is None or node.__class__ is str:
        return node
    if node.__class__ is int:
        return str(node)
    if node.__class__ is bool:
        return "true" if node else "false"
    if node.__class__ is decimal.Decimal and abs(node.adjusted()) < _EXPONENT_LIMIT:
        return str(node)
    raise Refused("neither text nor a plain value")


def _decimal(sql_type: t.Decimal) -> Fix:
    fit = fitter(sql_type)

    def fix(node: Any) -> Any:
        if node is None:
            return None
        if node.__class__ is decimal.Decimal:
            return fit(node)
        if node.__class__ is int:
            return fit(decimal.Decimal(node))
        return fit(_parsed(node, parse_decimal))

    return fix


def _number(parse: Callable[[str], Any], low: int, high: int) -> Fix:
    def fix(node: Any) -> Any:
        if node is None:
            return None
        if node.__class__ is not int:
            node = _parsed(node, parse)
        if low <= node <= high:
            return node
        raise Refused("out of range")

    return fix


def _double(node: Any) -> Any:
    if node is None:
        return None
    if node.__class__ is decimal.Decimal or node.__class__ is int:
        return float(node)
    return _parsed(node, parse_double)


def _parsed(node: Any, parse: Callable[[str], Any]) -> Any:
    if node.__class__ is not str:
        raise Refused("neither a number nor text")
    try:
        return parse(node)
    except ValueError as error:
        raise Refused(str(error)) from None


_NUMBERS: dict[t.SqlType, tuple[Callable[[str], Any], int, int]] = {
    t.INTEGER: (parse_int, INT_MIN, INT_MAX),
    t.BIGINT: (parse_long, LONG_MIN, LONG_MAX),
    t.DATE: (parse_int, INT_MIN, INT_MAX),
    t.TIME: (parse_long, 0, MILLIS_PER_DAY),
    t.TIMESTAMP: (parse_long, LONG_MIN, LONG_MAX),
}
