"""Tables, columns and types as the database's catalog describes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of type: `pg_type.typtype`."""

    BASE = "b"
    COMPOSITE = "c"
    DOMAIN = "d"
    ENUM = "e"
    PSEUDO = "p"
    RANGE = "r"
    MULTIRANGE = "m"


@dataclass(frozen=True, slots=True)
class PgType:
    """A row of `pg_type`. `base` and `modifier` belong to a domain, `element` (0: none) to an array, `labels` to an
    enum."""

    oid: int
    schema: str
    name: str
    kind: Kind
    base: int = 0
    modifier: int = -1
    element: int = 0
    delimiter: str = ","
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `default` is SQL text. `modifier` -1 stands for none (`numeric` without digits)."""

    name: str
    type_oid: int
    modifier: int = -1
    nullable: bool = True
    default: str | None = None


@dataclass(frozen=True, slots=True)
class TableId:
    """Where a table is."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table's columns in order, and the names of those that identify a row."""

    id: TableId
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    identity: str = "d"
    """Replica identity: (d)efault, (n)othing, (f)ull, (i)ndex."""
