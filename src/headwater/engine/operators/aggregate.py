"""GROUP BY: state per group, kept as a mutable list `[state of each call…, time]` that generated code updates in
place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headwater.core.types import STRING, SqlType
from headwater.engine.operators import windows
from headwater.engine.operators.keys import group_key
from headwater.engine.operators.tables import key_types
from headwater.engine.program import QueryFailedError
from headwater.engine.rows import Change, Row
from headwater.engine.stores import KeyValueStore, key_annotation, tuple_of
from headwater.plan.expressions import Binding
from headwater.plan.functions import BoundAggregate, bind_aggregate
from headwater.sql.ast import WindowKind

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.plan.steps import Aggregate, AggregateCall

_IMMEDIATE = (type(None), bool, int, str)


@dataclass(frozen=True)
class Call:
    """An aggregate call ready for code: its function and the codes of its arguments for the row at hand."""

    column: str
    function: BoundAggregate
    arguments: tuple[str, ...] = ()


def bind(stage: StageCompiler, step: Aggregate, row: Row) -> list[Call]:
    """Resolve the functions by the arguments' types."""
    calls = [Call(call.column, bind_call(stage, step, call, row)) for call in step.calls]
    stage.program.bound_calls[id(step)] = calls
    return calls


def bind_call(stage: StageCompiler, step: Aggregate, call: AggregateCall, row: Row) -> BoundAggregate:
    return bind_types(stage, step, call, [stage.compile(argument, row).type for argument in call.arguments])


def bind_types(
    stage: StageCompiler, step: Aggregate, call: AggregateCall, types: list[SqlType | None]
) -> BoundAggregate:
    """Resolve by known types of the leading arguments; the trailing literal ones speak for themselves."""
    nothing = Row({}, (), "None")
    rest = [stage.compile(argument, nothing).type for argument in call.arguments[len(types) :]]
    session = step.window is not None and step.window.kind is WindowKind.SESSION
    limits = stage.program.options.expressions.limits
    return bind_aggregate(
        call.function, call.arguments, [*types, *rest], stage.program.functions, limits, session=session
    )


def enter(stage: StageCompiler, step: Aggregate, flow: Row | Change) -> None:
    """Process an input row that has not passed a repartition topic: compute groups and arguments first."""
    if isinstance(flow, Change):
        _enter_table(stage, step, flow)
        return
    if flow.null:
        return
    row, calls = grouped(stage, step, flow)
    with stage.body.block(f"if {_all_present(row)}:"):
        update(stage, step, row, calls)


def _all_present(row: Row) -> str:
    return " and ".join(f"{code} is not None" for code in row.key_codes()) or "True"


def grouped(stage: StageCompiler, step: Aggregate, row: Row) -> tuple[Row, list[Call]]:
    """The row under its group's key, and the calls with their arguments computed."""
    calls = bind(stage, step, row)
    expressions = [expression for _, expression in step.groups]
    for call, plan in zip(calls, step.calls, strict=True):
        expressions += plan.arguments[: call.function.arguments]
    results = stage.evaluate(expressions, row, "Aggregate")
    keys = {name: result for (name, _), result in zip(step.groups, results, strict=False)}
    rest = [result.code for result in results[len(keys) :]]
    filled: list[Call] = []
    for call in calls:
        count = call.function.arguments
        filled.append(replace(call, arguments=tuple(rest[:count])))
        rest = rest[count:]
    raw = row.raw_key if [b.code for b in keys.values()] == row.key_codes() else None
    return replace(row, columns=keys, keys=tuple(keys), raw_key=raw), filled


def update(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call]) -> None:
    """Add a stream's row to its group; the group's key columns are not NULL here."""
    if step.window is None:
        _update_group(stage, step, row, calls)
    elif step.window.kind is WindowKind.SESSION:
        windows.session(stage, step, row, calls)
    else:
        windows.time_windows(stage, step, row, calls)


def entry_annotation(calls: list[Call]) -> object:
    """Entries are lists in memory and on the changelog; their items differ in type, so they are decoded as tuples."""
    return tuple_of([*(call.function.state for call in calls), int])


