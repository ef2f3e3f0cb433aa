"""What validation decides is what is done, unless something it was decided on has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from headwater.engine.changes import Change
from headwater.engine.deciding import Deciding
from headwater.engine.decisions import decide
from headwater.engine.settings import EngineSettings
from headwater.engine.state import SqlState
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.plan.functions import builtin_functions
from headwater.sql.parser import parse_statement

ORDERS = (
    "CREATE STREAM orders (id INT KEY, price DOUBLE) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=2)"
)
INFERRED = "CREATE STREAM orders WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='AVRO', PARTITIONS=2)"
CHEAP = "CREATE STREAM cheap AS SELECT * FROM orders WHERE price < 1"
SCHEMA = '{"type": "record", "name": "r", "fields": [{"name": "%s", "type": "int"}]}'


@dataclass(frozen=True)
class KnownTopics:
    """Topics that exist, with their partitions."""

    counts: Mapping[str, int] = field(default_factory=dict)

    def partitions(self, topic: str) -> int | None:
        return self.counts.get(topic)


def context(**parts: object) -> Deciding:
    registry = LocalSchemaRegistry()
    registry.register("orders-value", "AVRO", SCHEMA % "a")
    base = Deciding(SqlState(), KnownTopics(), registry, builtin_functions(), EngineSettings(), {})
    return replace(base, **parts)  # type: ignore[arg-type]


def applied(state: SqlState, statement: str) -> Change:
    """Decide and apply a statement that changes something."""
    change = decide(parse_statement(statement), context(state=state)).change
    assert isinstance(change, Change)
    state.apply(change)
    return change


def test_a_decision_holds_for_the_state_that_a_copy_was_made_of() -> None:
    state = SqlState()
    applied(state, ORDERS)
    decision = decide(parse_statement(CHEAP), context(state=state.copy()))
    assert decision.holds(context(state=state))


def test_what_is_decided_after_a_change_of_the_copy_holds_once_the_same_change_is_applied() -> None:
    state = SqlState()
    copy = state.copy()
    change = applied(copy, ORDERS)
    decision = decide(parse_statement(CHEAP), context(state=copy))
    assert not decision.holds(context(state=state))
    state.apply(change)
    assert decision.holds(context(state=state))


def test_an_equal_change_of_somebody_else_makes_it_be_decided_again() -> None:
    state = SqlState()
    copy = state.copy()
    applied(copy, ORDERS)
    decision = decide(parse_statement(CHEAP), context(state=copy))
    applied(state, ORDERS)
    assert not decision.holds(context(state=state))


def _with_another_schema() -> LocalSchemaRegistry:
    registry = LocalSchemaRegistry()
    registry.register("orders-value", "AVRO", SCHEMA % "b")
    return registry


@pytest.mark.parametrize(
    ("statement", "changed", "holds"),
    [
        (ORDERS, {}, True),
        (ORDERS, {"topics": KnownTopics({"others": 3})}, True),
        (ORDERS, {"topics": KnownTopics({"orders": 3})}, False),
        (ORDERS, {"overrides": {"ksql.persistence.default.format.key": "JSON"}}, False),
        (INFERRED, {}, True),
        (INFERRED, {"registry": _with_another_schema()}, False),
        (INFERRED, {"registry": LocalSchemaRegistry()}, False),
        (INFERRED, {"registry": None}, False),
    ],
)
def test_it_holds_while_topics_overrides_and_schemas_are_those_it_was_decided_on(
    statement: str, changed: Mapping[str, object], holds: bool
) -> None:
    decision = decide(parse_statement(statement), context())
    assert decision.holds(context(**changed)) is holds
