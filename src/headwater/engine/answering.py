"""What statements that only tell something are given, and what they return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from headwater.engine.changes import QuerySpec
from headwater.engine.deciding import Deciding
from headwater.engine.describe import query_row
from headwater.engine.entities import Entity, QueryRow
from headwater.engine.results import RowResult
from headwater.engine.sandbox import LiveTopics, Topics
from headwater.engine.services import Services
from headwater.engine.session import Session
from headwater.engine.state import SqlState
from headwater.sql import ast

S = TypeVar("S", bound=ast.Statement)
Answer = Callable[[S, "Answering"], Awaitable[Entity]]


@dataclass(frozen=True)
class Answering:
    """The state as it is; `text` is the statement's masked text, `results` the push queries that are open, by id.

    `topics` is given where topics are to be seen as they would be, for validation.
    """

    services: Services
    state: SqlState
    session: Session
    text: str
    results: Mapping[str, RowResult]
    topics: Topics | None = None

    def deciding(self) -> Deciding:
        """For EXPLAIN and INSERT VALUES, which plan without changing anything."""
        services = self.services
        return Deciding(
            self.state,
            self.topics or LiveTopics(services.cluster),
            services.registry,
            services.functions,
            services.settings,
            self.session.properties,
        )

    def query_state(self, query_id: str) -> str:
        """RUNNING, PAUSED or ERROR; a query that could not be started is in ERROR."""
        running = self.services.runtime.queries.get(query_id)
        return "ERROR" if running is None else running.state

    def row(self, spec: QuerySpec) -> QueryRow:
        return query_row(spec, self.query_state(spec.query_id))
