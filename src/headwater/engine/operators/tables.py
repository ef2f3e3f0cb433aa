"""Rows of tables as tuples: what a materialized row holds, and turning records of a table's topic into changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headwater.core.types import BIGINT, SqlType
from headwater.engine.operators.keys import state_key
from headwater.engine.rows import Change, Row
from headwater.engine.stores import KeyValueStore, annotation, key_annotation, tuple_of
from headwater.plan.expressions import Binding

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.plan.steps import Step


@dataclass(frozen=True)
class Layout:
    """Names and types of the items of a row tuple; the row's time follows as the last item."""

    names: tuple[str, ...]
    types: tuple[SqlType, ...]

    @staticmethod
    def of(row: Row, wanted: frozenset[str]) -> Layout:
        """The wanted columns of the row, without keys (the store's key has them) and ROWTIME (the last item)."""
        skip = {*row.keys, "ROWTIME", "WINDOWSTART", "WINDOWEND"}
        names = tuple(name for name in row.columns if name in wanted and name not in skip)
        return Layout(names, tuple(row.columns[name].type for name in names))

    def pack(self, row: Row) -> str:
        """Code of the tuple."""
        return f"({''.join(row.code(name) + ', ' for name in self.names)}{row.ts},)"

    def unpack(self, row: Row, variable: str) -> Row:
        """The row with its columns read from the tuple in `variable`; key columns stay as they are."""
        columns = {name: row.columns[name] for name in row.keys}
        columns |= {
            name: Binding(sql_type, f"{variable}[{i}]")
            for i, (name, sql_type) in enumerate(zip(self.names, self.types, strict=True))
        }
        return replace(row, columns=columns, ts=f"{variable}[{len(self.names)}]", null=False, raw_key=row.raw_key)

    def nulls(self) -> str:
        """Code of the tuple of a row that is not there."""
        return f"({'None, ' * len(self.names)}-1,)"

    def annotation(self) -> object:
        return tuple_of([annotation(t) for t in self.types] + [int])


def key_types(row: Row) -> list[SqlType]:
    """Types of what `state_key` puts together."""
    types = [row.columns[name].type for name in row.keys]
    return [*types, BIGINT, BIGINT] if row.window is not None else types


def table_store(stage: StageCompiler, step: Step, role: str, row: Row, layout: Layout) -> str:
    """The local of a key-value store of row tuples."""
    key_type, value_type = key_annotation(key_types(row)), layout.annotation()
    return stage.store(step, role, lambda: KeyValueStore(key_type, value_type, columns=layout.names))


def put(stage: StageCompiler, step: Step, row: Row) -> None:
    """A record of a table's topic becomes a change; the old row is looked up only if something asks for it."""
    if not stage.wants_old(step):
        stage.deliver(step, Change(replace(row, null=False), "True" if row.null else None))
        return
    body = stage.body
    layout = Layout.of(row, stage.program.needs[id(step)])
    store = table_store(stage, step, "table", row, layout)
    key, old, new = (stage.names.temp(hint) for hint in ("key", "old", "new"))
    body.line(f"{key} = {state_key(stage, row)}")
    body.line(f"{old} = {stage.local(f'{store}.get', 'get')}({key})")
    body.line(f"{new} = {'None' if row.null else layout.pack(row)}")
    body.line(f"{stage.local(f'{store}.put', 'put')}({key}, {new})")
    change = Change(
        replace(layout.unpack(row, new), ts=row.ts),
        "True" if row.null else None,
        layout.unpack(row, old),
        f"{old} is None",
    )
    stage.deliver(step, change)
