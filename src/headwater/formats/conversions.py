"""Conversions between a writer's type and a declared column, shared by the formats of the schema registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.core import types as t
from headwater.core.javatext import decimal_text, double_text
from headwater.formats.decimals import fitter

Convert = Callable[[Any], Any]

_AS_IT_IS = {(t.INTEGER, t.BIGINT), (t.DATE, t.INTEGER), (t.TIME, t.INTEGER), (t.TIMESTAMP, t.BIGINT),
             (t.DATE, t.BIGINT), (t.TIME, t.BIGINT)}  # fmt: skip
_TO_TEXT: dict[t.SqlType, Convert] = {
    t.INTEGER: str,
    t.BIGINT: str,
    t.DOUBLE: double_text,
    t.BOOLEAN: lambda value: "true" if value else "false",
}


def scalar_conversion(source: t.SqlType | None, target: t.SqlType) -> Convert | bool | None:
    """How a value of one scalar type becomes one of another: False as it is, None not at all."""
    if source == target or (source, target) in _AS_IT_IS:
        return False
    if isinstance(source, t.Decimal):
        if isinstance(target, t.Decimal):
            return fitter(target)
        return decimal_text if target == t.STRING else None
    if target == t.STRING and source is not None:
        return _TO_TEXT.get(source)
    return None


def mismatch(source: object, target: t.SqlType, path: str) -> str:
    """The message for types that do not convert."""
    return f"Can't convert type. sourceType: {source}, requiredType: {target}, path: {path}"
