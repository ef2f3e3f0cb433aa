"""Judging values: does what a topic holds match what a case expects?

The expected side's JSON type decides how to compare, the column's SQL type how numbers are judged.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from headwater.core import types
from headwater.core.types import SqlType

TOLERANCE = 1e-6


def match(actual: Any, expected: Any, sql_type: SqlType | None = None, at: str = "") -> str:
    """"" if `actual` (JSON-like; structs and maps as dicts) matches, else where and why not."""
    place = at or "value"
    if isinstance(expected, Mapping):
        return _match_object(actual, expected, sql_type, at)
    if isinstance(expected, list):
        if not isinstance(actual, list):
            return f"{place}: expected a list, found {actual!r}"
        if len(actual) != len(expected):
            return f"{place}: expected {len(expected)} items, found {len(actual)}: {actual!r}"
        element = sql_type.element if isinstance(sql_type, types.Array) else None
        problems = (match(a, e, element, f"{at}[{i}]") for i, (a, e) in enumerate(zip(actual, expected, strict=True)))
        return next((p for p in problems if p), "")
    if _scalar(actual, expected, sql_type):
        return ""
    return f"{place}: expected {expected!r}, found {actual!r}"


def _match_object(actual: Any, expected: Mapping[str, Any], sql_type: SqlType | None, at: str) -> str:
    if not isinstance(actual, Mapping):
        return f"{at or 'value'}: expected an object, found {actual!r}"
    if len(actual) != len(expected):
        return f"{at or 'value'}: expected the fields {', '.join(expected)}, found {', '.join(map(str, actual))}"
    for name, value in expected.items():
        found = actual.get(name)
        key = name
        if found is None:
            key = name.upper()
            found = actual.get(key)
        problem = match(found, value, _member_type(sql_type, key, name), f"{at}.{name}")
        if problem:
            return problem
    return ""


def _member_type(sql_type: SqlType | None, *names: str) -> SqlType | None:
    if isinstance(sql_type, types.Map):
        return sql_type.value
    if isinstance(sql_type, types.Struct):
        fields = {f.name: f.type for f in sql_type.fields}
        return next((fields[name] for name in names if name in fields), None)
    return None


def _scalar(actual: Any, expected: Any, sql_type: SqlType | None) -> bool:
    if expected is None or isinstance(expected, bool):
        return actual is expected
    if isinstance(expected, str):
        if isinstance(actual, Decimal):
            return _same_decimal(actual, Decimal(expected))
        if isinstance(actual, bytes):
            return base64.b64encode(actual).decode() == expected
        if isinstance(actual, float):
            return str(actual).lower() in (expected.lower(), {"infinity": "inf", "-infinity": "-inf"}.get(expected.lower()))
        return bool(actual == expected)
    if isinstance(actual, bool) or not isinstance(actual, int | float | Decimal):
        return False
    if isinstance(sql_type, types.Decimal):
        return _same_decimal(Decimal(actual), Decimal(expected))
    if sql_type == types.DOUBLE or (sql_type is None and isinstance(actual, float)):
        return math.isclose(float(actual), float(expected), rel_tol=0.0, abs_tol=TOLERANCE) or float(actual) == float(expected)
    if sql_type is None and isinstance(actual, Decimal):
        return actual == expected
    return int(actual) == int(expected)


def _same_decimal(actual: Decimal, expected: Decimal) -> bool:
    """Equal digits and exponent."""
    return actual.as_tuple() == expected.as_tuple() or (
        actual == expected and actual.as_tuple().exponent == expected.as_tuple().exponent)


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


def first_difference(actual: Sequence[object], expected: Sequence[object]) -> str:
    """A line about sequences of different length."""
    return f"expected {len(expected)} records, found {len(actual)}"
