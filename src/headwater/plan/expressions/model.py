"""What compiling an expression takes and gives: bindings, options, the name space of generated code, the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from headwater.core.clock import Clock, SystemClock
from headwater.core.types import SqlType
from headwater.plan.functions.types import Limits
from headwater.sql.ast import ColumnRef

Report = Callable[[str, BaseException], None]
"""Called with a message and its cause for every failure during careful evaluation."""


@dataclass(frozen=True)
class Binding:
    """A resolved column: its type, and Python source for its value, cheap enough to be repeated (`c3`, `v.c3`)."""

    type: SqlType
    code: str = ""


Resolve = Callable[[ColumnRef], Binding]
"""Finds a column; raises `AnalysisError` when there is none."""


@dataclass(frozen=True)
class ExpressionOptions:
    """Switches of evaluation.

    `preserve_null_strings` is `ksql.cast.strings.preserve.nulls`, `nested_error_null` is `ksql.nested.error.set.null`;
    `null_concat_is_text` makes `s + NULL` use the text `null` (push and persistent queries), otherwise the result is
    NULL. `limits` are for the aggregates of the same query.
    """

    preserve_null_strings: bool = True
    nested_error_null: bool = True
    null_concat_is_text: bool = True
    clock: Clock = field(default_factory=SystemClock)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Code:
    """A compiled expression.

    `source` is a Python expression over the bindings' code and the name space's objects. It either gives the exact
    value or raises anything at all; it may raise for values that are not failures. `careful` then tells the value (None
    for a failure), given the values of `columns` in order, and reports each failure. `type` None is an untyped NULL.
    """

    type: SqlType | None
    source: str
    columns: tuple[ColumnRef, ...]
    careful: Callable[[tuple[object, ...], Report], object]
    nullable: bool


class NameSpace:
    """Globals and unique local names for one generated function."""

    def __init__(self) -> None:
        self.objects: dict[str, object] = {}
        self._names: dict[int, str] = {}
        self._count = 0

    def add(self, item: object, hint: str = "f") -> str:
        """The global name of an object; the same object gets one name."""
        name = self._names.get(id(item))
        if name is None:
            self._count += 1
            name = f"{hint if hint.isidentifier() else 'f'}_{self._count}"
            self._names[id(item)] = name
            self.objects[name] = item
        return name

    def temp(self, hint: str = "t") -> str:
        """A new local name."""
        self._count += 1
        return f"_{hint}{self._count}"
