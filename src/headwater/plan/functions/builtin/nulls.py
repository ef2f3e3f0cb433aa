"""NULL handling, GREATEST and LEAST, and AS_VALUE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from headwater.core.types import Decimal, SqlType
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.ordering import signed_order, utf16_order
from headwater.plan.functions.types import Bigint, Date, Dec, Double, Int, Time, Timestamp

T = TypeVar("T")
Plain = TypeVar("Plain", Int, Bigint, Double, Date, Time, Timestamp)


@udf("AS_VALUE", description="Marks a copy of a key column for the value", inline="{0}")
def as_value(value: T | None) -> T | None:
    return value


@udf(
    "IFNULL",
    category="CONDITIONAL",
    description="The first argument, or the second where the first is NULL",
    inline="{0} if {w0} is not None else {c1}",
)
def ifnull(value: T | None, other: T | None) -> T | None:
    return value if value is not None else other


def _first_present(count: int) -> str:
    """Arguments after the first are evaluated only when needed, so they must be columns or constants."""
    tests = [f"{{{'w' if i == 0 else 'c'}{i}}} is not None" for i in range(count - 1)]
    values = [f"{{{'' if i == 0 else 'c'}{i}}}" for i in range(count)]
    return " else ".join([*(f"{v} if {t}" for v, t in zip(values, tests, strict=False)), values[-1]])


@udf("COALESCE", category="CONDITIONAL", description="The first argument that is not NULL", inline=_first_present)
def coalesce(first: T | None, *others: T | None) -> T | None:
    if first is not None:
        return first
    return next((value for value in others if value is not None), None)


@udf("NULLIF", category="CONDITIONAL", description="NULL where both arguments are equal, else the first")
def nullif(value: T | None, other: T | None) -> T | None:
    return None if value == other else value


def widened_decimal(types: Sequence[SqlType | None]) -> SqlType:
    """The DECIMAL that holds all arguments."""
    known = [t for t in types if isinstance(t, Decimal)]
    scale = max((t.scale for t in known), default=0)
    return Decimal(max((t.precision - t.scale for t in known), default=1) + scale, scale)


def _present(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


@udf("GREATEST", category="CONDITIONAL", description="The largest argument, NULLs left out")
def greatest(first: Plain | None, *others: Plain | None) -> Plain | None:
    return max(_present((first, *others)), default=None)


@udf("GREATEST", category="CONDITIONAL", returns=widened_decimal)
def greatest_decimal(first: Dec | None, *others: Dec | None) -> Dec | None:
    """The argument as it is, even where the result's type has more fraction digits: data show ksqlDB's digits."""
    return max(_present((first, *others)), default=None)


@udf("GREATEST", category="CONDITIONAL")
def greatest_string(first: str | None, *others: str | None) -> str | None:
    return max(_present((first, *others)), key=utf16_order, default=None)


@udf("GREATEST", category="CONDITIONAL")
def greatest_bytes(first: bytes | None, *others: bytes | None) -> bytes | None:
    return max(_present((first, *others)), key=signed_order, default=None)


@udf("LEAST", category="CONDITIONAL", description="The smallest argument, NULLs left out")
def least(first: Plain | None, *others: Plain | None) -> Plain | None:
    return min(_present((first, *others)), default=None)


@udf("LEAST", category="CONDITIONAL", returns=widened_decimal)
def least_decimal(first: Dec | None, *others: Dec | None) -> Dec | None:
    return min(_present((first, *others)), default=None)


@udf("LEAST", category="CONDITIONAL")
def least_string(first: str | None, *others: str | None) -> str | None:
    return min(_present((first, *others)), key=utf16_order, default=None)


@udf("LEAST", category="CONDITIONAL")
def least_bytes(first: bytes | None, *others: bytes | None) -> bytes | None:
    return min(_present((first, *others)), key=signed_order, default=None)
