"""Which source columns a result column is made of, read off the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headwater.core.schema import Role
from headwater.plan.catalog import MetaStore
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
)
from headwater.sql.ast import ColumnRef, Expression


@dataclass(frozen=True, order=True)
class Origin:
    """A column of a stream or table; system columns (ROWTIME and its kin) count too."""

    source: str
    column: str


@dataclass(frozen=True)
class ColumnLineage:
    """A result column, the source columns its values come from, and those that decide which rows there are.

    `copied` says that the value is one source column, unchanged.
    """

    name: str
    values: tuple[Origin, ...]
    rows: tuple[Origin, ...]
    copied: bool = False


_Origins = Mapping[str, frozenset[Origin]]


@dataclass(frozen=True)
class _Flow:
    """What a step puts out: the origins of each column, those of its rows, and which columns are mere copies."""

    columns: dict[str, frozenset[Origin]]
    rows: frozenset[Origin]
    copies: frozenset[str]


def column_lineage(plan: QueryPlan) -> tuple[ColumnLineage, ...]:
    """The lineage of every column of a query's result, in the order of its schema."""
    flow = _flow(plan.root)
    return tuple(
        ColumnLineage(
            column.name,
            tuple(sorted(flow.columns.get(column.name, frozenset()))),
            tuple(sorted(flow.rows)),
            column.name in flow.copies,
        )
        for column in plan.schema.columns
    )


def upstream(metastore: MetaStore, source: str, column: str) -> tuple[Origin, ...]:
    """Where a column comes from in the end: columns of declared sources, through all queries between, sorted."""
    found: set[Origin] = set()
    seen: set[Origin] = set()
    pending = [Origin(source, column)]
    while pending:
        origin = pending.pop()
        if origin in seen:
            continue
        seen.add(origin)
        feeders = [q for q in metastore.queries.values() if q.writes == origin.source and q.plan is not None]
        derived = metastore.get(origin.source)
        if not feeders or (derived is not None and derived.created_by_query is None):
            found.add(origin)
        for feeder in feeders:
            lineage = column_lineage(feeder.plan) if feeder.plan is not None else ()
            pending.extend(o for c in lineage if c.name == origin.column for o in c.values)
    return tuple(sorted(found))


def _flow(step: Step) -> _Flow:
    if isinstance(step, SourceStep):
        names = [c.name for c in step.schema.columns]
        return _Flow({n: frozenset({Origin(step.source_name, n)}) for n in names}, frozenset(), frozenset(names))
    if isinstance(step, Join):
        return _join(step)
    below = _flow(step.inputs[0])
    system = _system_columns(step.inputs[0])
    if isinstance(step, Filter):
        return _Flow(below.columns, below.rows | _origins([step.condition], below.columns, system), below.copies)
    if isinstance(step, Project):
        return _project(step, below, system)
    if isinstance(step, Aggregate):
        return _aggregate(step, below, system)
    added = step.functions if isinstance(step, FlatMap) else step.keys if isinstance(step, Rekey) else ()
    columns = dict(below.columns)
    copies = set(below.copies)
    for name, expression in added:
        columns[name] = _origins([expression], below.columns, system)
        copies.discard(name)
        if isinstance(expression, ColumnRef) and expression.name in below.copies:
            copies.add(name)
    rows = below.rows | (
        _origins([e for _, e in added], below.columns, system) if isinstance(step, FlatMap) else frozenset()
    )
    return _Flow(columns, rows, frozenset(copies))


def _system_columns(step: Step) -> _Origins:
    """The system columns of the leaves under a step, by name."""
    if isinstance(step, SourceStep):
        names = ("ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART", "WINDOWEND")
        return {n: frozenset({Origin(step.source_name, n)}) for n in names}
    found: dict[str, frozenset[Origin]] = {}
    for below in step.inputs:
        for name, origins in _system_columns(below).items():
            found[name] = found.get(name, frozenset()) | origins
    return found


def _origins(expressions: Iterable[Expression], columns: _Origins, system: _Origins) -> frozenset[Origin]:
    found: set[Origin] = set()
    for expression in expressions:
        for ref in column_refs(expression):
            found |= columns.get(ref.name, system.get(ref.name, frozenset()))
    return frozenset(found)


def _project(step: Project, below: _Flow, system: _Origins) -> _Flow:
    keys = [c.name for c in step.input.schema.columns if c.role is Role.KEY]
    columns = {new: below.columns[old] for new, old in zip(step.keys, keys, strict=True)}
    copies = {new for new, old in zip(step.keys, keys, strict=True) if old in below.copies}
    for name, expression in step.values:
        columns[name] = _origins([expression], below.columns, system)
        if isinstance(expression, ColumnRef) and (
            expression.name in below.copies or expression.name not in below.columns
        ):
            copies.add(name)
    return _Flow(columns, below.rows, frozenset(copies))


def _aggregate(step: Aggregate, below: _Flow, system: _Origins) -> _Flow:
    columns = {name: _origins([group], below.columns, system) for name, group in step.groups}
    copies = {n for n, g in step.groups if isinstance(g, ColumnRef) and g.name in below.copies}
    for call in step.calls:
        columns[call.column] = _origins(call.arguments, below.columns, system)
    groups = _origins([g for _, g in step.groups], below.columns, system)
    return _Flow(columns, below.rows | groups, frozenset(copies))


def _join(step: Join) -> _Flow:
    left, right = _flow(step.left), _flow(step.right)
    columns = left.columns | right.columns
    copies = left.copies | right.copies
    rows = left.rows | right.rows
    if isinstance(step, ForeignKeyJoin):
        rows |= _origins([step.foreign_key], left.columns, _system_columns(step.left))
        rows |= _key_origins(step.right, right)
        return _Flow(columns, rows, copies)
    keys = _key_origins(step.left, left) | _key_origins(step.right, right)
    columns[step.key] = keys
    return _Flow(columns, rows | keys, copies)


def _key_origins(step: Step, flow: _Flow) -> frozenset[Origin]:
    return frozenset(o for c in step.schema.key for o in flow.columns[c.name])
