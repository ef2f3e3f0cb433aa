"""Which tables and columns are captured, and how the values of some are hidden: lists of regular expressions.

As in Debezium a pattern matches the whole name, without regard to case: `public.orders`, `public.orders.card`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from headwater.connect.config import Config
from headwater.connect.connectors.postgres.columns import TableId

SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
_COMMA = re.compile(r"(?<!\\),")
_HASH = re.compile(r"^column\.mask\.hash(?:\.v2)?\.([^.]+)\.with\.salt\.(.+)$")
_STARS = re.compile(r"^column\.mask\.with\.(\d+)\.chars$")
_TRUNCATE = re.compile(r"^column\.truncate\.to\.(\d+)\.chars$")


def patterns(text: str) -> tuple[re.Pattern[str], ...]:
    """The patterns of a list. Raises `ValueError` naming the one that is no regular expression."""
    found = []
    for part in _COMMA.split(text):
        cleaned = part.strip().replace("\\,", ",")
        if cleaned:
            try:
                found.append(re.compile(cleaned, re.IGNORECASE))
            except re.error as error:
                raise ValueError(f"'{cleaned}' is not a regular expression: {error}") from None
    return tuple(found)


def matches(list_: Iterable[re.Pattern[str]], name: str) -> bool:
    """Whether any pattern matches the whole name."""
    return any(pattern.fullmatch(name) for pattern in list_)


@dataclass(frozen=True)
class Choice:
    """An include list or an exclude list; at most one of both is given."""

    include: tuple[re.Pattern[str], ...] = ()
    exclude: tuple[re.Pattern[str], ...] = ()

    def takes(self, name: str) -> bool:
        """Whether something of this name is captured."""
        return matches(self.include, name) if self.include else not matches(self.exclude, name)


@dataclass(frozen=True)
class Mask:
    """What replaces the text of some columns."""

    columns: tuple[re.Pattern[str], ...]
    apply: Callable[[str], str]
    whole: bool
    """Whether every value is replaced, null included (a row of stars)."""


@dataclass(frozen=True)
class Filters:
    """What the configuration says about tables and columns."""

    schemas: Choice = field(default_factory=Choice)
    tables: Choice = field(default_factory=Choice)
    columns: Choice = field(default_factory=Choice)
    masks: tuple[Mask, ...] = ()
    keys: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = ()
    """message.key.columns: columns that are the key of tables."""

    def takes_table(self, table: TableId) -> bool:
        """Whether a table's changes are captured."""
        return table.schema not in SYSTEM_SCHEMAS and self.schemas.takes(table.schema) and self.tables.takes(str(table))

    def takes_column(self, table: TableId, column: str) -> bool:
        """Whether a column is in the records."""
        return self.columns.takes(f"{table}.{column}")

    def key_of(self, table: TableId) -> tuple[str, ...] | None:
        """The columns that the configuration makes the key; None to leave it to the table."""
        return next((columns for pattern, columns in self.keys if pattern.fullmatch(str(table))), None)

    def mask(self, table: TableId, column: str) -> Mask | None:
        """What hides the values of a column."""
        name = f"{table}.{column}"
        return next((mask for mask in self.masks if matches(mask.columns, name)), None)


def filters(config: Config) -> Filters:
    """The filters of a configuration that was validated."""
    return Filters(
        Choice(patterns(config.text("schema.include.list")), patterns(config.text("schema.exclude.list"))),
        Choice(patterns(config.text("table.include.list")), patterns(config.text("table.exclude.list"))),
        Choice(patterns(config.text("column.include.list")), patterns(config.text("column.exclude.list"))),
        tuple(_masks(config.raw)),
        tuple(_keys(config.text("message.key.columns"))),
    )


def _keys(text: str) -> Iterable[tuple[re.Pattern[str], tuple[str, ...]]]:
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        table, colon, columns = entry.rpartition(":")
        if not colon:
            raise ValueError(f"message.key.columns: '{entry}' is not <table>:<column>,<column>")
        for pattern in patterns(table):
            yield pattern, tuple(column.strip() for column in columns.split(",") if column.strip())


def _masks(raw: Mapping[str, str]) -> Iterable[Mask]:
    for name, value in raw.items():
        if found := _STARS.match(name):
            stars = "*" * int(found[1])
            yield Mask(patterns(value), lambda _text, stars=stars: stars, whole=True)  # type: ignore[misc]
        elif found := _TRUNCATE.match(name):
            length = int(found[1])
            yield Mask(patterns(value), lambda text, length=length: text[:length], whole=False)  # type: ignore[misc]
        elif found := _HASH.match(name):
            yield Mask(patterns(value), _hasher(found[1], found[2]), whole=False)


def _hasher(algorithm: str, salt: str) -> Callable[[str], str]:
    name = algorithm.lower().replace("-", "")
    if name not in hashlib.algorithms_available:
        raise ValueError(f"column.mask.hash: there is no digest {algorithm}; use SHA-256")
    # Only the data decides how secret the result is, so a short digest is shown whole.
    return lambda text: hashlib.new(name, salt.encode() + text.encode()).hexdigest()