def new_entry(stage: StageCompiler, calls: list[Call]) -> str:
    """Code of a fresh entry."""
    items = []
    for call in calls:
        initial = call.function.initial()
        if isinstance(initial, _IMMEDIATE) or (isinstance(initial, float) and initial == initial):
            items.append(repr(initial))
        else:
            items.append(f"{stage.names.add(call.function.initial, 'initial')}()")
    return f"[{', '.join([*items, '-1'])}]"


def add(stage: StageCompiler, calls: list[Call], entry: str, ts: str, *, first: int = 0, undo: bool = False) -> None:
    """Code that adds (or undoes) the calls' arguments in `entry`; a function that fails (overflow) fails the query."""
    body = stage.body
    temps = [stage.names.temp("s") for _ in calls]
    work: list[tuple[str, str, str]] = []
    for i, (call, temp) in enumerate(zip(calls, temps, strict=True)):
        state = f"{entry}[{first + i}]"
        function = call.function.undo if undo else call.function.add
        if call.function.inline_add is not None and not undo:
            names = [_name(stage, work, argument) for argument in call.arguments]
            code = call.function.inline_add.format(*names, s=_name(stage, work, state))
        else:
            code = f"{stage.names.add(function, 'undo' if undo else 'add')}({', '.join([state, *call.arguments])})"
        work.append((temp, state, code))
    with body.block("try:"):
        for temp, _, code in work:
            body.line(f"{temp} = {code}")
    with body.block("except Exception as error:"):
        failed = stage.names.add(QueryFailedError, "query_failed")
        body.line(f'raise {failed}(f"An aggregate function failed: {{error}}") from error')
    for temp, state, _ in work:
        if state:
            body.line(f"{state} = {temp}")
    last = f"{entry}[{first + len(calls)}]"
    with body.block(f"if {ts} > {last}:"):
        body.line(f"{last} = {ts}")


def _name(stage: StageCompiler, work: list[tuple[str, str, str]], code: str) -> str:
    """A local holding the code's value: inline templates use their arguments more than once."""
    if code.isidentifier():
        return code
    name = stage.names.temp("a")
    work.append((name, "", code))
    return name


def result_row(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call], entry: str, first: int = 0) -> Row:
    """The group's row as it stands in `entry`."""
    wanted = stage.program.needs[id(step)]
    columns = {name: row.columns[name] for name in row.keys}
    for i, call in enumerate(calls):
        if call.column in wanted:
            state = f"{entry}[{first + i}]"
            if call.function.inline_result is not None:
                code = call.function.inline_result.format(s=state)
            else:
                code = f"{stage.names.add(call.function.result, 'result')}({state})"
            columns[call.column] = Binding(call.function.returns, code)
    return replace(row, columns=columns, ts=f"{entry}[{first + len(calls)}]", headers="()", null=False)


def freeze(stage: StageCompiler, row: Row, absent: str) -> Row:
    """Copy a result into locals, so that it survives the update of its entry; None where `absent`."""
    names = [name for name in row.columns if name not in row.keys]
    if not names:
        return row
    temps = {name: stage.names.temp("old") for name in names}
    body = stage.body
    with body.block(f"if {absent}:"):
        body.line(f"{' = '.join(temps.values())} = None")
    with body.block("else:"):
        for name, temp in temps.items():
            body.line(f"{temp} = {row.code(name)}")
    return row.with_columns({name: Binding(row.columns[name].type, temp) for name, temp in temps.items()})


def group_store(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call]) -> str:
    key_type, entry_type = key_annotation(key_types(row)), entry_annotation(calls)
    return stage.store(step, "groups", lambda: KeyValueStore(key_type, entry_type, as_list=True))


def _update_group(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call]) -> None:
    body = stage.body
    store = group_store(stage, step, row, calls)
    entry, key, is_new = (stage.names.temp(hint) for hint in ("entry", "group", "is_new"))
    body.line(f"{key} = {group_key(stage, row)}")
    _open_entry(stage, store, key, entry, calls, is_new if stage.wants_old(step) else None)
    result = result_row(stage, step, row, calls, entry)
    old = freeze(stage, result, is_new) if stage.wants_old(step) else None
    add(stage, calls, entry, row.ts)
    body.line(f"{stage.local(f'{store}.touch', 'touch')}({key}, {entry})")
    stage.deliver(step, Change(result, None, old, is_new if old is not None else None))


