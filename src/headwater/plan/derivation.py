"""How each column of a query's result is made: one expression over the columns of its sources, read off the plan.

Where `lineage` answers which columns matter, this says how, and which of them still show in the result: what goes
through a function that masks does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headwater.core.schema import Role
from headwater.plan.lineage import Origin
from headwater.plan.rewriting import column_refs, rewrite_columns, transform
from headwater.plan.steps import (
    Aggregate,
    AggregateCall,
    FlatMap,
    ForeignKeyJoin,
    Join,
    Project,
    QueryPlan,
    Rekey,
    SourceStep,
    Step,
)
from headwater.sql.ast import ColumnRef, Expression, FunctionCall, NullLiteral

IsMasking = Callable[[str], bool]
"""Whether the function of this (upper-case) name masks its arguments."""


@dataclass(frozen=True)
class Derivation:
    """A result column. `expression` refers to source columns as `source.column`; `clear` are those of `sources` whose
    values are not masked on every way into the column."""

    name: str
    expression: Expression
    sources: tuple[Origin, ...]
    clear: tuple[Origin, ...]

    @property
    def copied(self) -> bool:
        """Whether the column is one source column, unchanged."""
        return isinstance(self.expression, ColumnRef)


@dataclass(frozen=True)
class _Cell:
    expression: Expression
    sources: frozenset[Origin]
    clear: frozenset[Origin]


_Cells = Mapping[str, _Cell]


def derivations(plan: QueryPlan, is_masking: IsMasking) -> tuple[Derivation, ...]:
    """How each column of the query's result is made, in the order of its schema."""
    cells = _cells(plan.root, is_masking)
    return tuple(
        Derivation(c.name, cell.expression, tuple(sorted(cell.sources)), tuple(sorted(cell.clear)))
        for c in plan.schema.columns
        if (cell := cells.get(c.name)) is not None
    )


def _cells(step: Step, masks: IsMasking) -> dict[str, _Cell]:
    if isinstance(step, SourceStep):
        return {c.name: _column(Origin(step.source_name, c.name)) for c in step.schema.columns}
    if isinstance(step, Join):
        return _join(step, masks)
    below = _cells(step.inputs[0], masks)
    if isinstance(step, Project):
        keys = [c.name for c in step.input.schema.columns if c.role is Role.KEY]
        renamed = {new: below[old] for new, old in zip(step.keys, keys, strict=True)}
        return renamed | {name: _derive(e, below, masks) for name, e in step.values}
    if isinstance(step, Aggregate):
        groups = {name: _derive(e, below, masks) for name, e in step.groups}
        return groups | {c.column: _derive(_written(c), below, masks) for c in step.calls}
    added = step.functions if isinstance(step, FlatMap) else step.keys if isinstance(step, Rekey) else ()
    return below | {name: _derive(e, below, masks) for name, e in added}


def _written(call: AggregateCall) -> FunctionCall:
    """An aggregate as it is written: COUNT(*) is planned as the count of what every row has."""
    if call.function == "COUNT" and [a.name for a in call.arguments if isinstance(a, ColumnRef)] == ["ROWTIME"]:
        return FunctionCall("COUNT", (), star=True)
    return FunctionCall(call.function, call.arguments)


def _column(origin: Origin) -> _Cell:
    return _Cell(ColumnRef(origin.column, origin.source), frozenset({origin}), frozenset({origin}))


def _derive(expression: Expression, cells: _Cells, masks: IsMasking) -> _Cell:
    """What an expression over the columns below is over the columns of the sources."""
    refs = {ref.name for ref in column_refs(expression) if ref.name in cells}
    shown = {ref.name for ref in column_refs(_unmasked(expression, masks)) if ref.name in cells}
    return _Cell(
        rewrite_columns(expression, lambda ref: cells[ref.name].expression if ref.name in cells else ref),
        frozenset(o for name in refs for o in cells[name].sources),
        frozenset(o for name in shown for o in cells[name].clear),
    )


def _unmasked(expression: Expression, masks: IsMasking) -> Expression:
    """The expression without what is under functions that mask."""
    return transform(
        expression, lambda node, _: NullLiteral() if isinstance(node, FunctionCall) and masks(node.name) else None
    )


def _join(step: Join, masks: IsMasking) -> dict[str, _Cell]:
    left, right = _cells(step.left, masks), _cells(step.right, masks)
    cells = left | right
    if not isinstance(step, ForeignKeyJoin):
        keys = [side[c.name] for side, part in ((left, step.left), (right, step.right)) for c in part.schema.key]
        cells[step.key] = _Cell(
            keys[0].expression,
            frozenset(o for key in keys for o in key.sources),
            frozenset(o for key in keys for o in key.clear),
        )
    return cells
