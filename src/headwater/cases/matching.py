"""Judging values: does what a topic or a response holds match what a case expects?

The JSON type of the expected side decides how to compare, the column's SQL type how numbers are judged.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from headwater.core import types
from headwater.core.types import SqlType

TOLERANCE = 1e-6
"""Between doubles, absolute: expected values are written with as many digits as their author liked."""

_DOUBLE_NAMES = {"nan": "nan", "infinity": "inf", "-infinity": "-inf"}


def match(actual: Any, expected: Any, sql_type: SqlType | None = None, at: str = "") -> str:
    """Where and why `actual` does not match; the empty string if it does.

    `actual` is JSON-like: structs and maps are dicts. Without `sql_type` numbers are judged by their Python types.
    """
    if isinstance(expected, Mapping):
        return _match_object(actual, expected, sql_type, at)
    if isinstance(expected, list):
        return _match_list(actual, expected, sql_type, at)
    if _is_same_scalar(actual, expected, sql_type):
        return ""
    return f"{at or 'value'}: expected {shown(expected)}, found {shown(actual)}"


def _match_list(actual: Any, expected: list[Any], sql_type: SqlType | None, at: str) -> str:
    place = at or "value"
    if not isinstance(actual, list):
        return f"{place}: expected a list, found {shown(actual)}"
    if len(actual) != len(expected):
        return f"{place}: expected {len(expected)} items, found {len(actual)}: {shown(actual)}"
    element = sql_type.element if isinstance(sql_type, types.Array) else None
    problems = (match(a, e, element, f"{at}[{i}]") for i, (a, e) in enumerate(zip(actual, expected, strict=True)))
    return next((problem for problem in problems if problem), "")


def _match_object(actual: Any, expected: Mapping[str, Any], sql_type: SqlType | None, at: str) -> str:
    """Fields are looked up as written, then in upper case; there must be no others."""
    place = at or "value"
    if not isinstance(actual, Mapping):
        return f"{place}: expected an object, found {shown(actual)}"
    if len(actual) != len(expected):
        return f"{place}: expected the fields {', '.join(expected)}, found {', '.join(map(str, actual))}"
    for name, value in expected.items():
        key = name if actual.get(name) is not None else name.upper()
        problem = match(actual.get(key), value, _member_type(sql_type, key), f"{at}.{name}")
        if problem:
            return problem
    return ""


def _member_type(sql_type: SqlType | None, name: str) -> SqlType | None:
    if isinstance(sql_type, types.Map):
        return sql_type.value
    if isinstance(sql_type, types.Struct):
        return next((field.type for field in sql_type.fields if field.name == name), None)
    return None


def _is_same_scalar(actual: Any, expected: Any, sql_type: SqlType | None) -> bool:
    if expected is None:
        return actual is None or actual == b""
    if isinstance(expected, bool):
        return actual is expected
    if isinstance(expected, str):
        return _is_same_text(actual, expected)
    return _is_same_number(actual, expected, sql_type)


def _is_same_text(actual: Any, expected: str) -> bool:
    if isinstance(actual, Decimal):
        return _is_same_decimal(actual, Decimal(expected))
    if isinstance(actual, bytes):
        return base64.b64encode(actual).decode() == expected
    if isinstance(actual, float):
        return str(actual) == _DOUBLE_NAMES.get(expected.lower())
    return isinstance(actual, str) and actual == expected


def _is_same_number(actual: Any, expected: Any, sql_type: SqlType | None) -> bool:
    if isinstance(actual, bool) or not isinstance(actual, int | float | Decimal):
        return False
    if isinstance(sql_type, types.Decimal):
        return _is_same_decimal(Decimal(actual), Decimal(expected))
    if sql_type == types.DOUBLE or (sql_type is None and not isinstance(actual, int)):
        return float(actual) == float(expected) or abs(float(actual) - float(expected)) < TOLERANCE
    return int(actual) == int(expected)


def _is_same_decimal(actual: Decimal, expected: Decimal) -> bool:
    """Equal value and equal scale."""
    return actual == expected and actual.as_tuple().exponent == expected.as_tuple().exponent


def differing_lexeme(actual: Any, expected: Any) -> str:
    """The first number that is equal but spelled in other digits; "" if there is none.

    For data that was written as text. `actual` has matched already; its fractions are decimals as they were spelled.
    """
    if isinstance(expected, Mapping):
        pairs = [
            (actual.get(n) if actual.get(n) is not None else actual.get(n.upper()), e) for n, e in expected.items()
        ]
    elif isinstance(expected, list):
        pairs = list(zip(actual, expected, strict=True))
    elif isinstance(expected, bool) or not isinstance(expected, int | Decimal):
        return ""
    else:
        same = Decimal(actual).as_tuple() == Decimal(expected).as_tuple()
        return "" if same else f"expected {expected}, found {actual}"
    return next((found for a, e in pairs if (found := differing_lexeme(a, e))), "")


def plain(value: Any, sql_type: SqlType) -> Any:
    """An in-memory value as JSON-like data: structs as objects."""
    if value is None:
        return None
    if isinstance(sql_type, types.Struct):
        return {f.name: plain(v, f.type) for f, v in zip(sql_type.fields, value, strict=True)}
    if isinstance(sql_type, types.Array):
        return [plain(v, sql_type.element) for v in value]
    if isinstance(sql_type, types.Map):
        return {k: plain(v, sql_type.value) for k, v in value.items()}
    return value


def shown(value: Any) -> str:
    """A value in a message; decimals as numbers."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {shown(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return repr(value)
