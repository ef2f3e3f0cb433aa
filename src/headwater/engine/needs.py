"""Which columns each step must put out: column pruning, from the sink down to the sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from headwater.core.schema import PSEUDO_COLUMNS
from headwater.plan.steps import Aggregate, Filter, FlatMap, ForeignKeyJoin, Join, Project, QueryPlan, Rekey, Step
from headwater.sql.ast import ColumnRef, Expression, Lambda

Needs = dict[int, frozenset[str]]
"""By `id(step)`: names of the columns that something downstream refers to."""


def column_names(expressions: Iterable[Expression]) -> frozenset[str]:
    """Every column name that the expressions refer to."""
    return frozenset(name for expression in expressions for name in _references(expression, frozenset()))


def _references(node: object, bound: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ColumnRef):
        if node.name not in bound:
            yield node.name
        return
    if isinstance(node, Lambda):
        bound = bound | frozenset(node.parameters)
    if isinstance(node, tuple):
        for item in node:
            yield from _references(item, bound)
    elif dataclasses.is_dataclass(node) and not isinstance(node, type):
        for each in dataclasses.fields(node):
            yield from _references(getattr(node, each.name), bound)


def required_columns(plan: QueryPlan) -> Needs:
    """What every step of the plan must put out."""
    needs: Needs = {}
    _visit(plan.root, frozenset(column.name for column in plan.schema.columns), needs)
    return needs


def offered(step: Step) -> frozenset[str]:
    """The names a step's output can be asked for, but for pseudo columns."""
    if isinstance(step, Rekey | Filter | FlatMap):
        own = frozenset(c.name for c in step.schema.columns)
        return own | offered(step.input)
    return frozenset(c.name for c in step.schema.columns)


def _visit(step: Step, wanted: frozenset[str], needs: Needs) -> None:
    needs[id(step)] = wanted
    match step:
        case ForeignKeyJoin():
            _visit_join(step, wanted | column_names([step.foreign_key]), needs)
        case Join():
            _visit_join(step, wanted, needs)
        case Project():
            _visit(step.input, column_names(code for name, code in step.values if name in wanted), needs)
        case Filter():
            _visit(step.input, wanted | column_names([step.condition]), needs)
        case FlatMap():
            made = frozenset(name for name, _ in step.functions)
            _visit(step.input, (wanted - made) | column_names(call for _, call in step.functions), needs)
        case Rekey():
            made = frozenset(name for name, _ in step.keys)
            _visit(step.input, (wanted - made) | column_names(key for _, key in step.keys), needs)
        case Aggregate():
            arguments = [argument for call in step.calls for argument in call.arguments]
            _visit(step.input, column_names([*(group for _, group in step.groups), *arguments]), needs)
        case _:
            return


def _visit_join(step: Join, wanted: frozenset[str], needs: Needs) -> None:
    for side in step.inputs:
        _visit(side, wanted & offered(side) - frozenset(PSEUDO_COLUMNS), needs)
