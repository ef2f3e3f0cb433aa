"""How a row looks to generated code: which Python expression holds each column, the time, the key, the window.

These exist only while a stage is being compiled; at run time a row is just local variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headwater.core.errors import AnalysisError
from headwater.core.schema import WINDOW_COLUMNS
from headwater.core.types import BIGINT
from headwater.plan.expressions import Binding
from headwater.plan.steps import FormatSpec
from headwater.sql.ast import ColumnRef


@dataclass(frozen=True)
class RawKey:
    """The record key's bytes as read, usable for a sink keyed in `format` as long as the key columns are unchanged."""

    code: str
    format: FormatSpec


@dataclass(frozen=True)
class Row:
    """A row in flight.

    `columns` maps every column that can be referred to to its type and code; `keys` are the names of the key columns in
    order. `ts` is the code of the timestamp. `window` holds the codes of the window's bounds. `null` says that the
    record's value is
    null, known at compile time: only key columns and the time are usable then.
    """

    columns: Mapping[str, Binding]
    keys: tuple[str, ...]
    ts: str
    window: tuple[str, str] | None = None
    headers: str = "()"
    raw_key: RawKey | None = None
    null: bool = False

    def binding(self, name: str) -> Binding:
        """The column's type and code; ROWTIME and the window's bounds are always there."""
        found = self.columns.get(name)
        if found is not None:
            return found
        if name == "ROWTIME":
            return Binding(BIGINT, self.ts)
        if self.window is not None and name in WINDOW_COLUMNS:
            return Binding(BIGINT, self.window[0] if name == "WINDOWSTART" else self.window[1])
        raise AnalysisError(f"Column '{name}' is not available here; there are {', '.join(self.columns)}.")

    def resolve(self, ref: ColumnRef) -> Binding:
        """For the expression compiler."""
        return self.binding(ref.name)

    def code(self, name: str) -> str:
        return self.binding(name).code

    def key_codes(self) -> list[str]:
        return [self.columns[name].code for name in self.keys]

    def with_columns(self, extra: Mapping[str, Binding]) -> Row:
        return replace(self, columns={**self.columns, **extra})


@dataclass(frozen=True)
class Change:
    """A change of a table's row: what is there now and, where something downstream asks for it, what was there before.

    `absent` and `old_absent` are conditions in code, true when there is no new (a tombstone) or no old row; None means
    never. Columns of an absent row must not be touched. Key columns, time and window are those of `new`, and valid
    always.
    """

    new: Row
    absent: str | None = None
    old: Row | None = None
    old_absent: str | None = None
