"""The vocabulary of function signatures: Python annotations that name SQL types, and types that match several.

| annotation | SQL parameter or result |
|---|---|
| `bool`, `int`, `float`, `str`, `bytes` | BOOLEAN, BIGINT, DOUBLE, STRING, BYTES |
| `Int`, `Bigint`, `Double`, `Date`, `Time`, `Timestamp` | the type of that name, as Python `int` or `float` |
| `Dec` | DECIMAL of any precision and scale |
| `list[X]`, `dict[K, V]` | ARRAY, MAP |
| `Annotated[tuple[...], struct(A=...)]` | STRUCT with those fields |
| a `TypeVar` | any type, the same one wherever it stands |
| a `TypeVar` with constraints | one overload per constraint |
| `Callable[[A, B], R]` | a lambda |
| `TimeUnit` | a bare interval keyword such as DAYS |
| `object` | any type, without a tie to others |

A parameter annotated `X` makes the function's result NULL when its argument is NULL, without a call; `X | None` means
that the function takes None itself; `Required[X]` (for example `Annotated[int, INTEGER, REQUIRED]`) fails on NULL.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

from headwater.core.types import (
    BIGINT,
    DATE,
    DOUBLE,
    INTEGER,
    TIME,
    TIMESTAMP,
    Field,
    SqlType,
    Struct,
)


@dataclass(frozen=True)
class AnyDecimal(SqlType):
    """DECIMAL of any precision and scale."""

    def __str__(self) -> str:
        return "DECIMAL"


@dataclass(frozen=True)
class AnyType(SqlType):
    """Any type at all."""

    def __str__(self) -> str:
        return "ANY"


@dataclass(frozen=True)
class Generic(SqlType):
    """A type variable: binds once per call."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class LambdaType(SqlType):
    """A lambda from `parameters` to `result`."""

    parameters: tuple[SqlType, ...]
    result: SqlType

    def __str__(self) -> str:
        inputs = ", ".join(map(str, self.parameters))
        return f"LAMBDA ({inputs}) => {self.result}"


@dataclass(frozen=True)
class IntervalType(SqlType):
    """A bare unit keyword (DAYS ... MILLISECONDS)."""

    def __str__(self) -> str:
        return "INTERVALUNIT"


class Nulls(Enum):
    """What a NULL argument does."""

    PROPAGATE = "the result is NULL"
    ACCEPT = "the function is called with None"
    REFUSE = "the call fails"


@dataclass(frozen=True)
class Prepared:
    """Marks a parameter whose argument is turned into something better first, once when it is a literal.

    `build` must raise for arguments it cannot prepare; that counts as failure of the call.
    """

    build: Callable[[Any], object]


REQUIRED = Nulls.REFUSE

Int = Annotated[int, INTEGER]
Bigint = Annotated[int, BIGINT]
Double = Annotated[float, DOUBLE]
Date = Annotated[int, DATE]
Time = Annotated[int, TIME]
Timestamp = Annotated[int, TIMESTAMP]
Dec = Annotated[decimal.Decimal, AnyDecimal()]
RequiredInt = Annotated[int, INTEGER, REQUIRED]
RequiredBigint = Annotated[int, BIGINT, REQUIRED]
RequiredBool = Annotated[bool, REQUIRED]


def struct(**fields: SqlType) -> Struct:
    """A STRUCT type for an annotation; field names are exact."""
    return Struct(tuple(Field(name, sql_type) for name, sql_type in fields.items()))


@dataclass(frozen=True)
class Argument:
    """What a call offers at one place: `type` None is an untyped NULL; a lambda has `arity` and no type yet."""

    type: SqlType | None
    is_literal: bool = False
    arity: int | None = None

    def __str__(self) -> str:
        if self.arity is not None:
            return "LAMBDA"
        return "null" if self.type is None else str(self.type)


@dataclass(frozen=True)
class Limits:
    """How much collections may hold: `ksql.functions.collect_list.limit` and `...collect_set.limit`, -1 for no limit.

    An aggregate whose `__init__` has a keyword-only parameter `limits` gets them.
    """

    collect_list: int = -1
    collect_set: int = -1
