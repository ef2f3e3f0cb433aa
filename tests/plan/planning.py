"""A catalog built by statements, and shorthands for planning one more."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from headwater.core.errors import SqlError
from headwater.plan.catalog import DataSource
from headwater.plan.pull import PullPlan
from headwater.plan.steps import QueryPlan, Step
from headwater.sql.parser import parse_script
from tests.plan.conformance import Run, Session


def catalog(
    *statements: str, settings: Mapping[str, str] | None = None, topics: Mapping[str, int] | None = None
) -> Session:
    """A session in which the statements have been executed. Topics of plain CREATE statements exist, with 4
    partitions.
    """
    session = Session(Run("", {}, "", dict(settings or {})))
    session.topics.counts.update(topics or {})
    execute(session, *statements)
    return session


def execute(session: Session, *statements: str) -> None:
    """Execute further statements."""
    for text in statements:
        for statement in parse_script(text if text.rstrip().endswith(";") else text + ";"):
            session.execute(statement)


def source(session: Session, name: str) -> DataSource:
    """A source that must be there."""
    found = session.metastore.get(name)
    assert found is not None, f"no source {name}"
    return found


def last_plan(session: Session) -> QueryPlan:
    """The plan of the latest query."""
    return session.plans[-1]


def pull(session: Session, text: str) -> PullPlan:
    """The plan of a pull query."""
    execute(session, text)
    return session.pulls[-1]


def steps(step: Step) -> list[str]:
    """Names of the steps from the root to the left-most source."""
    below = [] if not step.inputs else steps(step.inputs[0])
    return [type(step).__name__, *below]


def refusal(session: Session, text: str) -> str:
    """The message with which a statement is refused."""
    with pytest.raises(SqlError) as caught:
        execute(session, text)
    return str(caught.value)
