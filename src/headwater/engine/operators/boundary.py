"""Repartition topics: rows written on one side, read on the other, so that equal keys meet in one partition.

The record key is in the plan's key format (co-located with topics keyed alike); the value is a msgpack tuple of just
what the other side needs: the referred columns of a Rekey, the arguments of an Aggregate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from headwater.core.schema import Column, Role
from headwater.core.types import BIGINT, INTEGER, STRING, SqlType
from headwater.engine.operators import aggregate, stateless
from headwater.engine.operators.sink import key_bytes
from headwater.engine.operators.source import reader_for
from headwater.engine.packing import pack
from headwater.engine.program import StageInput
from headwater.engine.rows import Change, RawKey, Row
from headwater.engine.stores import annotation, tuple_of
from headwater.plan.expressions import Binding
from headwater.plan.steps import Aggregate, Rekey

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.plan.steps import Step

_PSEUDO: dict[str, SqlType] = {"ROWPARTITION": INTEGER, "ROWOFFSET": BIGINT}


def write(stage: StageCompiler, step: Step, flow: Row | Change) -> None:
    """Send a row into the topic of the boundary step."""
    if isinstance(step, Rekey):
        assert isinstance(flow, Row)
        _write_rekeyed(stage, step, flow)
        return
    assert isinstance(step, Aggregate)
    if isinstance(flow, Change):
        _write_change(stage, step, flow)
    elif not flow.null:
        row, calls = aggregate.grouped(stage, step, flow)
        columns = _key_columns(step, row)
        with stage.body.block(f"if {' and '.join(f'{code} is not None' for code in row.key_codes())}:"):
            values = "".join(f"{code}, " for call in calls for code in call.arguments)
            _send(stage, step, row, columns, f"({values})")
    _remember_types(stage, step, flow)


def _remember_types(stage: StageCompiler, step: Aggregate, flow: Row | Change) -> None:
    row = flow.new if isinstance(flow, Change) else flow
    groups = [stage.compile(expression, row).type for _, expression in step.groups]
    arguments = []
    for call in step.calls:
        count = aggregate.bind_call(stage, step, call, row).arguments
        arguments.append([stage.compile(argument, row).type for argument in call.arguments[:count]])
    stage.program.boundary_types[id(step)] = (groups, arguments)


def _key_columns(step: Aggregate, row: Row) -> tuple[Column, ...]:
    return tuple(Column(name, row.columns[name].type, Role.KEY) for name, _ in step.groups)


def _send(stage: StageCompiler, step: Rekey | Aggregate, row: Row, columns: tuple[Column, ...], value: str) -> None:
    name = stage.program.operator_name(step)
    index = stage.program.output(stage.unit, id(step), name, internal=True)
    emit = stage.local(f"task.outputs[{index}].append", "emit")
    key = key_bytes(stage, replace(row, window=None), columns, step.key_format, name)
    encode = stage.names.add(pack, "pack")
    payload = "None" if value == "None" else f"{encode}({value})"
    stage.body.line(f"{emit}(({key}, {payload}, {row.ts}, {row.headers}))")


def _carried(stage: StageCompiler, step: Rekey) -> list[tuple[str, SqlType]]:
    """Columns that pass the topic in the record's value."""
    keys = {name for name, _ in step.keys}
    known = {
        **_PSEUDO,
        **{c.name: c.type for c in step.input.schema.columns},
        **{c.name: c.type for c in step.schema.columns},
    }
    wanted = stage.program.needs[id(step)]
    return [(name, known[name]) for name in known if name in wanted and name not in keys]


def _write_rekeyed(stage: StageCompiler, step: Rekey, row: Row) -> None:
    keyed = stateless.new_keys(stage, step, row)
    if keyed is None:
        return
    columns = tuple(Column(name, keyed.columns[name].type, Role.KEY) for name, _ in step.keys)
    value = "None" if row.null else f"({''.join(f'{keyed.code(name)}, ' for name, _ in _carried(stage, step))})"
    stage.program.boundary_types[id(step)] = ([c.type for c in columns], [])
    if step.drop_null:
        with stage.body.block(f"if {' and '.join(f'{code} is not None' for code in keyed.key_codes())}:"):
            _send(stage, step, keyed, columns, value)
    else:
        _send(stage, step, keyed, columns, value)


def _write_change(stage: StageCompiler, step: Aggregate, change: Change) -> None:
    """A table's change as (old arguments, new arguments); two records when the group changes."""
    assert change.old is not None
    body = stage.body
    old_present, old_group, old_values = aggregate.side_values(stage, step, change.old, change.old_absent)
    new_present, new_group, new_values = aggregate.side_values(stage, step, change.new, change.absent)
    with body.block(f"if {old_present} and {new_present} and {old_group} == {new_group}:"):
        _send_change(stage, step, change.new, new_group, f"({old_values}, {new_values})")
    with body.block("else:"):
        with body.block(f"if {old_present}:"):
            _send_change(stage, step, change.new, old_group, f"({old_values}, None)")
        with body.block(f"if {new_present}:"):
            _send_change(stage, step, change.new, new_group, f"(None, {new_values})")


