"""Constant expressions as values of a column: INSERT VALUES and the keys of pull queries (semantics section 3)."""

from __future__ import annotations

import decimal
from typing import Any

from headwater.core.errors import AnalysisError
from headwater.core.types import (
    BIGINT,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
)
from headwater.plan.casts import cast_rule
from headwater.plan.expressions import evaluate_constant
from headwater.plan.functions import FunctionRegistry
from headwater.sql.ast import Expression

_EXACT = decimal.Context(prec=100_000, traps=[decimal.Inexact, decimal.InvalidOperation])


def constant_as(expression: Expression, target: SqlType, functions: FunctionRegistry) -> Any:
    """The value of a constant expression as one of `target`.

    Raises AnalysisError when the expression is not constant, FunctionError when it fails, ValueError when its value
    does not
    convert implicitly; the last one's message says why.
    """
    value, given = evaluate_constant(expression, functions)
    return coerce(value, given, target)


def coerce(value: Any, given: SqlType | None, target: SqlType) -> Any:
    """The value implicitly converted: numbers widen, text becomes times and bytes, collections by element.

    Raises ValueError naming both types.
    """
    if value is None or given is None:
        return None
    if given == target:
        return value
    if isinstance(target, Decimal) and (given in (INTEGER, BIGINT) or isinstance(given, Decimal)):
        return _fitted(decimal.Decimal(value), target)
    if (target == BIGINT and given == INTEGER) or (
        target == DOUBLE and (given in (INTEGER, BIGINT) or isinstance(given, Decimal))
    ):
        return cast_rule(given, target).convert(value)
    if given == STRING and target in (DATE, TIME, TIMESTAMP, BYTES):
        return _from_text(value, target)
    return _nested(value, given, target)


def _nested(value: Any, given: SqlType, target: SqlType) -> Any:
    if isinstance(given, Array) and isinstance(target, Array):
        return [coerce(item, given.element, target.element) for item in value]
    if isinstance(given, Map) and isinstance(target, Map):
        return {coerce(k, given.key, target.key): coerce(v, given.value, target.value) for k, v in value.items()}
    if isinstance(given, Struct) and isinstance(target, Struct):
        return tuple(
            coerce(value[given.index[f.name]], given.fields[given.index[f.name]].type, f.type)
            if f.name in given.index
            else None
            for f in target.fields
        )
    raise ValueError(f"{given} can not be converted to {target}")


def _fitted(value: decimal.Decimal, target: Decimal) -> decimal.Decimal:
    try:
        fitted = value.quantize(decimal.Decimal(1).scaleb(-target.scale), context=_EXACT)
    except decimal.DecimalException:
        raise ValueError(f"{value} has more fraction digits than {target} holds") from None
    if abs(fitted) >= decimal.Decimal(10) ** (target.precision - target.scale):
        raise ValueError(f"Numeric field overflow: {value} does not fit {target}")
    return fitted


def _from_text(text: str, target: SqlType) -> Any:
    try:
        return cast_rule(STRING, target).convert(text)
    except (ValueError, AnalysisError) as error:
        raise ValueError(f"'{text}' is not a {target}: {error}") from None
