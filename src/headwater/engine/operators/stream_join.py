"""Joins whose left side is a stream: with another stream inside a time window, and with a table."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headwater.core.types import SqlType
from headwater.engine.operators.keys import state_key
from headwater.engine.operators.tables import Layout, key_types, table_store
from headwater.engine.rows import Change, Row
from headwater.engine.stores import JoinBuffer, PendingOuter, key_annotation
from headwater.plan.expressions import Binding
from headwater.sql.ast import JoinKind

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.plan.steps import Join, Step, StreamStreamJoin, StreamTableJoin

_DAY = 86_400_000


@dataclass(frozen=True)
class Side:
    """One input of a join as its rows are stored: the tuple's layout and the name and type of the key column."""

    layout: Layout
    key: str
    key_type: SqlType

    @staticmethod
    def of(stage: StageCompiler, step: Step) -> Side:
        """From the plan alone, so that both sides' stages agree on it."""
        wanted = stage.program.needs[id(step)]
        key = step.schema.key[0]
        known = {c.name: c.type for c in step.schema.columns}
        names = tuple(name for name in known if name in wanted and name != key.name)
        return Side(Layout(names, tuple(known[name] for name in names)), key.name, key.type)

    def columns(self, variable: str, key: str) -> dict[str, Binding]:
        """Bindings of the side's columns, read from the tuple in `variable`; `key` is code of the key column."""
        names = zip(self.layout.names, self.layout.types, strict=True)
        columns = {name: Binding(t, f"{variable}[{i}]") for i, (name, t) in enumerate(names)}
        return {**columns, self.key: Binding(self.key_type, key)}


def joined(step: Join, row: Row, left: dict[str, Binding], right: dict[str, Binding], key: Binding, ts: str) -> Row:
    """The result row: both sides' columns and the join key."""
    return replace(
        row, columns={**left, **right, step.key: key}, keys=(step.key,), ts=ts, null=False,
        raw_key=row.raw_key if row.window is None else None,
    )  # fmt: skip


def stream_stream(stage: StageCompiler, step: StreamStreamJoin, side: int, flow: Row | Change) -> None:
    """Keep the row, put out rows whose window has closed unmatched, then join with what the other side holds."""
    assert isinstance(flow, Row)
    if flow.null:
        return
    body = stage.body
    sides = (Side.of(stage, step.left), Side.of(stage, step.right))
    stores = _buffers(stage, step, flow, sides)
    with body.block(f"if {flow.key_codes()[0]} is not None:"):
        key, packed, now = stage.names.temp("key"), stage.names.temp("row"), stage.names.temp("now")
        times = [stage.local(f"{store}.time", "time") for store in stores]
        with body.block(f"if {flow.ts} > {times[side]}.now:"):
            body.line(f"{times[side]}.now = {flow.ts}")
        body.line(f"{now} = {times[0]}.now if {times[0]}.now > {times[1]}.now else {times[1]}.now")
        body.line(f"{key} = {state_key(stage, flow)}")
        body.line(f"{packed} = {sides[side].layout.pack(flow)}")
        body.line(f"{stores[side]}.add({key}, {flow.ts}, {packed})")
        _match(stage, step, side, flow, sides, stores, key, packed, now)


def _outer_sides(kind: JoinKind) -> tuple[bool, bool]:
    return kind in (JoinKind.LEFT, JoinKind.FULL), kind in (JoinKind.RIGHT, JoinKind.FULL)


def _retention(step: StreamStreamJoin) -> int:
    """How long a row can find matches, in ms of stream time."""
    grace = step.grace_ms if step.grace_ms is not None else max(_DAY - 2 * step.before_ms, 0)
    return step.before_ms + step.after_ms + grace


def _buffers(stage: StageCompiler, step: StreamStreamJoin, row: Row, sides: tuple[Side, Side]) -> list[str]:
    key_type = key_annotation(key_types(row))
    retention = _retention(step)

    def buffer(layout: Layout) -> JoinBuffer:
        return JoinBuffer(key_type, layout.annotation(), retention)

    return [
        stage.store(step, "left", lambda: buffer(sides[0].layout)),
        stage.store(step, "right", lambda: buffer(sides[1].layout)),
    ]


