"""The end of a query: rows encoded for the sink topic, or handed to a push query's reader."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from headwater.core.schema import WINDOW_COLUMNS, Column
from headwater.core.types import STRING
from headwater.engine.event_time import timestamp_parser
from headwater.engine.operators.keys import state_key
from headwater.engine.operators.materialize import result_store
from headwater.engine.program import QueryFailedError
from headwater.engine.rows import Change, Row
from headwater.formats import registry as formats
from headwater.formats.api import SerdeOptions, Writer
from headwater.formats.windowed import session_key, time_key
from headwater.plan.steps import FormatSpec, Sink

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler


_FORGETS_NULL = ("PROTOBUF", "PROTOBUF_NOSR")


def write(stage: StageCompiler, flow: Row | Change) -> None:
    """Put the row out: to the sink topic, or as a tuple to whoever listens."""
    target = stage.program.plan.sink
    if target is None:
        if stage.program.plan.materialize and isinstance(flow, Change):
            _remember(stage, flow, None)
        else:
            _hand_over(stage, flow)
        return
    if isinstance(flow, Row):
        _append(stage, target, flow, "True" if flow.null else None)
        return
    payload = _append(stage, target, flow.new, flow.absent)
    if result_store(stage.program) is not None:
        _remember(stage, flow, payload)


def _hand_over(stage: StageCompiler, flow: Row | Change) -> None:
    """(values in the schema's order, tombstone?) for a push query; records of a stream without a value are no rows."""
    if isinstance(flow, Row) and flow.null:
        return
    columns = stage.program.plan.schema.columns
    row, absent = (flow.new, flow.absent) if isinstance(flow, Change) else (flow, None)
    add = stage.local("task.rows.append", "add_row")
    full = "".join(f"{row.code(c.name)}, " for c in columns)
    kept = {*row.keys, *WINDOW_COLUMNS} if row.window is not None else {*row.keys}
    key_only = "".join(f"{row.code(c.name) if c.name in kept else None}, " for c in columns)
    if absent is None:
        stage.body.line(f"{add}((({full}), False))")
    elif absent == "True":
        stage.body.line(f"{add}((({key_only}), True))")
    else:
        stage.body.line(f"{add}((({key_only}), True) if {absent} else (({full}), False))")


def writer_for(
    stage: StageCompiler, columns: tuple[Column, ...], spec: FormatSpec, topic: str, *, is_key: bool
) -> Writer:
    options = SerdeOptions(is_key, spec.wrap, spec.properties)
    return formats.get(spec.name).writer(columns, options, topic, stage.program.registry)


def encode(stage: StageCompiler, variable: str, writer: Writer, codes: list[str], what: str) -> None:
    """Code that sets `variable` to the payload; what cannot be written stops the query."""
    body = stage.body
    arguments = ", ".join(codes)
    exact = stage.names.add(writer.encode, "encode")
    if writer.inline is None:
        fast = f"{exact}({arguments})"
    else:
        fast = writer.inline
        for name, value in writer.names.items():
            fast = re.sub(rf"\b{name}\b", stage.names.add(value, name), fast)
        fast = fast.replace("{args}", arguments)
    with body.block("try:"):
        body.line(f"{variable} = {fast}")
    with body.block("except Exception:"):
        with body.block("try:"):
            body.line(f"{variable} = {exact}({arguments})")
        with body.block("except Exception as error:"):
            failure = stage.names.add(QueryFailedError, "query_failed")
            body.line(f"raise {failure}({f'{what} cannot be written: '!r} + str(error)) from error")


def key_bytes(stage: StageCompiler, row: Row, columns: tuple[Column, ...], spec: FormatSpec, topic: str) -> str:
    """A local that holds the record key. Where nothing about the key has changed, null stays null.

    The source's own bytes are good enough only in the KAFKA format, where a key has one spelling: elsewhere quotes,
    blanks, member names or schema ids may differ.
    """
    body = stage.body
    if not columns:
        return "None"
    raw = row.raw_key if row.window is None else None
    if raw is not None and raw.format == spec and spec.name == "KAFKA":
        return raw.code
    variable = stage.names.temp("key_bytes")
    writer = writer_for(stage, columns, spec, topic, is_key=True)
    if raw is None:
        encode(stage, variable, writer, row.key_codes(), f"A key of topic {topic}")
        return variable
    with body.block(f"if {raw.code} is None:"):
        body.line(f"{variable} = None")
    with body.block("else:"):
        encode(stage, variable, writer, row.key_codes(), f"A key of topic {topic}")
    return variable


def _append(stage: StageCompiler, target: Sink, row: Row, absent: str | None) -> str:
    """Code that appends the record; returns the local that holds its payload."""
    body = stage.body
    suffix = 0 if row.window is None else 16 if target.window is not None and target.window.size_ms is None else 8
    index = stage.program.output(stage.unit, id(target), target.topic, internal=False, key_suffix=suffix)
    emit = stage.local(f"task.outputs[{index}].append", "emit")
    key = key_bytes(stage, row, target.schema.key, target.formats.key, target.topic)
    if row.window is not None:
        key = _with_window(stage, key, target, row.window)
    payload = stage.names.temp("payload")
    writer = writer_for(stage, target.schema.value, target.formats.value, target.topic, is_key=False)
    codes = [row.code(column.name) for column in target.schema.value] if absent != "True" else []
    what = f"A row of {target.source_name}"
    if absent is None:
        encode(stage, payload, writer, codes, what)
    elif absent == "True":
        body.line(f"{payload} = None")
    else:
        with body.block(f"if {absent}:"):
            body.line(f"{payload} = None")
        with body.block("else:"):
            encode(stage, payload, writer, codes, what)
    ts = row.ts
    if target.timestamp is not None and absent != "True":
        ts = _sink_time(stage, target, row, absent)
        with body.block(f"if {ts} is not None:"):
            body.line(f"{emit}(({key}, {payload}, {ts}, {row.headers}))")
    else:
        body.line(f"{emit}(({key}, {payload}, {ts}, {row.headers}))")
    return payload


def _with_window(stage: StageCompiler, key: str, target: Sink, window: tuple[str, str]) -> str:
    start, end = window
    if target.window is not None and target.window.size_ms is None:
        return f"{stage.names.add(session_key, 'session_key')}({key}, {start}, {end})"
    return f"{stage.names.add(time_key, 'time_key')}({key}, {start})"


def _sink_time(stage: StageCompiler, target: Sink, row: Row, absent: str | None) -> str:
    """Event time of the written record from one of its columns; a row without a usable time is logged and dropped."""
    assert target.timestamp is not None
    body = stage.body
    ts = stage.names.temp("out_ts")
    column = row.binding(target.timestamp.name)
    code = column.code
    if column.type == STRING:
        assert target.timestamp.format is not None
        code = f"{stage.names.add(timestamp_parser(target.timestamp.format), 'parse_time')}({code})"
    body.line(f"{ts} = {row.ts}")
    with body.block("try:"):
        body.line(f"{ts} = {code}" if absent is None else f"{ts} = {ts} if {absent} else {code}")
        with body.block(f"if {ts} is None or {ts} < 0:"):
            body.line(f'raise ValueError(f"the time is {{{ts}}}")')
    with body.block("except Exception as error:"):
        message = f"A row of {target.source_name} has no usable time in column {target.timestamp.name}."
        body.line(f"{stage.reporter('Sink')}({message!r}, error)")
        body.line(f"{ts} = None")
    return ts


def _remember(stage: StageCompiler, change: Change, payload: str | None) -> None:
    """Keep the result row for pull queries where no operator's own state can give it.

    A format that cannot tell NULL from a default value (PROTOBUF) shows in what pull queries read, so such rows are
    kept as they read back.
    """
    found = result_store(stage.program)
    assert found is not None
    step, layout, make = found
    store = stage.store(step, "result", make)
    put = stage.local(f"{store}.put", "put")
    target = stage.program.plan.sink
    packed = layout.pack(change.new)
    if payload is not None and target is not None and target.formats.value.name in _FORGETS_NULL:
        options = SerdeOptions(is_key=False, wrap=target.formats.value.wrap, properties=target.formats.value.properties)
        reader = formats.get(target.formats.value.name).reader(
            target.schema.value, options, target.topic, stage.program.registry
        )
        stored = stage.names.temp("stored")
        read = f"{stage.names.add(reader.decode, 'decode_back')}({payload})"
        stage.body.line(f"{stored} = None if {payload} is None else {read}")
        packed = f"({''.join(access.replace('row', stored, 1) + ', ' for access in reader.access)}{change.new.ts},)"
    key = state_key(stage, change.new)
    if change.absent is None:
        stage.body.line(f"{put}({key}, {packed})")
    elif change.absent == "True":
        stage.body.line(f"{put}({key}, None)")
    else:
        stage.body.line(f"{put}({key}, None if {change.absent} else {packed})")
