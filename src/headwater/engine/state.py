"""The state of the SQL side: the catalog and the persistent queries that should run. The sum of all changes so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from headwater.engine.changes import (
    Change,
    DeleteTopic,
    Edit,
    PauseQuery,
    PutSource,
    PutType,
    QuerySpec,
    RemoveSource,
    RemoveType,
    StartQuery,
    StopQuery,
)
from headwater.plan.catalog import MetaStore


@dataclass
class SqlState:
    """`next_query` is the number that the next query id gets.

    `latest`, the last change of all, tells one state from another: a state and its copy are the same as long as one and
    the same change was the last to be applied to both.
    """

    metastore: MetaStore = field(default_factory=MetaStore)
    queries: dict[str, QuerySpec] = field(default_factory=dict)
    next_query: int = 0
    latest: Change | None = None

    def copy(self) -> SqlState:
        """For validation: changes to the copy do not show here."""
        return SqlState(self.metastore.copy(), dict(self.queries), self.next_query, self.latest)

    def apply(self, change: Change) -> None:
        """Take over a change. The one way in which the state ever changes, live, at replay and in validation."""
        for edit in change.edits:
            self._apply(edit)
        if change.numbered:
            self.next_query += 1
        self.latest = change

    def _apply(self, edit: Edit) -> None:
        match edit:
            case PutSource(source):
                self.metastore.put(source)
            case RemoveSource(name):
                self.metastore.remove(name)
            case PutType(name, sql_type):
                self.metastore.types[name] = sql_type
            case RemoveType(name):
                self.metastore.types.pop(name, None)
            case StartQuery(query):
                self.queries[query.query_id] = query
                self.metastore.link(query.link)
            case StopQuery(query_id):
                self.queries.pop(query_id, None)
                self.metastore.unlink(query_id)
            case PauseQuery(query_id, paused):
                self.queries[query_id] = replace(self.queries[query_id], paused=paused)
            case DeleteTopic():
                pass  # topics are not part of the state

    def query(self, query_id: str) -> QuerySpec | None:
        """The persistent query of this id, whatever the case of its letters."""
        found = self.queries.get(query_id)
        if found is not None:
            return found
        wanted = query_id.upper()
        return next((spec for key, spec in self.queries.items() if key.upper() == wanted), None)
