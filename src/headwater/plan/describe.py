"""Plans as text: the tree that EXPLAIN prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headwater.plan.steps import (
    Aggregate,
    Filter,
    FlatMap,
    ForeignKeyJoin,
    FormatSpec,
    Join,
    Project,
    QueryPlan,
    Rekey,
    Sink,
    SourceStep,
    Step,
    StreamStreamJoin,
    WindowInfo,
    WindowSpec,
)
from headwater.sql.ast import ColumnRef, Expression, WindowKind
from headwater.sql.expression_text import format_expression
from headwater.sql.words import quote_identifier


def describe_plan(plan: QueryPlan) -> str:
    """The plan as an indented tree, the result first, sources last."""
    lines: list[str] = []
    depth = 0
    if plan.sink is not None:
        lines.append(_sink(plan.sink))
        depth = 1
    _describe(plan.root, depth, lines)
    if plan.limit is not None:
        lines.append(f"LIMIT {plan.limit}")
    return "\n".join(lines)


def _describe(step: Step, depth: int, lines: list[str]) -> None:
    text = next(write(step) for kind, write in _WRITERS if isinstance(step, kind))
    marker = " (table)" if step.is_table else ""
    lines.append(f"{'  ' * depth}{text}{marker}")
    lines.append(f"{'  ' * depth}    => {step.schema}")
    for below in step.inputs:
        _describe(below, depth + 1, lines)


def _sink(sink: Sink) -> str:
    parts = [f"SINK {quote_identifier(sink.source_name)} ({sink.kind.value})", f"topic {sink.topic}"]
    parts.append(f"key {_format(sink.formats.key)}, value {_format(sink.formats.value)}")
    if sink.window is not None:
        parts.append(_window_info(sink.window))
    if sink.timestamp is not None:
        parts.append(f"timestamp from {quote_identifier(sink.timestamp.name)}")
    return " | ".join(parts)


def _format(spec: FormatSpec) -> str:
    details = [f"{name}={value}" for name, value in sorted(spec.properties.items())]
    if spec.wrap is not None:
        details.append("wrapped" if spec.wrap else "unwrapped")
    return f"{spec.name}({', '.join(details)})" if details else spec.name


def _window_info(window: WindowInfo) -> str:
    return f"{window.kind.value} windows" + (f" of {window.size_ms} ms" if window.size_ms is not None else "")


def _window(window: WindowSpec) -> str:
    size = "gap" if window.kind is WindowKind.SESSION else "size"
    advance = f", advance {window.advance_ms} ms" if window.kind is WindowKind.HOPPING else ""
    return (
        f"{window.kind.value} {size} {window.size_ms} ms{advance}, grace {window.grace_ms} ms, "
        f"retention {window.retention_ms} ms"
    )


def _named(items: Sequence[tuple[str, Expression]]) -> str:
    shown = []
    for name, expression in items:
        plain = isinstance(expression, ColumnRef) and expression.name == name
        column = quote_identifier(name)
        shown.append(column if plain else f"{format_expression(expression)} AS {column}")
    return ", ".join(shown)


def _source(step: SourceStep) -> str:
    parts = [f"SOURCE {quote_identifier(step.source_name)}", f"topic {step.topic}"]
    parts.append(f"key {_format(step.formats.key)}, value {_format(step.formats.value)}")
    if step.window is not None:
        parts.append(_window_info(step.window))
    return " | ".join(parts)


def _project(step: Project) -> str:
    keys = ", ".join(map(quote_identifier, step.keys))
    return f"PROJECT key ({keys}), {_named(step.values)}"


def _rekey(step: Rekey) -> str:
    how = f"through an internal topic keyed in {_format(step.key_format)}" if step.repartition else "directly"
    keys = _named(step.keys) or "no key"
    return f"REKEY by {keys} {how}"


def _aggregate(step: Aggregate) -> str:
    calls = ", ".join(
        f"{c.function}({', '.join(map(format_expression, c.arguments))}) AS {quote_identifier(c.column)}"
        for c in step.calls
    )
    parts = [f"AGGREGATE {calls}", f"group by {_named(step.groups) or 'nothing'}"]
    if step.window is not None:
        parts.append(_window(step.window))
    if step.repartition:
        parts.append(f"through an internal topic keyed in {_format(step.key_format)}")
    if step.final:
        parts.append("emit final")
    return " | ".join(parts)


def _join(step: Join) -> str:
    return f"{_JOIN_WORDS.get(type(step).__name__, 'JOIN')} {step.kind.value} on {quote_identifier(step.key)}"


def _stream_join(step: StreamStreamJoin) -> str:
    grace = "" if step.grace_ms is None else f", grace {step.grace_ms} ms"
    return f"{_join(step)} within {step.before_ms} ms before and {step.after_ms} ms after{grace}"


def _foreign_key_join(step: ForeignKeyJoin) -> str:
    keys = ", ".join(map(quote_identifier, step.keys))
    return f"FOREIGN KEY JOIN {step.kind.value} on {format_expression(step.foreign_key)}, keyed by ({keys})"


_JOIN_WORDS = {
    "StreamStreamJoin": "STREAM-STREAM JOIN",
    "StreamTableJoin": "STREAM-TABLE JOIN",
    "TableTableJoin": "TABLE-TABLE JOIN",
}

_WRITERS: tuple[tuple[type[Step], Callable[[Any], str]], ...] = (
    (SourceStep, _source),
    (Filter, lambda step: f"FILTER {format_expression(step.condition)}"),
    (Project, _project),
    (FlatMap, lambda step: f"FLAT MAP {_named(step.functions)}"),
    (Rekey, _rekey),
    (Aggregate, _aggregate),
    (StreamStreamJoin, _stream_join),
    (ForeignKeyJoin, _foreign_key_join),
    (Join, _join),
)
