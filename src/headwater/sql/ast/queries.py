"""Nodes of a query: what is selected, from what, in which windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from headwater.core.errors import Position
from headwater.sql.ast.expressions import Expression
from headwater.sql.node import node


class TimeUnit(Enum):
    """Value is the unit's length in ms."""

    DAYS = 86_400_000
    HOURS = 3_600_000
    MINUTES = 60_000
    SECONDS = 1_000
    MILLISECONDS = 1


@node
class Duration:
    amount: int
    unit: TimeUnit

    @property
    def ms(self) -> int:
        return self.amount * self.unit.value


@dataclass(frozen=True)
class SelectItem:
    """Base of what a select list holds."""

    position: Position | None = field(default=None, compare=False, kw_only=True)


@node
class SingleColumn(SelectItem):
    expression: Expression
    alias: str | None = None


@node
class Star(SelectItem):
    """`*`, or `source.*`."""

    source: str | None = None


@node
class StructStar(SelectItem):
    """`expression -> *`."""

    base: Expression


@node
class Source:
    """A stream or table in FROM or JOIN; without an alias its own name qualifies its columns."""

    name: str
    alias: str | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)

    @property
    def qualifier(self) -> str:
        return self.alias or self.name


class JoinKind(Enum):
    INNER = "INNER"
    LEFT = "LEFT OUTER"
    RIGHT = "RIGHT OUTER"
    FULL = "FULL OUTER"


@node
class Within:
    """WITHIN before / after, in ms; `grace` None when not written."""

    before: Duration
    after: Duration
    grace: Duration | None = None


@node
class Join:
    kind: JoinKind
    source: Source
    on: Expression
    within: Within | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)


class WindowKind(Enum):
    TUMBLING = "TUMBLING"
    HOPPING = "HOPPING"
    SESSION = "SESSION"


@node
class Window:
    """`size` is the gap of a session window; `advance` only for hopping windows."""

    kind: WindowKind
    size: Duration
    advance: Duration | None = None
    retention: Duration | None = None
    grace: Duration | None = None


class Emit(Enum):
    CHANGES = "CHANGES"
    FINAL = "FINAL"


@node
class Query:
    """SELECT. Top-level without `emit` it is a pull query. Empty `group_by`/`partition_by` mean written but empty."""

    select: tuple[SelectItem, ...]
    source: Source
    joins: tuple[Join, ...] = ()
    window: Window | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] | None = None
    partition_by: tuple[Expression, ...] | None = None
    having: Expression | None = None
    emit: Emit | None = None
    limit: int | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)