def _send_change(stage: StageCompiler, step: Aggregate, row: Row, group: str, value: str) -> None:
    columns: dict[str, Binding] = {}
    for i, (name, expression) in enumerate(step.groups):
        sql_type = stage.compile(expression, row).type
        assert sql_type is not None
        columns[name] = Binding(sql_type, f"{group}[{i}]")
    keyed = replace(row, columns=columns, keys=tuple(columns), raw_key=None)
    _send(stage, step, keyed, _key_columns(step, keyed), value)


def read(stage: StageCompiler, step: Step, function: str) -> StageInput:
    """Write the loop over the records of the boundary's topic."""
    assert isinstance(step, Rekey | Aggregate)
    body = stage.body
    name = stage.program.operator_name(step)
    key_types, argument_types = stage.program.boundary_types[id(step)]
    with body.block("for record in records:"):
        body.line("ts = record.timestamp")
        row = _read_key(stage, step, name, key_types)
        if isinstance(step, Rekey):
            _read_rekeyed(stage, step, row)
        elif step.input.is_table:
            _read_change(stage, step, row, argument_types)
        else:
            _read_arguments(stage, step, row, argument_types)
    return StageInput(name, function, None)


def _read_key(stage: StageCompiler, step: Rekey | Aggregate, topic: str, key_types: list[Any]) -> Row:
    body = stage.body
    names = [name for name, _ in (step.keys if isinstance(step, Rekey) else step.groups)]
    columns = tuple(Column(name, t, Role.KEY) for name, t in zip(names, key_types, strict=True))
    bindings = {c.name: Binding(c.type, stage.names.temp("k")) for c in columns}
    if columns:
        reader = reader_for(stage, columns, step.key_format, topic, is_key=True)
        decode = stage.names.add(reader.decode, "decode_key")
        body.line("key = record.key")
        with body.block("if key is None:"):
            body.line(f"{' = '.join(b.code for b in bindings.values())} = None")
        with body.block("else:"):
            body.line(f"key_row = {decode}(key)")
            for binding, access in zip(bindings.values(), reader.access, strict=True):
                body.line(f"{binding.code} = {access.replace('row', 'key_row', 1)}")
    return Row(bindings, tuple(names), "ts", None, "record.headers", RawKey("record.key", step.key_format))


def _decoder(stage: StageCompiler, annotation_: Any) -> str:
    return stage.names.add(msgspec.msgpack.Decoder(annotation_).decode, "unpack")


def _read_rekeyed(stage: StageCompiler, step: Rekey, row: Row) -> None:
    body = stage.body
    carried = _carried(stage, step)
    with body.block("if record.value is None:"):
        if not step.drop_null:
            nothing = {name: Binding(t, stage.null()) for name, t in carried}
            stage.deliver(step, replace(row.with_columns(nothing), null=True))
        body.line("continue")
    decode = _decoder(stage, tuple_of([annotation(t) for _, t in carried]))
    body.line(f"row = {decode}(record.value)")
    columns = {name: Binding(t, f"row[{i}]") for i, (name, t) in enumerate(carried)}
    stage.deliver(step, row.with_columns(columns))


def _read_arguments(stage: StageCompiler, step: Aggregate, row: Row, argument_types: list[list[Any]]) -> None:
    flat = [annotation(t or STRING) for types in argument_types for t in types]
    stage.body.line(f"row = {_decoder(stage, tuple_of(flat))}(record.value)")
    calls = [
        aggregate.Call(call.column, aggregate.bind_types(stage, step, call, types))
        for call, types in zip(step.calls, argument_types, strict=True)
    ]
    aggregate.update(stage, step, replace(row, headers="()"), aggregate.with_values(calls, "row"))


def _read_change(stage: StageCompiler, step: Aggregate, row: Row, argument_types: list[list[Any]]) -> None:
    body = stage.body
    one: Any = tuple_of([annotation(t or STRING) for types in argument_types for t in types])
    group = stage.names.temp("group")
    body.line(f"old_values, new_values = {_decoder(stage, tuple_of([one | None, one | None]))}(record.value)")
    body.line(f"{group} = ({''.join(f'{code}, ' for code in row.key_codes())})")
    calls = [
        aggregate.Call(call.column, aggregate.bind_types(stage, step, call, types))
        for call, types in zip(step.calls, argument_types, strict=True)
    ]
    aggregate.regroup(stage, step, row, calls, group, "old_values", "new_values")
