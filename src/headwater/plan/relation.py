"""What analysis knows about a part of a plan: the step, what its key columns mean, and how keys are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from headwater.core.schema import Column, Role, Schema
from headwater.core.types import SqlType
from headwater.formats.api import SchemaRegistry
from headwater.plan.catalog import MetaStore
from headwater.plan.functions import FunctionRegistry
from headwater.plan.steps import FormatSpec, Step
from headwater.sql.ast import ColumnRef, Expression

TypeOf = Callable[[Expression], SqlType | None]
"""The type of a qualified expression."""
Resolve = Callable[[ColumnRef], SqlType]
"""The type of a lowered column reference; raises AnalysisError when there is no such column."""


class TopicLookup(Protocol):
    """What planning asks about topics."""

    def partitions(self, topic: str) -> int | None:
        """The topic's partition count; None when it does not exist."""
        ...


@dataclass(frozen=True)
class Context:
    """What a plan is made against. `settings` are the session's properties over the server's."""

    metastore: MetaStore
    functions: FunctionRegistry
    settings: Mapping[str, str]
    topics: TopicLookup
    registry: SchemaRegistry | None = None

    def flag(self, name: str, default: bool) -> bool:
        """A boolean setting."""
        return str(self.settings.get(name, default)).strip().lower() == "true"


class KeyOrigin(Enum):
    """Where a relation's key comes from; decides how a missing key column is explained."""

    SOURCE = "key column"
    JOIN = "join expression"
    FOREIGN_KEY = "primary key column"
    PARTITION = "partitioning expression"
    GROUP = "grouping expression"


@dataclass(frozen=True)
class Relation:
    """A step with the meaning of its key: for each key column the qualified expressions that equal it, preferred first.

    `synthetic` is the user-visible name of a join key that no source column equals.
    """

    step: Step
    key_format: FormatSpec
    keys: tuple[tuple[Expression, ...], ...]
    origin: KeyOrigin
    synthetic: str | None = None

    def is_key(self, expression: Expression) -> bool:
        """Whether the qualified expression is the whole key."""
        return len(self.keys) == 1 and expression in self.keys[0]


def as_values(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns, all as value columns."""
    return tuple(c if c.role is Role.VALUE else Column(c.name, c.type) for c in columns)


def rekeyed_schema(schema: Schema, keys: tuple[tuple[str, SqlType], ...]) -> Schema:
    """The schema after a Rekey: the new keys, then everything else as values."""
    names = {name for name, _ in keys}
    rest = as_values(tuple(c for c in schema.columns if c.name not in names))
    return Schema((*(Column(n, t, Role.KEY) for n, t in keys), *rest))
