"""Evaluates SQL expressions in both ways over given columns, and holds them to one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from headwater.core.errors import AnalysisError
from headwater.core.types import SqlType
from headwater.plan.expressions import Binding, ExpressionOptions, NameSpace, compile_expression
from headwater.plan.functions import FunctionRegistry, builtin_functions
from headwater.sql.ast import ColumnRef
from headwater.sql.parser import parse_expression, parse_type

FUNCTIONS = builtin_functions()


@dataclass(frozen=True)
class Evaluated:
    """`failures` are the messages that careful evaluation reported; `raised` whether the generated source raised."""

    type: SqlType | None
    value: object
    failures: tuple[str, ...] = ()
    raised: bool = False
    source: str = ""


def evaluate(
    text: str,
    columns: Mapping[str, tuple[str, object]] | None = None,
    *,
    options: ExpressionOptions | None = None,
    functions: FunctionRegistry = FUNCTIONS,
    check: bool = True,
) -> Evaluated:
    """The expression's value; `columns` maps upper-case names to (SQL type, value).

    Checks (unless told not to) that generated source, where it does not raise, gives what careful evaluation gives.
    """
    known = {name: (parse_type(sql_type), value) for name, (sql_type, value) in (columns or {}).items()}

    def resolve(column: ColumnRef) -> Binding:
        if column.name not in known:
            raise AnalysisError(f"column '{column.name}' cannot be resolved", column.position)
        return Binding(known[column.name][0], f"c_{column.name}")

    names = NameSpace()
    code = compile_expression(parse_expression(text), resolve, names, functions, options)
    failures: list[str] = []
    careful = code.careful(
        tuple(known[column.name][1] for column in code.columns), lambda message, cause: failures.append(message)
    )
    scope = {**names.objects, **{f"c_{name}": value for name, (_, value) in known.items()}}
    try:
        fast = eval(code.source, scope)  # the code under test
    except Exception:  # noqa: BLE001 - source may raise anything
        return Evaluated(code.type, careful, tuple(failures), raised=True, source=code.source)
    assert not check or same(fast, careful), (
        f"{text}: source gives {fast!r}, careful evaluation {careful!r}: {code.source}"
    )
    return Evaluated(code.type, fast, tuple(failures), source=code.source)


def same(left: object, right: object) -> bool:
    """Equal values of equal types, NaN being equal to itself."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left) and math.isnan(right):
        return True
    return type(left) is type(right) and left == right
