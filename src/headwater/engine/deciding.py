"""What the deciders of statements are given. They read it and return a `Change`; they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from headwater.cluster.api import TopicSpec
from headwater.core.errors import AnalysisError
from headwater.engine.changes import Change, Unchanged
from headwater.engine.sandbox import Topics
from headwater.engine.settings import EngineSettings
from headwater.engine.state import SqlState
from headwater.formats.api import SchemaRegistry
from headwater.plan import create
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.functions import FunctionRegistry
from headwater.plan.planner import Planner
from headwater.sql import ast

S = TypeVar("S", bound=ast.Statement)
Decider = Callable[[S, "Deciding"], Change | Unchanged]


@dataclass(frozen=True)
class Deciding:
    """The state to decide against, and what surrounds it.

    `overrides` are the session's properties. `recorded_id` is the query id that a replayed command was given;
    `recorded_server` the server's properties of its time.
    """

    state: SqlState
    topics: Topics
    registry: SchemaRegistry | None
    functions: FunctionRegistry
    settings: EngineSettings
    overrides: Mapping[str, str]
    recorded_id: str | None = None

    @property
    def metastore(self) -> MetaStore:
        return self.state.metastore

    @property
    def properties(self) -> dict[str, str]:
        """Every property in force."""
        return self.settings.effective(self.overrides)

    def planner(self) -> Planner:
        return Planner(self.metastore, self.functions, self.properties, self.topics, self.registry)

    def new_query_id(self, prefix: str) -> str:
        """The id of a new query: `prefix` and the next number of the server."""
        return self.recorded_id or f"{prefix}_{self.state.next_query}"

    def flag(self, name: str) -> bool:
        return self.settings.flag(name, self.overrides)

    def source(self, name: str) -> DataSource:
        """The source of this name; raises `AnalysisError` that lists names which differ only by case."""
        found = self.metastore.get(name)
        if found is not None:
            return found
        raise AnalysisError(unknown_source(self.metastore, name))


def unknown_source(metastore: MetaStore, name: str) -> str:
    """The message for a source that does not exist."""
    similar = metastore.same_but_for_case(name)
    hint = ""
    if similar:
        listed = ", ".join(f"`{s.name}` ({s.kind_word})" for s in similar)
        hint = f" Did you mean {listed}? Unquoted names are upper-cased: quote a name in backticks to keep its case."
    return f"Could not find STREAM/TABLE '{name}' in the Metastore.{hint}"


def topic_spec(planned: create.TopicSpec) -> TopicSpec:
    """A planned topic as the cluster is asked for it."""
    configs: dict[str, str] = {}
    if planned.compact:
        configs["cleanup.policy"] = "compact" if planned.retention_ms is None else "compact,delete"
    if planned.retention_ms is not None:
        configs["retention.ms"] = str(planned.retention_ms)
    return TopicSpec(planned.name, planned.partitions or 1, planned.replicas or -1, configs)
