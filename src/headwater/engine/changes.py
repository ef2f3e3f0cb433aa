"""What a statement that changes the catalog decides: data, made by pure functions and carried out elsewhere.

A `Change` is decided on a copy of the state for validation, and again for each command that is replayed at start; so
deciding it must have no effect of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headwater.cluster.api import TopicSpec
from headwater.core.names import quote
from headwater.core.types import SqlType
from headwater.formats.api import RegisteredSchema
from headwater.plan.catalog import DataSource, QueryLink
from headwater.plan.registered_schemas import SchemaSpec
from headwater.plan.steps import QueryPlan


@dataclass(frozen=True)
class CommandId:
    """`type/entity/action`, as `/status` knows a command."""

    type: str
    entity: str
    action: str

    def __str__(self) -> str:
        return f"{self.type}/{self.entity}/{self.action}"

    @classmethod
    def create(cls, kind: str, name: str) -> CommandId:
        """Of a statement that makes or feeds the source `name`; `kind` is `stream`, `table` or `type`."""
        return cls(kind, quote(name), "create")


@dataclass(frozen=True)
class QuerySpec:
    """A persistent query as the catalog keeps it; `properties` are the overrides in force when it was created."""

    query_id: str
    plan: QueryPlan
    sql: str
    properties: Mapping[str, str]
    link: QueryLink
    paused: bool = False
    internal: bool = False
    """The query behind a SOURCE table: it lives and dies with the table and cannot be addressed."""


@dataclass(frozen=True)
class PutSource:
    source: DataSource


@dataclass(frozen=True)
class RemoveSource:
    name: str


@dataclass(frozen=True)
class PutType:
    name: str
    type: SqlType


@dataclass(frozen=True)
class RemoveType:
    name: str


@dataclass(frozen=True)
class StartQuery:
    """`replaces` says that a query of this id runs and hands over its state and offsets."""

    query: QuerySpec
    replaces: bool = False


@dataclass(frozen=True)
class StopQuery:
    """For good: its internal topics and offsets go too."""

    query_id: str


@dataclass(frozen=True)
class PauseQuery:
    query_id: str
    paused: bool


@dataclass(frozen=True)
class DeleteTopic:
    """The topic and the registry's subjects of it."""

    topic: str
    subjects: tuple[str, ...] = ()


Edit = PutSource | RemoveSource | PutType | RemoveType | StartQuery | StopQuery | PauseQuery | DeleteTopic


@dataclass(frozen=True)
class Change:
    """What a statement does: topics and schemas to make first, then edits in order."""

    command: CommandId
    message: str
    edits: tuple[Edit, ...] = ()
    topics: tuple[TopicSpec, ...] = ()
    schemas: tuple[SchemaSpec, ...] = ()
    query_id: str | None = None
    numbered: bool = False
    """Whether `query_id` took the next number of the server's query counter."""


@dataclass(frozen=True)
class Unchanged:
    """Nothing to do, and why: IF NOT EXISTS on a name that exists, IF EXISTS on one that does not.

    With `command` it is answered as a command that succeeded, else as a warning.
    """

    message: str
    command: CommandId | None = None


@dataclass(frozen=True)
class Facts:
    """What deciding a statement learned from outside the catalog, kept in its command: a replay then decides the same.

    `topics` are partition counts by topic (None: does not exist); `latest` and `by_id` what the registry answered.
    """

    topics: Mapping[str, int | None] = field(default_factory=dict)
    latest: Mapping[str, RegisteredSchema | None] = field(default_factory=dict)
    by_id: Mapping[int, RegisteredSchema] = field(default_factory=dict)
