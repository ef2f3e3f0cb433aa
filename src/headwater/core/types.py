"""The SQL types, as values, and how a value of each is held in memory.

| SQL | Python value |
|---|---|
| BOOLEAN | bool |
| INTEGER, BIGINT | int |
| DOUBLE | float |
| DECIMAL(p, s) | decimal.Decimal, always with exactly `s` fraction digits |
| STRING | str |
| BYTES | bytes |
| DATE | int, days since 1970-01-01 |
| TIME | int, ms since midnight |
| TIMESTAMP | int, ms since the epoch, UTC |
| ARRAY | list |
| MAP | dict |
| STRUCT | tuple, one item per field in declared order |

NULL is None everywhere. Types are immutable, comparable and hashable; `str(type)` is the SQL text that error messages,
DESCRIBE and REST headers use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from headwater.core.names import quote_if_needed


@dataclass(frozen=True)
class SqlType:
    """Base of all types; compare with `==`."""


@dataclass(frozen=True)
class Scalar(SqlType):
    """A type without parameters; use the constants below, never new instances."""

    name: str

    def __str__(self) -> str:
        return self.name


BOOLEAN = Scalar("BOOLEAN")
INTEGER = Scalar("INTEGER")
BIGINT = Scalar("BIGINT")
DOUBLE = Scalar("DOUBLE")
STRING = Scalar("STRING")
BYTES = Scalar("BYTES")
DATE = Scalar("DATE")
TIME = Scalar("TIME")
TIMESTAMP = Scalar("TIMESTAMP")

SCALARS: dict[str, Scalar] = {
    t.name: t for t in (BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING, BYTES, DATE, TIME, TIMESTAMP)
} | {"INT": INTEGER, "VARCHAR": STRING}
"""Every spelling a scalar type has in SQL text."""


@dataclass(frozen=True)
class Decimal(SqlType):
    """Exact decimal: `precision` digits in all, `scale` of them after the point. No upper bound."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


@dataclass(frozen=True)
class Array(SqlType):
    element: SqlType

    def __str__(self) -> str:
        return f"ARRAY<{self.element}>"


@dataclass(frozen=True)
class Map(SqlType):
    key: SqlType
    value: SqlType

    def __str__(self) -> str:
        return f"MAP<{self.key}, {self.value}>"


@dataclass(frozen=True)
class Field:
    """A field of a struct; `name` is exact (case kept)."""

    name: str
    type: SqlType


@dataclass(frozen=True)
class Struct(SqlType):
    fields: tuple[Field, ...]

    @cached_property
    def index(self) -> dict[str, int]:
        """Field name to position in the value tuple."""
        return {field.name: i for i, field in enumerate(self.fields)}

    def __str__(self) -> str:
        return f"STRUCT<{', '.join(f'{quote_if_needed(f.name, always=True)} {f.type}' for f in self.fields)}>"


NUMERIC_ORDER = (INTEGER, BIGINT, Decimal, DOUBLE)
"""Implicit widening goes left to right: INTEGER -> BIGINT -> DECIMAL -> DOUBLE."""


def is_numeric(sql_type: SqlType) -> bool:
    """Whether arithmetic applies."""
    return sql_type in (INTEGER, BIGINT, DOUBLE) or isinstance(sql_type, Decimal)
