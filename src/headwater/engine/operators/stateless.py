"""Projection, filter, table functions and re-keying."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headwater.core.schema import PSEUDO_COLUMNS, WINDOW_COLUMNS
from headwater.engine.needs import column_names
from headwater.engine.rows import Change, Row
from headwater.plan.expressions import Binding, compile_table_call
from headwater.sql.ast import Cast, ColumnRef, Expression, FunctionCall, NullLiteral

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.plan.steps import Filter, FlatMap, Project, Rekey


def project(stage: StageCompiler, step: Project, flow: Row | Change) -> None:
    """Compute the wanted columns of the select list; failures make single columns NULL."""
    wanted = stage.program.needs[id(step)]
    values = [(name, expression) for name, expression in step.values if name in wanted]
    if isinstance(flow, Row):
        stage.deliver(step, project_row(stage, step, flow, values))
        return
    new, absent = _project_side(stage, step, flow.new, flow.absent, values)
    if flow.old is not None and stage.wants_old(step):
        old, old_absent = _project_side(stage, step, flow.old, flow.old_absent, values)
        stage.deliver(step, Change(new, absent, old, old_absent))
    else:
        stage.deliver(step, Change(new, absent))


def project_row(stage: StageCompiler, step: Project, row: Row, values: list[tuple[str, Expression]]) -> Row:
    columns = {new: row.columns[old] for new, old in zip(step.keys, row.keys, strict=True)}
    if row.null:
        types = {column.name: column.type for column in step.schema.columns}
        for name, expression in values:
            if isinstance(expression, ColumnRef) and expression.name in (*row.keys, *WINDOW_COLUMNS):
                columns[name] = row.binding(expression.name)
            else:
                columns[name] = Binding(types[name], stage.null())
    else:
        results = stage.evaluate([expression for _, expression in values], row, "Project")
        columns |= {name: result for (name, _), result in zip(values, results, strict=True)}
    for pseudo in ("ROWPARTITION", "ROWOFFSET"):
        if pseudo in row.columns and pseudo not in columns:
            columns[pseudo] = row.columns[pseudo]
    return replace(row, columns=columns, keys=step.keys)


def _project_side(
    stage: StageCompiler, step: Project, row: Row, absent: str | None, values: list[tuple[str, Expression]]
) -> tuple[Row, str | None]:
    """Project one side of a change; where the row may be absent the results are set only if it is not."""
    if absent is None or absent == "True":
        return project_row(stage, step, replace(row, null=absent == "True"), values), absent
    if all(isinstance(expression, ColumnRef) for _, expression in values):
        return project_row(stage, step, row, values), absent
    body = stage.body
    always = {*row.keys, *WINDOW_COLUMNS}
    temps = {
        name: stage.names.temp("p")
        for name, expression in values
        if not (isinstance(expression, ColumnRef) and expression.name in always)
    }
    with body.block(f"if {absent}:"):
        body.line(f"{' = '.join(temps.values()) or '_'} = None")
    with body.block("else:"):
        projected = project_row(stage, step, row, values)
        for name, temp in temps.items():
            body.line(f"{temp} = {projected.code(name)}")
    columns = {name: replace_code(projected.binding(name), temps.get(name)) for name in projected.columns}
    return replace(projected, columns=columns), absent


def replace_code(binding: Binding, code: str | None) -> Binding:
    return binding if code is None else Binding(binding.type, code)


def condition(stage: StageCompiler, step: Filter, row: Row) -> str:
    """Code that puts the condition's value into a local: TRUE, FALSE, or NULL if it fails."""
    code = stage.compile(step.condition, row)
    keep = stage.names.temp("keep")
    with stage.body.block("try:"):
        stage.body.line(f"{keep} = {code.source}")
    with stage.body.block("except Exception:"):
        stage.body.line(f"{keep} = {stage.careful(code, row, stage.reporter('Filter'))}")
    return keep


def filter_rows(stage: StageCompiler, step: Filter, flow: Row | Change) -> None:
    """WHERE and HAVING. A table's row that stops matching goes on as a tombstone, one that never matched not at all."""
    body = stage.body
    if isinstance(flow, Row):
        if not flow.null:
            with body.block(f"if {condition(stage, step, flow)}:"):
                stage.deliver(step, flow)
        return
    assert flow.old is not None
    absent = _hidden(stage, step, flow.new, flow.absent)
    old_absent = _hidden(stage, step, flow.old, flow.old_absent)
    with body.block(f"if not {absent} or not {old_absent}:"):
        stage.deliver(step, Change(flow.new, absent, flow.old, old_absent))


