"""What CREATE OR REPLACE may change (statements section 10): decisions over the old and the new definition."""

from __future__ import annotations

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column
from headwater.plan.catalog import DataSource
from headwater.plan.steps import Filter, Project, QueryPlan, SourceStep, Step


def check_replaced_source(old: DataSource, new: DataSource) -> None:
    """Raises `AnalysisError`, naming the property with its old and new value, unless `new` may replace `old`."""
    compared = (
        ("DataSourceType", old.kind.value, new.kind.value),
        ("kafkaTopicName", old.topic, new.topic),
        ("key format", old.formats.key, new.formats.key),
        ("value format", old.formats.value, new.formats.value),
        ("timestampColumn", old.timestamp, new.timestamp),
        ("windowType", old.window, new.window),
        ("key columns", _listed(old.schema.key), _listed(new.schema.key)),
    )
    for what, before, after in compared:
        if before != after:
            raise _refused(old, f"DataSource '{what}' is {_shown(before)}, and would become {_shown(after)}")
    _check_columns(old, new)


def _check_columns(old: DataSource, new: DataSource) -> None:
    kept = new.schema.value[: len(old.schema.value)]
    if kept == old.schema.value:
        return
    missing = [c for c in old.schema.value if new.schema.by_name.get(c.name) is None]
    changed = [c for c in old.schema.value if c not in new.schema.value and c not in missing]
    if missing:
        raise _refused(old, f"the columns {_listed(tuple(missing))} would be dropped")
    if changed:
        new_types = _listed(tuple(new.schema.by_name[c.name] for c in changed))
        raise _refused(old, f"the columns {_listed(tuple(changed))} would become {new_types}")
    raise _refused(old, f"the columns {_listed(old.schema.value)} would be in another order. New ones go to the end")


def _refused(old: DataSource, reason: str) -> AnalysisError:
    return AnalysisError(f"Cannot upgrade data source {quote(old.name)}: {reason}.")


def _listed(columns: tuple[Column, ...]) -> str:
    return "[" + ", ".join(f"{quote(c.name)} {c.type}" for c in columns) + "]"


def _shown(value: object) -> str:
    return "unset" if value is None else str(value)


def check_replaced_query(old: QueryPlan, new: QueryPlan) -> None:
    """Raises `AnalysisError` unless the new query differs from the old one only in what can change while it runs.

    Those are filters and projections; sources, grouping, joins, windows and everything with state must be the same.
    """
    if old.sources != new.sources:
        raise AnalysisError(
            f"Upgrades not yet supported: the query reads {', '.join(old.sources)}, "
            f"and would read {', '.join(new.sources)}."
        )
    if not (_has_state(old.root) or _has_state(new.root)):
        return
    before, after = _below(old.root), _below(new.root)
    if before != after:
        raise AnalysisError(
            f"Upgrades not yet supported for {type(before).__name__}: only the SELECT list and WHERE of a query "
            "without joins, grouping, windows and re-keying can be changed. Drop it and create it anew."
        )


def _has_state(step: Step) -> bool:
    """Whether the plan has any step whose state or internal topic a changed plan could not go on with."""
    if not isinstance(step, SourceStep | Filter | Project):
        return True
    return any(_has_state(child) for child in step.inputs)


def _below(step: Step) -> Step:
    """The plan below the filters and projections that end it."""
    while isinstance(step, Filter | Project):
        step = step.input
    return step
