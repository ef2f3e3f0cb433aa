"""How pull queries see a table: from the state of its last aggregation, or from rows kept at the sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from headwater.core.schema import Schema
from headwater.core.types import BIGINT
from headwater.engine.operators import aggregate, stateless
from headwater.engine.operators.keys import thaw
from headwater.engine.operators.tables import Layout
from headwater.engine.program import Materialized
from headwater.engine.rows import Row
from headwater.engine.stores import KeyValueStore, Store, key_annotation
from headwater.plan.expressions import Binding
from headwater.plan.steps import Aggregate, Filter, Project, QueryPlan, Step
from headwater.sql.ast import SourceKind, WindowKind

if TYPE_CHECKING:
    from headwater.engine.compiler import ProgramCompiler, StageCompiler


def _above_aggregate(root: Step) -> tuple[list[Filter | Project], Aggregate] | None:
    """The steps between the root and the aggregation they only reshape, nearest to the aggregation first."""
    path: list[Filter | Project] = []
    step = root
    while isinstance(step, Filter | Project):
        path.insert(0, step)
        step = step.input
    return (path, step) if isinstance(step, Aggregate) else None


def is_readable(plan: QueryPlan) -> bool:
    """Whether pull queries may read the result: a table with a sink, or CREATE SOURCE TABLE's."""
    return plan.materialize or (plan.sink is not None and plan.sink.kind is SourceKind.TABLE)


def result_schema(plan: QueryPlan) -> Schema:
    return plan.schema if plan.sink is None else plan.sink.schema


def result_store(program: ProgramCompiler) -> tuple[Step, Layout, Callable[[], Store]] | None:
    """The step, layout and factory of the store that keeps result rows; None if the query needs none."""
    plan = program.plan
    if not is_readable(plan) or _above_aggregate(plan.root) is not None:
        return None
    schema = result_schema(plan)
    values = schema.value
    layout = Layout(tuple(c.name for c in values), tuple(c.type for c in values))
    key_types = [c.type for c in schema.key] + ([BIGINT, BIGINT] if plan.root.windowed is not None else [])
    key_type, value_type = key_annotation(key_types), layout.annotation()
    return plan.root, layout, lambda: KeyValueStore(key_type, value_type, columns=layout.names)


def write_reader(stage: StageCompiler) -> Materialized | None:
    """Write the function that reads a result row out of a store; None for streams and push queries.

    The function takes (task, key, entry, window start, window end) and returns the sink's columns in schema order
    followed by the row's time, or None where HAVING hides the row.
    """
    program = stage.program
    plan = program.plan
    if not is_readable(plan):
        return None
    found = result_store(program)
    if found is not None:
        step, layout, make = found
        unit, index = program.store(step, "result", make)
        row = layout.unpack(_key_row(stage, step), "entry")
    else:
        path, aggregation = _above_aggregate(plan.root) or ([], None)
        assert aggregation is not None
        unit, index = program.existing_store(aggregation, _role(aggregation))
        row = _reshaped(stage, aggregation, path)
    values = "".join(f"{row.code(c.name)}, " for c in result_schema(plan).columns)
    stage.body.line(f"return ({values}{row.ts})")
    return Materialized(unit, index, result_schema(plan), "read_row")


PARAMETERS = "task, key, entry, window_start, window_end"
"""Of the function `read_row`."""


def _role(step: Aggregate) -> str:
    """The name of the store that the aggregation keeps its groups in."""
    if step.window is None:
        return "groups"
    return "sessions" if step.window.kind is WindowKind.SESSION else "windows"


def _key_row(stage: StageCompiler, step: Step) -> Row:
    """A row with the key columns taken from the store's key."""
    keys = step.schema.key
    windowed = step.windowed is not None
    size = len(keys) + (2 if windowed and not isinstance(step, Aggregate) else 0)
    codes = ["key"] if size == 1 else [f"key[{i}]" for i in range(len(keys))]
    columns = {c.name: Binding(c.type, thaw(stage, c.type, code)) for c, code in zip(keys, codes, strict=True)}
    window = ("window_start", "window_end") if windowed else None
    return Row(columns, tuple(c.name for c in keys), "ts", window)


def _reshaped(stage: StageCompiler, step: Aggregate, path: list[Filter | Project]) -> Row:
    """The aggregation's row after HAVING and the select list."""
    calls = stage.program.bound_calls[id(step)]
    first = 2 if _role(step) == "sessions" else 0
    row = aggregate.result_row(stage, step, _key_row(stage, step), calls, "entry", first)
    for above in path:
        if isinstance(above, Filter):
            with stage.body.block(f"if not {stateless.condition(stage, above, row)}:"):
                stage.body.line("return None")
        else:
            row = stateless.project_row(stage, above, row, list(above.values))
    return row