def _hidden(stage: StageCompiler, step: Filter, row: Row, absent: str | None) -> str:
    """A local that is true when the row is absent or does not match."""
    body = stage.body
    hidden = stage.names.temp("hidden")
    if absent is None:
        body.line(f"{hidden} = not {condition(stage, step, row)}")
    elif absent == "True":
        body.line(f"{hidden} = True")
    else:
        body.line(f"{hidden} = {absent}")
        with body.block(f"if not {hidden}:"):
            body.line(f"{hidden} = not {condition(stage, step, row)}")
    return hidden


def flat_map(stage: StageCompiler, step: FlatMap, flow: Row | Change) -> None:
    """Table functions, zipped: as many rows as the longest result, shorter ones padded with NULL."""
    assert isinstance(flow, Row)
    if flow.null:
        return
    body = stage.body
    lists: list[tuple[str, str, Binding]] = []
    report = stage.reporter("FlatMap")
    for name, call in step.functions:
        assert isinstance(call, FunctionCall)
        options = stage.program.options.expressions
        code = compile_table_call(call, flow.resolve, stage.names, stage.program.functions, options)
        assert code.type is not None
        items = stage.names.temp("items")
        with body.block("try:"):
            body.line(f"{items} = {code.source} or ()")
        with body.block("except Exception:"):
            body.line(f"{items} = {stage.careful(code, flow, report)} or ()")
        lists.append((name, items, Binding(code.type, stage.names.temp("item"))))
    variables = ", ".join(binding.code for _, _, binding in lists)
    if len(lists) == 1:
        header = f"for {variables} in {lists[0][1]}:"
    else:
        zipped = stage.names.add(_zip_longest, "zip_longest")
        header = f"for {variables} in {zipped}({', '.join(items for _, items, _ in lists)}):"
    with body.block(header):
        stage.deliver(step, flow.with_columns({name: binding for name, _, binding in lists}))


def _zip_longest(*lists: list[object]) -> list[tuple[object, ...]]:
    longest = max(map(len, lists))
    return [tuple(items[i] if i < len(items) else None for items in lists) for i in range(longest)]


def rekey(stage: StageCompiler, step: Rekey, flow: Row | Change) -> None:
    """New key columns in place of the old. (With a repartition topic between, see `boundary`.)"""
    if isinstance(flow, Change):
        _rekey_table(stage, step, flow)
        return
    row = new_keys(stage, step, flow)
    if row is None:
        return
    if step.drop_null:
        with stage.body.block(f"if {' and '.join(f'{code} is not None' for code in row.key_codes())}:"):
            stage.deliver(step, row)
    else:
        stage.deliver(step, row)


def _rekey_table(stage: StageCompiler, step: Rekey, change: Change) -> None:
    """A table's key can only change its name or format, not its value: rows stay where they are."""
    names = tuple(name for name, _ in step.keys)

    def renamed(row: Row) -> Row:
        columns = {**row.columns, **{new: row.columns[old] for new, old in zip(names, row.keys, strict=True)}}
        return replace(row, columns=columns, keys=names, raw_key=None)

    old = renamed(change.old) if change.old is not None else None
    stage.deliver(step, Change(renamed(change.new), change.absent, old, change.old_absent))


def new_keys(stage: StageCompiler, step: Rekey, row: Row) -> Row | None:
    """The row under its new key; None if rows like this (null value, joins) are dropped.

    Of a row without a value, parts of the new key that are made of value columns are NULL.
    """
    if row.null and step.drop_null:
        return None
    expressions = [expression for _, expression in step.keys]
    if row.null:
        known = {*row.keys, *PSEUDO_COLUMNS, *WINDOW_COLUMNS}
        expressions = [
            e if column_names([e]) <= known else Cast(NullLiteral(), stage.type_of(e, row)) for e in expressions
        ]
    results = stage.evaluate(expressions, row, "PartitionBy")
    names = tuple(name for name, _ in step.keys)
    columns = {**row.columns, **dict(zip(names, results, strict=True))}
    return replace(row, columns=columns, keys=names, raw_key=None)
