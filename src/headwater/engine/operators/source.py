"""Reading a source topic: decode key and value, find the record's time and window, drop what cannot be read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headwater.core.errors import DataError
from headwater.core.schema import Column
from headwater.core.types import BIGINT, INTEGER, STRING, TIMESTAMP, Array, Map, SqlType, Struct
from headwater.engine.event_time import timestamp_parser
from headwater.engine.operators import tables
from headwater.engine.program import QueryFailedError, StageInput
from headwater.engine.rows import RawKey, Row
from headwater.formats import registry as formats
from headwater.formats.api import Reader, SerdeOptions
from headwater.formats.windowed import split_session_key, split_time_key
from headwater.plan.expressions import Binding
from headwater.plan.steps import FormatSpec, SourceStep

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler


def read(stage: StageCompiler, step: SourceStep, function: str) -> StageInput:
    """Write the loop over the records of the step's topic."""
    body = stage.body
    with body.block("for record in records:"):
        body.line("ts = record.timestamp")
        if step.is_table:
            _skip_null_keys(stage, step)
        row = _key_row(stage, step)
        body.line("value = record.value")
        with body.block("if value is None:"):
            _null_value(stage, step, row)
            body.line("continue")
        columns = decode(stage, step, "value", step.schema.value, step.formats.value, is_key=False)
        if [binding.code for binding in columns.values()] == ["value_row"]:
            with body.block("if value_row is None:"):
                _null_value(stage, step, row)
                body.line("continue")
        row = row.with_columns(columns)
        _extract_time(stage, step, row)
        if step.is_table:
            tables.put(stage, step, row)
        else:
            stage.deliver(step, row)
    return StageInput(step.topic, function, step, table=step.is_table)


def _skip_null_keys(stage: StageCompiler, step: SourceStep) -> None:
    report = stage.reporter(f"{step.source_name}")
    error = stage.names.add(ValueError("the key is null"), "null_key")
    message = f"A record of table {step.source_name} without a key was skipped."
    with stage.body.block("if record.key is None:"):
        stage.body.line(f"{report}({message!r}, {error})")
        stage.body.line("continue")


def _null_value(stage: StageCompiler, step: SourceStep, row: Row) -> None:
    nothing = {column.name: Binding(column.type, stage.null()) for column in step.schema.value}
    if step.is_table:
        tables.put(stage, step, replace(row.with_columns(nothing), null=True))
    elif step.timestamp is None:
        stage.deliver(step, replace(row.with_columns(nothing), null=True))


def _key_row(stage: StageCompiler, step: SourceStep) -> Row:
    """Decode the key into columns and the window's bounds."""
    body = stage.body
    columns: dict[str, Binding] = {
        "ROWPARTITION": Binding(INTEGER, stage.local("task.partition", "partition")),
        "ROWOFFSET": Binding(BIGINT, "record.offset"),
    }
    if step.window is None and "ROWPARTITION" in stage.program.needs[id(step)] and stage.program.options.single_task:
        columns["ROWPARTITION"] = Binding(INTEGER, "task.partition")
    for column in step.schema.headers:
        columns[column.name] = Binding(column.type, _header_code(stage, column))
    window = None
    raw_key = None
    if step.schema.key:
        body.line("key = record.key")
        if step.window is not None:
            window = _split_window(stage, step)
        elif step.formats.key.name != "NONE":
            raw_key = RawKey("record.key", step.formats.key)
        with_null = {c.name: Binding(c.type, stage.names.temp("k")) for c in step.schema.key}
        with body.block("if key is None:"):
            body.line(f"{' = '.join(b.code for b in with_null.values())} = None")
        with body.block("else:"):
            decoded = decode(stage, step, "key", step.schema.key, step.formats.key, is_key=True)
            for name, binding in with_null.items():
                body.line(f"{binding.code} = {decoded[name].code}")
        columns |= with_null
    return Row(columns, tuple(c.name for c in step.schema.key), "ts", window, "record.headers", raw_key)


def _header_code(stage: StageCompiler, column: Column) -> str:
    if column.header_key is None:
        return "list(record.headers)"
    last = stage.names.add(_last_header, "last_header")
    return f"{last}(record.headers, {column.header_key!r})"


def _last_header(headers: list[tuple[str, bytes | None]], key: str) -> bytes | None:
    for name, value in reversed(headers):
        if name == key:
            return value
    return None


