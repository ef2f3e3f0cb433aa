"""Foreign-key table joins: the left table's rows point at rows of the right table by an expression."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headwater.engine.operators.keys import state_key, thaw
from headwater.engine.operators.stream_join import Side
from headwater.engine.operators.tables import Layout
from headwater.engine.rows import Change, Row
from headwater.engine.stores import KeyValueStore, annotation, key_annotation
from headwater.plan.expressions import Binding
from headwater.sql.ast import JoinKind

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.plan.steps import ForeignKeyJoin


class ForeignKeyStore(KeyValueStore):
    """Left rows by primary key, as (foreign key, row tuple), with an index from foreign key to primary keys."""

    def __init__(self, key_type: Any, foreign_type: Any, row_type: Any) -> None:
        super().__init__(key_type, tuple[foreign_type, row_type])
        self.pointing: dict[Any, dict[Any, None]] = {}

    def put(self, key: Any, value: Any) -> None:
        self._unlink(key)
        super().put(key, value)
        self._link(key, value)

    def restore(self, key: bytes, value: bytes | None) -> None:
        name = self.decode_key(key)
        self._unlink(name)
        super().restore(key, value)
        self._link(name, self.data.get(name))

    def _unlink(self, key: Any) -> None:
        old = self.data.get(key)
        if old is not None:
            keys = self.pointing.get(old[0])
            if keys is not None:
                keys.pop(key, None)
                if not keys:
                    del self.pointing[old[0]]

    def _link(self, key: Any, value: Any) -> None:
        if value is not None and value[0] is not None:
            self.pointing.setdefault(value[0], {})[key] = None

    def pointing_at(self, foreign: Any) -> list[tuple[Any, Any]]:
        """(primary key, row tuple) of every left row that points at `foreign`."""
        return [(key, self.data[key][1]) for key in self.pointing.get(foreign, ())]


def _left_layout(stage: StageCompiler, step: ForeignKeyJoin) -> Layout:
    keys = {c.name for c in step.left.schema.key}
    wanted = stage.program.needs[id(step.left)]
    columns = [c for c in step.left.schema.columns if c.name in wanted and c.name not in keys]
    return Layout(tuple(c.name for c in columns), tuple(c.type for c in columns))


def enter(stage: StageCompiler, step: ForeignKeyJoin, side: int, flow: Row | Change) -> None:
    """Left change: look up the right row. Right change: visit every left row that points at it.

    A left row that had a foreign key and finds no match now is unset downstream even if it never had a result (the
    right table does not tell the left what it found before): a tombstone more, as in Kafka Streams.
    """
    assert isinstance(flow, Change)
    left_types = [c.type for c in step.left.schema.key]
    right = Side.of(stage, step.right)
    layout = _left_layout(stage, step)
    left_key, foreign = key_annotation(left_types), annotation(right.key_type)
    right_store = stage.store(step, "right", lambda: KeyValueStore(foreign, right.layout.annotation()))
    left_store = stage.store(step, "left", lambda: ForeignKeyStore(left_key, foreign, layout.annotation()))
    if side == 0:
        _left_change(stage, step, flow, layout, right, left_store, right_store)
    else:
        _right_change(stage, step, flow, layout, right, left_store, right_store)


def _left_change(
    stage: StageCompiler,
    step: ForeignKeyJoin,
    change: Change,
    layout: Layout,
    right: Side,
    left_store: str,
    right_store: str,
) -> None:
    body = stage.body
    key, old, new, target, was = (stage.names.temp(hint) for hint in ("key", "old", "new", "right", "was"))
    body.line(f"{key} = {state_key(stage, change.new)}")
    body.line(f"{old} = {stage.local(f'{left_store}.get', 'get')}({key})")
    if change.absent == "True":
        body.line(f"{new} = None")
    else:
        with body.block(f"if {change.absent}:" if change.absent else "if False:"):
            body.line(f"{new} = None")
        with body.block("else:"):
            (foreign,) = stage.evaluate([step.foreign_key], change.new, "ForeignKeyJoin")
            body.line(f"{new} = ({foreign.code}, {layout.pack(change.new)})")
    body.line(f"{stage.local(f'{left_store}.put', 'put')}({key}, {new})")
    get = stage.local(f"{right_store}.get", "get")
    body.line(f"{target} = None if {new} is None or {new}[0] is None else {get}({new}[0])")
    body.line(f"{was} = None if {old} is None or {old}[0] is None else {get}({old}[0])")
    if step.kind is JoinKind.LEFT:
        is_there, was_there = f"{new} is not None", f"{old} is not None"
    else:
        is_there, was_there = f"{target} is not None", f"{was} is not None"
    unset = was_there if step.kind is JoinKind.LEFT else f"{old} is not None and {old}[0] is not None"
    with body.block(f"if {is_there} or {unset}:"):
        result = _result(stage, step, change.new, layout, right, f"{new}[1]", new, target, change.new.ts)
        before = None
        if stage.wants_old(step):
            before = _result(stage, step, change.new, layout, right, f"{old}[1]", old, was, change.new.ts)
        stage.deliver(step, Change(result, f"not ({is_there})", before, f"not ({was_there})"))


def _right_change(
    stage: StageCompiler,
    step: ForeignKeyJoin,
    change: Change,
    layout: Layout,
    right: Side,
    left_store: str,
    right_store: str,
) -> None:
    body = stage.body
    foreign, old, new, key, row = (stage.names.temp(hint) for hint in ("foreign", "old", "new", "key", "row"))
    body.line(f"{foreign} = {state_key(stage, change.new)}")
    body.line(f"{old} = {stage.local(f'{right_store}.get', 'get')}({foreign})")
    packed = "None" if change.absent == "True" else right.layout.pack(change.new)
    if change.absent not in (None, "True"):
        packed = f"None if {change.absent} else {packed}"
    body.line(f"{new} = {packed}")
    body.line(f"{stage.local(f'{right_store}.put', 'put')}({foreign}, {new})")
    guard = body.block(f"if {new} is not None or {old} is not None:")
    with guard, body.block(f"for {key}, {row} in {left_store}.pointing_at({foreign}):"):
        codes = [key] if len(step.keys) == 1 else [f"{key}[{i}]" for i in range(len(step.keys))]
        names = [c.name for c in step.left.schema.key]
        types = [c.type for c in step.left.schema.key]
        columns = {n: Binding(t, thaw(stage, t, code)) for n, t, code in zip(names, types, codes, strict=True)}
        base = replace(change.new, columns=columns, keys=tuple(names), raw_key=None)
        always = step.kind is JoinKind.LEFT
        result = _result(stage, step, base, layout, right, row, None, new, change.new.ts, foreign)
        before = None
        if stage.wants_old(step):
            before = _result(stage, step, base, layout, right, row, None, old, change.new.ts, foreign)
        absent = None if always else f"{new} is None"
        stage.deliver(step, Change(result, absent, before, None if always else f"{old} is None"))


def _result(
    stage: StageCompiler, step: ForeignKeyJoin, row: Row, layout: Layout, right: Side,
    left_row: str, left_pair: str | None, target: str, change_ts: str, foreign: str | None = None,
) -> Row:  # fmt: skip
    """The joined row under the left key; a missing right row is padded with NULLs."""
    body = stage.body
    keys = {new: row.columns[old] for new, old in zip(step.keys, row.keys, strict=True)}
    own = {name: row.columns[name] for name in row.keys}
    mine, padded, right_key, ts = (stage.names.temp(hint) for hint in ("left", "right", "right_key", "joined_ts"))
    if left_pair is not None:
        body.line(f"{mine} = {layout.nulls()} if {left_pair} is None else {left_row}")
        foreign_code = f"None if {left_pair} is None else {left_pair}[0]"
    else:
        body.line(f"{mine} = {left_row}")
        foreign_code = str(foreign)
    body.line(f"{padded} = {right.layout.nulls()} if {target} is None else {target}")
    body.line(f"{right_key} = None if {target} is None else {foreign_code}")
    body.line(f"{ts} = max({change_ts}, {mine}[-1], {padded}[-1])")
    left = {
        name: Binding(t, f"{mine}[{i}]") for i, (name, t) in enumerate(zip(layout.names, layout.types, strict=True))
    }
    columns = {**own, **left, **right.columns(padded, right_key), **keys}
    return replace(row, columns=columns, keys=step.keys, ts=ts, null=False, raw_key=row.raw_key, headers="()")
