"""Columns and schemas of sources: what a record's key, value and headers hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from headwater.core.names import quote
from headwater.core.types import BIGINT, INTEGER, SqlType


class Role(Enum):
    """Where in the record a column lives."""

    KEY = "KEY"
    VALUE = "VALUE"
    HEADER = "HEADER"


@dataclass(frozen=True)
class Column:
    """A named, typed column; a HEADER column with `header_key` None holds all headers."""

    name: str
    type: SqlType
    role: Role = Role.VALUE
    header_key: str | None = None


PSEUDO_COLUMNS: dict[str, SqlType] = {"ROWTIME": BIGINT, "ROWPARTITION": INTEGER, "ROWOFFSET": BIGINT}
"""Columns every source has without declaring them; never part of `SELECT *`."""

WINDOW_COLUMNS: dict[str, SqlType] = {"WINDOWSTART": BIGINT, "WINDOWEND": BIGINT}
"""Columns a windowed source has besides."""


@dataclass(frozen=True)
class Schema:
    """The ordered columns of a source. Order is declaration order; keys may stand anywhere but are usually first."""

    columns: tuple[Column, ...]

    @cached_property
    def key(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.role is Role.KEY)

    @cached_property
    def value(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.role is Role.VALUE)

    @cached_property
    def headers(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.role is Role.HEADER)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}

    def __str__(self) -> str:
        """As REST headers spell it: `` `A` INTEGER KEY, `B` STRING``."""
        suffix = {Role.KEY: " KEY", Role.VALUE: "", Role.HEADER: " HEADERS"}
        return ", ".join(f"{quote(c.name)} {c.type}{suffix[c.role]}" for c in self.columns)
