"""A statement that changes something, decided: what it changes, and all that this was decided on.

Deciding is a pure function of the state, the overrides in force, and the topics and schemas there are. So what the
validation of a request decided, on its copy of the state, is what will be done; only if something has changed in
between is the statement planned again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headwater.engine.changes import Change, Facts, Unchanged
from headwater.engine.deciding import Deciding
from headwater.engine.sandbox import NotedRegistry, NotedTopics
from headwater.engine.statements import DECIDERS
from headwater.formats.api import UnknownSchemaError
from headwater.sql import ast


@dataclass(frozen=True)
class Decision:
    """`basis` is the last change of the state it was decided on."""

    change: Change | Unchanged
    basis: Change | None
    overrides: Mapping[str, str]
    facts: Facts

    def holds(self, context: Deciding) -> bool:
        """Whether deciding in this context would give the same."""
        if self.basis is not context.state.latest or self.overrides != context.overrides:
            return False
        facts = self.facts
        if any(context.topics.partitions(name) != count for name, count in facts.topics.items()):
            return False
        registry = context.registry
        if registry is None:
            return not facts.latest and not facts.by_id
        try:
            return all(registry.latest(subject) == held for subject, held in facts.latest.items()) and all(
                registry.by_id(number) == held for number, held in facts.by_id.items()
            )
        except UnknownSchemaError:
            return False


def decide(statement: ast.Statement, context: Deciding) -> Decision:
    """Decide one of the statements in `DECIDERS`. Raises the `HeadwaterError` that refuses it."""
    topics = NotedTopics(context.topics)
    registry = NotedRegistry(context.registry) if context.registry is not None else None
    change = DECIDERS[type(statement)](statement, replace(context, topics=topics, registry=registry))
    facts = Facts(topics.notes) if registry is None else Facts(topics.notes, registry.latest_notes, registry.id_notes)
    return Decision(change, context.state.latest, context.overrides, facts)
