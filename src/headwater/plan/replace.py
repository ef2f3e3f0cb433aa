"""CREATE OR REPLACE: which changes a source and its running query can take over (statements section 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column, Role, Schema
from headwater.plan.catalog import DataSource
from headwater.plan.relation import Context
from headwater.plan.rewriting import column_refs
from headwater.plan.steps import (
    Aggregate,
    Filter,
    FlatMap,
    ForeignKeyJoin,
    Join,
    Project,
    QueryPlan,
    Rekey,
    SourceStep,
    Step,
    StreamStreamJoin,
    TableTableJoin,
)
from headwater.sql.ast import Expression, SourceKind

ENABLED = "ksql.create.or.replace.enabled"


def check_replaceable(existing: DataSource, kind: SourceKind, read_only: bool, context: Context) -> None:
    """Raise AnalysisError unless the existing source may be replaced at all."""
    word = kind.value.lower()
    prefix = f"Cannot add {word} '{existing.name}': "
    if read_only or existing.read_only:
        raise AnalysisError(f"{prefix}CREATE OR REPLACE is not supported on source {word}s.")
    if not context.flag(ENABLED, default=True):
        raise AnalysisError(
            f"{prefix}A {existing.kind_word} with the same name already exists. CREATE OR REPLACE functionality is "
            f"disabled: set {ENABLED} to true to enable it."
        )
    if existing.kind is not kind:
        raise AnalysisError(f"{prefix}A {existing.kind_word} with the same name already exists")


def check_source(old: DataSource, new: DataSource) -> None:
    """Raise AnalysisError unless `new` only adds value columns at the end."""
    if (old.created_by_query is None) is not (new.created_by_query is None):
        made = "a query" if old.created_by_query else "a statement without query"
        raise _refusal(old, new, f"it was created by {made}; drop it first")
    for name, before, after in (
        ("topic", old.topic, new.topic),
        ("key format", old.formats.key, new.formats.key),
        ("value format", old.formats.value, new.formats.value),
        ("timestamp column", old.timestamp, new.timestamp),
        ("window", old.window, new.window),
    ):
        if before != after:
            raise _refusal(
                old, new, f"DataSource '{quote(old.name)}' has {name} = {before} which is not upgradeable to {after}"
            )
    _check_schema(old, new)


def _refusal(old: DataSource, new: DataSource, reason: str) -> AnalysisError:
    return AnalysisError(f"Cannot add {new.kind_word} '{old.name}': {reason}")


def _check_schema(old: DataSource, new: DataSource) -> None:
    reason = None
    if changed := _changed(old.schema.key, new.schema.key, exact=True):
        reason = (
            "Key columns must be identical. The following key columns are changed, missing or reordered: "
            f"[{_columns_text(changed)}]"
        )
    elif changed := _changed(_rest(old.schema), _rest(new.schema), exact=False):
        reason = f"The following columns are changed, missing or reordered: [{_columns_text(changed)}]"
    if reason:
        raise _refusal(
            old,
            new,
            f"DataSource '{quote(old.name)}' has schema = {old.schema} which is not upgradeable to {new.schema}. "
            f"({reason})",
        )


def _rest(schema: Schema) -> tuple[Column, ...]:
    return tuple(c for c in schema.columns if c.role is not Role.KEY)


def _changed(old: Sequence[Column], new: Sequence[Column], *, exact: bool) -> list[Column]:
    """The old columns that are not in the new ones at their place."""
    moved = [c for i, c in enumerate(old) if i >= len(new) or new[i] != c]
    if not moved and exact and len(new) > len(old):
        return list(new[len(old) :])
    return moved


def _columns_text(columns: Sequence[Column]) -> str:
    return ", ".join(f"{quote(c.name)} {c.type}{' KEY' if c.role is Role.KEY else ''}" for c in columns)


# --- queries ----------------------------------------


def check_query(old: QueryPlan, new: QueryPlan) -> None:
    """Raise AnalysisError unless the running query can go on as `new`, with its state and its offsets."""
    if old == new:
        return
    for step in (*_walk(old.root), *_walk(new.root)):
        if isinstance(step, Join):
            raise AnalysisError(f"Upgrades not yet supported for {_join_name(step)}")
        if isinstance(step, Aggregate) and step.window is not None:
            raise AnalysisError("Upgrades not yet supported for StreamWindowedAggregate")
    _check_step(_skeleton(old.root), _skeleton(new.root), root=True)


def _walk(step: Step) -> Iterator[Step]:
    yield step
    for below in step.inputs:
        yield from _walk(below)


def _skeleton(step: Step) -> Step:
    """The step below filters: they hold no state that depends on them."""
    while isinstance(step, Filter):
        step = step.input
    return step


def _check_step(old: Step, new: Step, *, root: bool = False) -> None:
    if old == new:
        return
    if type(old) is not type(new):
        raise _different(old, new, "operations", type(old).__name__, type(new).__name__)
    if isinstance(old, SourceStep) and isinstance(new, SourceStep):
        _check_sources(old, new)
    elif isinstance(old, Aggregate) and isinstance(new, Aggregate):
        _check_aggregate(old, new)
    elif isinstance(old, Rekey) and isinstance(new, Rekey) and (old.keys, old.key_format) != (new.keys, new.key_format):
        raise _different(old, new, "keys", [n for n, _ in old.keys], [n for n, _ in new.keys])
    elif isinstance(old, FlatMap) and isinstance(new, FlatMap) and old.functions != new.functions:
        raise _different(old, new, "table functions", len(old.functions), len(new.functions))
    elif isinstance(old, Project) and not root:
        raise _different(old, new, "columns", old.schema, new.schema)
    for before, after in zip(old.inputs, new.inputs, strict=True):
        _check_step(_skeleton(before), _skeleton(after))


def _check_sources(old: SourceStep, new: SourceStep) -> None:
    for what, before, after in (
        ("source", old.source_name, new.source_name),
        ("topic", old.topic, new.topic),
        ("formats", old.formats, new.formats),
        ("window", old.window, new.window),
        ("timestamp column", old.timestamp, new.timestamp),
    ):
        if before != after:
            raise _different(old, new, what, before, after)


def _check_aggregate(old: Aggregate, new: Aggregate) -> None:
    if old.groups != new.groups:
        raise _different(old, new, "GROUP BY", [n for n, _ in old.groups], [n for n, _ in new.groups])
    before, after = _inputs_of(old), _inputs_of(new)
    if set(before) != set(after):
        raise AnalysisError(
            f"{_aggregate_name(old)} must have matching columns not part of aggregate. Values differ: "
            f"[{', '.join(map(quote, before))}] vs. [{', '.join(map(quote, after))}]"
        )
    if old.calls != new.calls:
        raise AnalysisError(
            f"{_aggregate_name(old)} must have matching aggregate functions. Values differ: "
            f"[{', '.join(c.function for c in old.calls)}] vs. [{', '.join(c.function for c in new.calls)}]"
        )


def _aggregate_name(step: Aggregate) -> str:
    return "TableAggregate" if step.input.is_table else "StreamAggregate"


def _inputs_of(step: Aggregate) -> list[str]:
    """The columns that grouping, aggregates and the filter below them read."""
    expressions: list[Expression] = [e for _, e in step.groups]
    expressions += [a for call in step.calls for a in call.arguments]
    below = step.input
    while isinstance(below, Filter):
        expressions.append(below.condition)
        below = below.input
    return list(dict.fromkeys(ref.name for e in expressions for ref in column_refs(e)))


def _join_name(step: Step) -> str:
    if isinstance(step, StreamStreamJoin):
        return "StreamStreamJoin"
    if isinstance(step, TableTableJoin):
        return "TableTableJoin"
    return "ForeignKeyTableTableJoin" if isinstance(step, ForeignKeyJoin) else "StreamTableJoin"


def _different(old: Step, new: Step, what: str, before: object, after: object) -> AnalysisError:
    return AnalysisError(
        f"Query is not upgradeable. {type(old).__name__} must have matching {what}. Values differ: {before} vs. "
        f"{after}. Drop the source and create it anew to change that."
    )