def _match(
    stage: StageCompiler, step: StreamStreamJoin, side: int, row: Row, sides: tuple[Side, Side],
    stores: list[str], key: str, packed: str, now: str,
) -> None:  # fmt: skip
    body = stage.body
    outer = _outer_sides(step.kind)
    waits = step.grace_ms is not None and any(outer)
    pending = ""
    if waits:
        key_type = key_annotation(key_types(row))
        left, right = sides[0].layout.annotation(), sides[1].layout.annotation()
        pending = stage.store(step, "outer", lambda: PendingOuter(key_type, left, right))
        _emit_unmatched(stage, step, row, sides, pending, now)
    before, after = (step.before_ms, step.after_ms) if side == 0 else (step.after_ms, step.before_ms)
    rows, other, other_ts, found, low, high = (
        stage.names.temp(hint) for hint in ("rows", "other", "other_ts", "found", "low", "high")
    )
    other_time = stage.local(f"{stores[1 - side]}.time", "time")
    if outer[side]:
        body.line(f"{found} = False")
    body.line(f"{rows} = {stage.local(f'{stores[1 - side]}.get', 'get')}({key})")
    with body.block(f"if {rows} is not None:"):
        body.line(f"{low} = max({row.ts} - {before}, {other_time}.now - {_retention(step)})")
        body.line(f"{high} = {row.ts} + {after}")
        cut = stage.names.add(between, "between")
        inside = f"{rows} if {rows}[0][0] >= {low} and {rows}[-1][0] <= {high} else {cut}({rows}, {low}, {high})"
        with body.block(f"for {other_ts}, {other} in {inside}:"):
            if outer[side]:
                body.line(f"{found} = True")
            if waits and outer[1 - side]:
                body.line(f"{pending}.matched({other_ts}, {1 - side}, {key})")
            variables = (packed, other) if side == 0 else (other, packed)
            ts = stage.names.temp("joined_ts")
            body.line(f"{ts} = {row.ts} if {row.ts} > {other_ts} else {other_ts}")
            key_column = row.columns[row.keys[0]]
            result = joined(
                step, row, sides[0].columns(variables[0], key_column.code),
                sides[1].columns(variables[1], key_column.code), key_column, ts,
            )  # fmt: skip
            stage.deliver(step, result)
    if outer[side]:
        with body.block(f"if not {found}:"):
            own_key = row.columns[row.keys[0]].code
            if waits:
                assert step.grace_ms is not None
                reach = (step.after_ms, step.before_ms)[side] + step.grace_ms
                with body.block(f"if {row.ts} + {reach} >= {now}:"):
                    body.line(f"{pending}.add({row.ts}, {side}, {key}, {packed})")
                with body.block("else:"):
                    _deliver_alone(stage, step, row, sides, side, packed, own_key, row.ts)
            else:
                _deliver_alone(stage, step, row, sides, side, packed, own_key, row.ts)


def _deliver_alone(
    stage: StageCompiler, step: StreamStreamJoin, row: Row, sides: tuple[Side, Side], side: int,
    packed: str, key: str, ts: str,
) -> None:  # fmt: skip
    """A row without a match: the other side's columns are all NULL."""
    nothing = {
        name: Binding(t, stage.null())
        for name, t in zip(sides[1 - side].layout.names, sides[1 - side].layout.types, strict=True)
    }
    nothing[sides[1 - side].key] = Binding(sides[1 - side].key_type, stage.null())
    own = sides[side].columns(packed, key)
    left, right = (own, nothing) if side == 0 else (nothing, own)
    stage.deliver(step, joined(step, row, left, right, Binding(sides[side].key_type, key), ts))


def _emit_unmatched(
    stage: StageCompiler, step: StreamStreamJoin, row: Row, sides: tuple[Side, Side], pending: str, now: str
) -> None:
    assert step.grace_ms is not None
    body = stage.body
    ts, which, key, packed = (stage.names.temp(hint) for hint in ("ts", "side", "key", "row"))
    horizons = f"{now} - {step.after_ms + step.grace_ms}, {now} - {step.before_ms + step.grace_ms}"
    with body.block(f"for {ts}, {which}, {key}, {packed} in {pending}.closed({horizons}):"):
        alone = replace(row, raw_key=None, headers="()")
        column = key
        if row.window is not None:
            column = f"{key}[0]"
            alone = replace(alone, window=(f"{key}[1]", f"{key}[2]"))
        for side, is_outer in enumerate(_outer_sides(step.kind)):
            if is_outer:
                with body.block(f"if {which} == {side}:"):
                    _deliver_alone(stage, step, alone, sides, side, packed, column, ts)


def between(rows: list[tuple[int, object]], low: int, high: int) -> Sequence[tuple[int, object]]:
    """The (time, row) pairs with low <= time <= high; `rows` is in time order."""
    return rows[bisect.bisect_left(rows, low, key=_time) : bisect.bisect_right(rows, high, key=_time)]


def _time(pair: tuple[int, object]) -> int:
    return pair[0]


def stream_table(stage: StageCompiler, step: StreamTableJoin, side: int, flow: Row | Change) -> None:
    """Stream rows look up the table's current row; changes of the table only update the store."""
    body = stage.body
    right = Side.of(stage, step.right)
    if isinstance(flow, Change):
        store = table_store(stage, step, "table", flow.new, right.layout)
        put = stage.local(f"{store}.put", "put")
        packed = "None" if flow.absent == "True" else right.layout.pack(flow.new)
        if flow.absent not in (None, "True"):
            packed = f"None if {flow.absent} else {packed}"
        body.line(f"{put}({state_key(stage, flow.new)}, {packed})")
        return
    assert side == 0
    if flow.null:
        return
    store = table_store(stage, step, "table", flow, right.layout)
    key = flow.columns[flow.keys[0]]
    found = stage.names.temp("found")
    with body.block(f"if {key.code} is not None:"):
        body.line(f"{found} = {stage.local(f'{store}.get', 'get')}({state_key(stage, flow)})")
        left = dict(flow.columns)
        if step.kind is JoinKind.INNER:
            with body.block(f"if {found} is not None:"):
                stage.deliver(step, joined(step, flow, left, right.columns(found, key.code), key, flow.ts))
        else:
            right_key = stage.names.temp("right_key")
            body.line(f"{right_key} = None if {found} is None else {key.code}")
            with body.block(f"if {found} is None:"):
                body.line(f"{found} = {right.layout.nulls()}")
            stage.deliver(step, joined(step, flow, left, right.columns(found, right_key), key, flow.ts))