def _open_entry(stage: StageCompiler, store: str, key: str, entry: str, calls: list[Call], is_new: str | None) -> None:
    body = stage.body
    body.line(f"{entry} = {stage.local(f'{store}.get', 'get')}({key})")
    if is_new is not None:
        body.line(f"{is_new} = {entry} is None")
    with body.block(f"if {entry} is None:"):
        body.line(f"{entry} = {stage.local(f'{store}.data', 'groups')}[{key}] = {new_entry(stage, calls)}")


def _enter_table(stage: StageCompiler, step: Aggregate, change: Change) -> None:
    """A change of a table: the old row's contribution is undone, then the new row's added (semantics section 11)."""
    assert change.old is not None
    body = stage.body
    sides = []
    for row, absent in ((change.old, change.old_absent), (change.new, change.absent)):
        present, group, values = side_values(stage, step, row, absent)
        sides.append((present, group, values))
    (old_present, old_group, old_values), (new_present, new_group, new_values) = sides
    columns = {
        name: Binding(stage.compile(expression, change.new).type or STRING, "None") for name, expression in step.groups
    }
    row = replace(change.new, columns=columns, keys=tuple(columns), raw_key=None, headers="()", null=False)
    group, undone, added = (stage.names.temp(hint) for hint in ("group", "undone", "added"))
    moves = f"(({old_group}, {old_values}, None), ({new_group}, None, {new_values}))"
    same = f"(({new_group}, {old_values}, {new_values}),)"
    body.line(f"moves = {same} if {old_present} and {new_present} and {old_group} == {new_group} else {moves}")
    loop = body.block(f"for {group}, {undone}, {added} in moves:")
    with loop, body.block(f"if {undone} is not None or {added} is not None:"):
        regroup(stage, step, row, bind(stage, step, change.new), group, undone, added)


def side_values(stage: StageCompiler, step: Aggregate, row: Row, absent: str | None) -> tuple[str, str, str]:
    """Locals for one side of a change: is it there with a complete group, its group, its arguments (tuples)."""
    body = stage.body
    present, group, values = (stage.names.temp(hint) for hint in ("present", "group", "values"))
    body.line(f"{present} = False")
    body.line(f"{group} = {values} = None")
    if absent == "True":
        return present, group, values
    with body.block(f"if not ({absent}):" if absent is not None else "if True:"):
        keyed, calls = grouped(stage, step, replace(row, null=False))
        body.line(f"{present} = {_all_present(keyed)}")
        with body.block(f"if {present}:"):
            body.line(f"{group} = ({''.join(f'{code}, ' for code in keyed.key_codes())})")
            body.line(f"{values} = ({''.join(f'{code}, ' for call in calls for code in call.arguments)})")
    return present, group, values


def regroup(
    stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call], group: str, undone: str, added: str
) -> None:
    """Undo and add argument tuples (locals, None for nothing) in one group of a table aggregation; put its row out."""
    body = stage.body
    columns = {name: Binding(row.columns[name].type, f"{group}[{i}]") for i, name in enumerate(row.keys)}
    keyed = replace(row, columns=columns, raw_key=None)
    store = group_store(stage, step, keyed, calls)
    entry, key, is_new = (stage.names.temp(hint) for hint in ("entry", "group_key", "is_new"))
    body.line(f"{key} = {group_key(stage, keyed)}")
    _open_entry(stage, store, key, entry, calls, is_new)
    result = result_row(stage, step, keyed, calls, entry)
    old = freeze(stage, result, is_new) if stage.wants_old(step) else None
    for values, is_undo in ((undone, True), (added, False)):
        with body.block(f"if {values} is not None:"):
            add(stage, with_values(calls, values), entry, row.ts, undo=is_undo)
    body.line(f"{stage.local(f'{store}.touch', 'touch')}({key}, {entry})")
    stage.deliver(step, Change(result, None, old, is_new if old is not None else None))


def with_values(calls: list[Call], values: str) -> list[Call]:
    """The calls with their arguments read from the tuple in the local `values`."""
    filled, at = [], 0
    for call in calls:
        count = call.function.arguments
        filled.append(replace(call, arguments=tuple(f"{values}[{at + i}]" for i in range(count))))
        at += count
    return filled