def _split_window(stage: StageCompiler, step: SourceStep) -> tuple[str, str]:
    """Take the window off the key's bytes (formats section 11)."""
    assert step.window is not None
    body = stage.body
    with body.block("if key is None:"):
        body.line("continue")
    if step.window.size_ms is None:
        split = f"{stage.names.add(split_session_key, 'split_session_key')}(key)"
    else:
        split = f"{stage.names.add(split_time_key, 'split_time_key')}(key, {step.window.size_ms})"
    with body.block("try:"):
        body.line(f"key, window_start, window_end = {split}")
    _skip_bad(stage, step, "key", "key")
    return "window_start", "window_end"


def reader_for(
    stage: StageCompiler, columns: tuple[Column, ...], spec: FormatSpec, topic: str, *, is_key: bool
) -> Reader:
    return formats.get(spec.name).reader(columns, _options(stage, spec, is_key), topic, stage.program.registry)


def _options(stage: StageCompiler, spec: FormatSpec, is_key: bool) -> SerdeOptions:
    return SerdeOptions(is_key, spec.wrap, spec.properties, stage.program.options.json_under_schema)


def decode(
    stage: StageCompiler, step: SourceStep, payload: str, columns: tuple[Column, ...], spec: FormatSpec, *, is_key: bool
) -> dict[str, Binding]:
    """Code that decodes the variable `payload`; a record that cannot be decoded is logged and skipped."""
    if not columns:
        return {}
    body = stage.body
    reader = reader_for(stage, columns, spec, step.topic, is_key=is_key)
    target = "key" if is_key else "value"
    row = f"{target}_row"
    exact = stage.names.add(reader.decode, f"decode_{target}")

    def decode_exactly() -> None:
        with body.block("try:"):
            body.line(f"{row} = {exact}({payload})")
        _skip_bad(stage, step, target, payload)

    signature = _signature(columns, spec.name, _options(stage, spec, is_key))
    if reader.fast is None:
        if signature is not None:
            exact = stage.local(f"task.decoder({signature!r}, {exact})", f"decode_{target}")
        decode_exactly()
    else:
        decoder = f"{stage.names.add(reader.fast, 'fast')}()"
        if signature is not None:
            decoder = f"task.decoder({signature!r}, {decoder})"
        fast = stage.local(decoder, f"fast_{target}")
        with body.block("try:"):
            body.line(f"{row} = {fast}({payload})")
        with body.block(f"except {stage.names.add(reader.fast_errors, 'fast_errors')}:"):
            decode_exactly()
    return {
        c.name: Binding(c.type, access.replace("row", row, 1)) for c, access in zip(columns, reader.access, strict=True)
    }


def _signature(columns: tuple[Column, ...], format_name: str, options: SerdeOptions) -> str | None:
    """What queries over a topic must have in common to share rows; None where rows can be changed by who has them."""
    if any(_is_mutable(column.type) for column in columns):
        return None
    return repr((format_name, options, [(column.name, column.type) for column in columns]))


def _is_mutable(sql_type: SqlType) -> bool:
    if isinstance(sql_type, Struct):
        return any(_is_mutable(field.type) for field in sql_type.fields)
    return isinstance(sql_type, Array | Map)


def _skip_bad(stage: StageCompiler, step: SourceStep, target: str, payload: str) -> None:
    """The handler of a `try` that decodes: log the record and go on with the next."""
    with stage.body.block(f"except {stage.names.add(DataError, 'bad_data')} as error:"):
        stage.body.line(f"task.bad_record({step.topic!r}, {target!r}, error, {payload}, record)")
        stage.body.line("continue")


def _extract_time(stage: StageCompiler, step: SourceStep, row: Row) -> None:
    """Event time from a column (semantics section 8); records without a usable time are logged and skipped."""
    if step.timestamp is None:
        return
    body = stage.body
    column = row.binding(step.timestamp.name)
    report = stage.reporter(step.source_name)
    with body.block("try:"):
        if column.type == STRING:
            assert step.timestamp.format is not None
            parse = stage.names.add(timestamp_parser(step.timestamp.format), "parse_time")
            body.line(f"ts = {parse}({column.code})")
        else:
            assert column.type in (BIGINT, TIMESTAMP)
            body.line(f"ts = {column.code}")
        with body.block("if ts is None or ts < 0:"):
            body.line('raise ValueError(f"the time is {ts}")')
    with body.block("except Exception as error:"):
        message = f"The record's time cannot be taken from column {step.timestamp.name} of {step.source_name}."
        if stage.program.options.throw_on_invalid_timestamp:
            body.line(f"raise {stage.names.add(QueryFailedError, 'query_failed')}({message!r}) from error")
        else:
            body.line(f"{report}({message!r}, error)")
            body.line("continue")
