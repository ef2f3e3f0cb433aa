"""Array functions. NULL elements equal each other."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import Any, TypeVar

from headwater.core.errors import FunctionError
from headwater.core.javatext import decimal_text, double_text
from headwater.core.types import BYTES, STRING, Array, Field, Map, SqlType, Struct
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.ordering import signed_order, utf16_order
from headwater.plan.functions.types import Bigint, Double, Int, RequiredBigint, RequiredBool, RequiredInt

T = TypeVar("T")
_ARRAY = "ARRAY"
_MAX_SERIES = 10_000_000
"""More elements than this are a mistake, not a wish: the list alone would take hundreds of megabytes."""


def _distinct(items: Sequence[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(items))
    except TypeError:
        found: list[Any] = []
        for item in items:
            if item not in found:
                found.append(item)
        return found


@udf("ARRAY_LENGTH", category=_ARRAY, description="The number of elements", inline="len({0})")
def array_length(items: list[T]) -> Int:
    return len(items)


@udf(
    "ARRAY_CONTAINS",
    category=_ARRAY,
    description="Whether an element equals a value",
    inline="{w0} is not None and {1} in {0}",
)
def array_contains(items: list[T] | None, value: T | None) -> bool:
    return items is not None and value in items


@udf("ARRAY_CONCAT", category=_ARRAY, description="The elements of both arrays")
def array_concat(left: list[T] | None, right: list[T] | None) -> list[T] | None:
    if left is None or right is None:
        return left if right is None else right
    return left + right


@udf("ARRAY_DISTINCT", category=_ARRAY, description="Without repeated elements")
def array_distinct(items: list[T]) -> list[T]:
    return _distinct(items)


@udf("ARRAY_EXCEPT", category=_ARRAY, description="The elements of the first array that are not in the second")
def array_except(left: list[T], right: list[T]) -> list[T]:
    return [item for item in _distinct(left) if item not in right]


@udf("ARRAY_INTERSECT", category=_ARRAY, description="The elements that are in both arrays")
def array_intersect(left: list[T], right: list[T]) -> list[T]:
    return [item for item in _distinct(left) if item in right]


@udf("ARRAY_UNION", category=_ARRAY, description="The elements that are in either array")
def array_union(left: list[T], right: list[T]) -> list[T]:
    return _distinct(left + right)


@udf("ARRAY_REMOVE", category=_ARRAY, description="Without the elements that equal a value")
def array_remove(items: list[T], value: T | None) -> list[T]:
    return [item for item in items if item != value]


def _sort_key(types: Sequence[SqlType | None]) -> Any:
    element = types[0].element if isinstance(types[0], Array) else None
    return utf16_order if element == STRING else signed_order if element == BYTES else None


def _sorted(items: Sequence[Any], types: Sequence[SqlType | None], *, reverse: bool = False) -> list[Any]:
    present = [item for item in items if item is not None]
    return sorted(present, key=_sort_key(types), reverse=reverse)


@udf("ARRAY_MAX", category=_ARRAY, description="The largest element")
def array_max(items: list[T], *, types: Sequence[SqlType | None]) -> T | None:
    found = _sorted(items, types)
    return found[-1] if found else None


@udf("ARRAY_MIN", category=_ARRAY, description="The smallest element")
def array_min(items: list[T], *, types: Sequence[SqlType | None]) -> T | None:
    found = _sorted(items, types)
    return found[0] if found else None


@udf("ARRAY_SORT", category=_ARRAY, description="In order, ASC or DESC, NULLs last")
def array_sort(items: list[T], *, types: Sequence[SqlType | None]) -> list[T | None]:
    found = _sorted(items, types)
    return found + [None] * (len(items) - len(found))


@udf("ARRAY_SORT", category=_ARRAY)
def array_sort_in(items: list[T], direction: str, *, types: Sequence[SqlType | None]) -> list[T] | None:
    word = direction.strip().upper()
    if word not in ("ASC", "ASCENDING", "DESC", "DESCENDING"):
        return None
    found = _sorted(items, types, reverse=word.startswith("D"))
    return found + [None] * (len(items) - len(found))


def _element_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, decimal.Decimal):
        return decimal_text(value)
    if isinstance(value, (int, str)):
        return str(value)
    raise FunctionError(f"ARRAY_JOIN: elements must be booleans, numbers or strings, not {type(value).__name__}")


@udf("ARRAY_JOIN", category=_ARRAY, description="The elements as text, with a delimiter between them")
def array_join(items: list[T]) -> str:
    return ",".join(map(_element_text, items))


@udf("ARRAY_JOIN", category=_ARRAY)
def array_join_by(items: list[T], delimiter: str | None) -> str:
    return (delimiter or "").join(map(_element_text, items))


@udf("SLICE", category=_ARRAY, description="The elements from one index to another, both inclusive and counted from 1")
def slice_array(items: list[T], first: Int | None, last: Int | None) -> list[T] | None:
    start = 0 if first is None else first - 1
    end = len(items) if last is None else last
    return items[start:end] if 0 <= start <= end <= len(items) else None


def _series(first: int, last: int, step: int) -> list[int]:
    if step == 0:
        raise FunctionError("GENERATE_SERIES step cannot be zero")
    if (last - first) * step < 0:
        raise FunctionError("GENERATE_SERIES step has wrong sign")
    if abs((last - first) // step) > _MAX_SERIES:
        raise FunctionError(f"GENERATE_SERIES would give more than {_MAX_SERIES} elements")
    return list(range(first, last + (1 if step > 0 else -1), step))


@udf("GENERATE_SERIES", category=_ARRAY, description="The numbers from one to another, both inclusive")
def generate_series(first: RequiredInt, last: RequiredInt) -> list[Int]:
    return _series(first, last, 1 if last >= first else -1)


@udf("GENERATE_SERIES", category=_ARRAY)
def generate_series_step(first: RequiredInt, last: RequiredInt, step: RequiredInt) -> list[Int]:
    return _series(first, last, step)


@udf("GENERATE_SERIES", category=_ARRAY)
def generate_series_bigint(first: RequiredBigint, last: RequiredBigint) -> list[Bigint]:
    return _series(first, last, 1 if last >= first else -1)


@udf("GENERATE_SERIES", category=_ARRAY)
def generate_series_bigint_step(first: RequiredBigint, last: RequiredBigint, step: RequiredInt) -> list[Bigint]:
    return _series(first, last, step)


X = TypeVar("X", Int, Bigint, Double, bool, str)


def _entries_type(types: Sequence[SqlType | None]) -> SqlType:
    value = types[0].value if isinstance(types[0], Map) else STRING
    return Array(Struct((Field("K", STRING), Field("V", value))))


@udf(
    "ENTRIES",
    category=_ARRAY,
    description="The entries of a map as structs, sorted by key if wanted",
    returns=_entries_type,
)
def entries(mapping: dict[str, X], ordered: RequiredBool) -> list[X]:
    pairs: list[Any] = list(mapping.items())
    if ordered:
        pairs.sort(key=lambda pair: utf16_order(pair[0]))
    return pairs
