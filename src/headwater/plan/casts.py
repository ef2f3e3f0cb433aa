"""CAST: which types convert to which, and how (semantics, section 6)."""

from __future__ import annotations

import base64
import decimal
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headwater.core.errors import AnalysisError, FunctionError
from headwater.core.javatext import (
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    decimal_text,
    double_text,
    parse_decimal,
    parse_double,
    parse_int,
    parse_long,
    wrap_int,
    wrap_long,
)
from headwater.core.types import (
    BIGINT,
    BOOLEAN,
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
from headwater.plan import civil

_BLANKS = "".join(map(chr, range(33)))
_WIDE = decimal.Context(
    prec=100_000,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    rounding=decimal.ROUND_HALF_UP,
    traps=[decimal.InvalidOperation],
)

Convert = Callable[[Any], Any]
OnElementError = Callable[[BaseException], Any]
"""Told about an element that cannot be converted; gives the element's value instead (None) or raises."""


@dataclass(frozen=True)
class CastRule:
    """How a non-null value is converted: `convert` for any value, `inline` source over `{0}` where that is quicker."""

    convert: Convert
    inline: str | None = None


def _identity(value: Any) -> Any:
    return value


def parse_boolean(text: str) -> bool:
    """True for prefixes of `true` and `yes`, False for anything else."""
    word = text.strip(_BLANKS).lower()
    return word != "" and ("true".startswith(word) or "yes".startswith(word))


def fit_decimal(value: decimal.Decimal, target: Decimal) -> decimal.Decimal:
    """The value with the target's scale, rounded HALF_UP. Raises `FunctionError` when it has too many digits.

    >>> fit_decimal(decimal.Decimal("1.255"), Decimal(4, 2))
    Decimal('1.26')
    """
    if not value.is_finite():
        raise FunctionError(f"Numeric field overflow: {value} is not a number that {target} can hold")
    try:
        fitted = value.quantize(decimal.Decimal(1).scaleb(-target.scale), context=_WIDE)
    except decimal.InvalidOperation:
        fitted = None
    if fitted is None or (fitted and fitted.adjusted() >= target.precision - target.scale):
        limit = target.precision - target.scale
        raise FunctionError(
            f"Numeric field overflow: A field with precision {target.precision} and scale {target.scale} must round to"
            f" an absolute value less than 10^{limit}. Got {decimal_text(value)}"
        )
    return fitted


def _to_decimal(target: Decimal) -> Convert:
    return lambda value: fit_decimal(decimal.Decimal(value), target)


def _double_to_decimal(target: Decimal) -> Convert:
    return lambda value: fit_decimal(decimal.Decimal(repr(value)), target)


def _text_to_decimal(target: Decimal) -> Convert:
    return lambda text: fit_decimal(parse_decimal(text.strip(_BLANKS)), target)


def _saturate(low: int, high: int) -> Convert:
    def convert(value: float) -> int:
        if math.isnan(value):
            return 0
        return low if value <= low else high if value >= high else int(value)

    return convert


def _boolean_text(value: bool) -> str:
    return "true" if value else "false"


def _decimal_to_int(value: decimal.Decimal) -> int:
    return wrap_int(int(value))


def _decimal_to_bigint(value: decimal.Decimal) -> int:
    return wrap_long(int(value))


def decode_base64(text: str) -> bytes:
    """BYTES from base64 text. Raises `ValueError`."""
    return base64.b64decode(text, validate=True)


_RULES: dict[tuple[SqlType, SqlType], CastRule] = {
    (BOOLEAN, STRING): CastRule(_boolean_text, "'true' if {0} else 'false'"),
    (INTEGER, BIGINT): CastRule(_identity, "{0}"),
    (INTEGER, DOUBLE): CastRule(float, "{float}({0})"),
    (INTEGER, STRING): CastRule(str, "{str}({0})"),
    (BIGINT, INTEGER): CastRule(wrap_int),
    (BIGINT, DOUBLE): CastRule(float, "{float}({0})"),
    (BIGINT, STRING): CastRule(str, "{str}({0})"),
    (DOUBLE, INTEGER): CastRule(_saturate(INT_MIN, INT_MAX)),
    (DOUBLE, BIGINT): CastRule(_saturate(LONG_MIN, LONG_MAX)),
    (DOUBLE, STRING): CastRule(double_text),
    (STRING, BOOLEAN): CastRule(parse_boolean),
    (STRING, INTEGER): CastRule(lambda text: parse_int(text.strip(_BLANKS))),
    (STRING, BIGINT): CastRule(lambda text: parse_long(text.strip(_BLANKS))),
    (STRING, DOUBLE): CastRule(parse_double),
    (STRING, DATE): CastRule(civil.parse_date),
    (STRING, TIME): CastRule(civil.parse_time),
    (STRING, TIMESTAMP): CastRule(civil.parse_timestamp),
    (STRING, BYTES): CastRule(decode_base64),
    (DATE, STRING): CastRule(civil.date_text),
    (DATE, TIMESTAMP): CastRule(lambda days: days * civil.DAY_MS, "{0} * 86400000"),
    (TIME, STRING): CastRule(civil.time_text),
    (TIMESTAMP, STRING): CastRule(civil.timestamp_text),
    (TIMESTAMP, DATE): CastRule(lambda ms: ms // civil.DAY_MS, "{0} // 86400000"),
    (TIMESTAMP, TIME): CastRule(lambda ms: ms % civil.DAY_MS, "{0} % 86400000"),
}


def cast_rule(source: SqlType, target: SqlType, on_error: OnElementError | None = None) -> CastRule:
    """How to convert `source` to `target`. Raises `AnalysisError` for a pair that has no conversion.

    `on_error` decides about elements of collections that fail; without it they make the whole cast fail.
    """
    if source == target:
        return CastRule(_identity, "{0}")
    rule = _RULES.get((source, target)) or _decimal_rule(source, target) or _nested_rule(source, target, on_error)
    if rule is None:
        raise AnalysisError(f"Cast of {source} to {target} is not supported")
    return rule


_FROM_DECIMAL: dict[SqlType, CastRule] = {
    INTEGER: CastRule(_decimal_to_int),
    BIGINT: CastRule(_decimal_to_bigint),
    DOUBLE: CastRule(float, "{float}({0})"),
    STRING: CastRule(decimal_text),
}


def _decimal_rule(source: SqlType, target: SqlType) -> CastRule | None:
    if isinstance(target, Decimal):
        if source in (INTEGER, BIGINT) or isinstance(source, Decimal):
            return CastRule(_to_decimal(target))
        if source == DOUBLE:
            return CastRule(_double_to_decimal(target))
        return CastRule(_text_to_decimal(target)) if source == STRING else None
    if isinstance(source, Decimal):
        return _FROM_DECIMAL.get(target)
    return None


def _nested_rule(source: SqlType, target: SqlType, on_error: OnElementError | None) -> CastRule | None:
    if target == STRING and isinstance(source, (Array, Map, Struct)):
        return CastRule(lambda value: value_text(value, source))
    if isinstance(source, Array) and isinstance(target, Array):
        element = element_cast(source.element, target.element, on_error)
        return CastRule(lambda items: [element(item) for item in items])
    if isinstance(source, Map) and isinstance(target, Map):
        key = element_cast(source.key, target.key, on_error)
        value = element_cast(source.value, target.value, on_error)
        return CastRule(lambda entries: {key(k): value(v) for k, v in entries.items()})
    if isinstance(source, Struct) and isinstance(target, Struct):
        return CastRule(_struct_cast(source, target, on_error))
    return None


def element_cast(source: SqlType, target: SqlType, on_error: OnElementError | None = None) -> Convert:
    """A conversion that takes None to None."""
    convert = cast_rule(source, target, on_error).convert

    def guarded(value: Any) -> Any:
        try:
            return None if value is None else convert(value)
        except Exception as error:
            if on_error is None:
                raise
            return on_error(error)

    return guarded


def _struct_cast(source: Struct, target: Struct, on_error: OnElementError | None) -> Convert:
    parts: list[tuple[int, Convert] | None] = []
    for wanted in target.fields:
        at = source.index.get(wanted.name)
        parts.append(None if at is None else (at, element_cast(source.fields[at].type, wanted.type, on_error)))
    return lambda values: tuple(None if part is None else part[1](values[part[0]]) for part in parts)


def value_text(value: Any, sql_type: SqlType) -> str:
    """Any value as CAST prints it inside collections: `[1, 2]`, `{a=1}`, `Struct{F=1}`, `null`."""
    if value is None:
        return "null"
    if isinstance(sql_type, Array):
        return f"[{', '.join(value_text(item, sql_type.element) for item in value)}]"
    if isinstance(sql_type, Map):
        entries = (f"{value_text(k, sql_type.key)}={value_text(v, sql_type.value)}" for k, v in value.items())
        return f"{{{', '.join(entries)}}}"
    if isinstance(sql_type, Struct):
        pairs = zip(sql_type.fields, value, strict=True)
        return f"Struct{{{','.join(f'{f.name}={value_text(v, f.type)}' for f, v in pairs if v is not None)}}}"
    if sql_type == STRING:
        return str(value)
    if sql_type == BYTES:
        return str(base64.b64encode(value), "ascii")
    text: str = cast_rule(sql_type, STRING).convert(value)
    return text


def widens(source: SqlType, target: SqlType) -> bool:
    """Whether every value of `source` is, without rounding decisions, a value of `target` (numbers and nested ones)."""
    if source == target:
        return True
    if isinstance(source, Array) and isinstance(target, Array):
        return widens(source.element, target.element)
    if isinstance(source, Map) and isinstance(target, Map):
        return widens(source.key, target.key) and widens(source.value, target.value)
    if isinstance(source, Struct) and isinstance(target, Struct):
        return all(
            f.name in target.index and widens(f.type, target.fields[target.index[f.name]].type) for f in source.fields
        )
    if isinstance(target, Decimal):
        digits = target.precision - target.scale
        if isinstance(source, Decimal):
            return source.scale <= target.scale and source.precision - source.scale <= digits
        return (source == INTEGER and digits >= 10) or (source == BIGINT and digits >= 19)
    return (source, target) in ((INTEGER, BIGINT), (INTEGER, DOUBLE), (BIGINT, DOUBLE)) or (
        isinstance(source, Decimal) and target == DOUBLE
    )
