"""Table-table joins on the primary key: each side keeps its rows; a change of one joins with the other's current
row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headwater.engine.operators.keys import state_key
from headwater.engine.operators.stream_join import Side
from headwater.engine.operators.tables import table_store
from headwater.engine.rows import Change, Row
from headwater.plan.expressions import Binding
from headwater.sql.ast import JoinKind

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.plan.steps import TableTableJoin


def enter(stage: StageCompiler, step: TableTableJoin, side: int, flow: Row | Change) -> None:
    """Store the change, then put out the joined row's change if there is or was one (semantics section 13)."""
    assert isinstance(flow, Change)
    body = stage.body
    sides = (Side.of(stage, step.left), Side.of(stage, step.right))
    stores = [
        table_store(stage, step, role, flow.new, s.layout) for role, s in zip(("left", "right"), sides, strict=True)
    ]
    key, old, new, other = (stage.names.temp(hint) for hint in ("key", "old", "new", "other"))
    body.line(f"{key} = {state_key(stage, flow.new)}")
    body.line(f"{old} = {stage.local(f'{stores[side]}.get', 'get')}({key})")
    packed = "None" if flow.absent == "True" else sides[side].layout.pack(flow.new)
    if flow.absent not in (None, "True"):
        packed = f"None if {flow.absent} else {packed}"
    body.line(f"{new} = {packed}")
    body.line(f"{stage.local(f'{stores[side]}.put', 'put')}({key}, {new})")
    body.line(f"{other} = {stage.local(f'{stores[1 - side]}.get', 'get')}({key})")
    order = (lambda mine: (mine, other)) if side == 0 else (lambda mine: (other, mine))
    is_there, was_there = stage.names.temp("is_there"), stage.names.temp("was_there")
    body.line(f"{is_there} = {_present(step.kind, *order(new))}")
    body.line(f"{was_there} = {_present(step.kind, *order(old))}")
    with body.block(f"if {is_there} or {was_there}:"):
        result = _result(stage, step, flow.new, sides, order(new), flow.new.ts)
        before = None
        if stage.wants_old(step):
            before = _result(stage, step, flow.new, sides, order(old), flow.new.ts)
        stage.deliver(step, Change(result, f"not {is_there}", before, f"not {was_there}"))


def _present(kind: JoinKind, left: str, right: str) -> str:
    """Code: whether there is a joined row, given both sides' rows."""
    return {
        JoinKind.INNER: f"{left} is not None and {right} is not None",
        JoinKind.LEFT: f"{left} is not None",
        JoinKind.RIGHT: f"{right} is not None",
        JoinKind.FULL: f"{left} is not None or {right} is not None",
    }[kind]


def _result(
    stage: StageCompiler,
    step: TableTableJoin,
    row: Row,
    sides: tuple[Side, Side],
    variables: tuple[str, str],
    change_ts: str,
) -> Row:
    """The joined row, absent sides padded with NULLs; its time is the later of both."""
    body = stage.body
    key = row.columns[row.keys[0]]
    columns: dict[str, Binding] = {}
    ts = stage.names.temp("joined_ts")
    body.line(f"{ts} = {change_ts}")
    for side, variable in zip(sides, variables, strict=True):
        padded, own_key = stage.names.temp("side"), stage.names.temp("side_key")
        with body.block(f"if {variable} is None:"):
            body.line(f"{padded} = {side.layout.nulls()}")
            body.line(f"{own_key} = None")
        with body.block("else:"):
            body.line(f"{padded} = {variable}")
            body.line(f"{own_key} = {key.code}")
            with body.block(f"if {padded}[-1] > {ts}:"):
                body.line(f"{ts} = {padded}[-1]")
        columns |= side.columns(padded, own_key)
    columns[step.key] = key
    return replace(row, columns=columns, keys=(step.key,), ts=ts, null=False, raw_key=row.raw_key, headers="()")
