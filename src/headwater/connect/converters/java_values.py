"""Values as Java prints them: what a StringConverter writes and SMTs cast to."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from headwater.connect import schema as s
from headwater.core.javatext import double_text


def float32_text(value: float) -> str:
    """The fewest digits that name a 32-bit float."""
    return double_text(shortest_float32(value))


def shortest_float32(value: float) -> float:
    """The 64-bit float with the fewest digits that is this 32-bit one: 0.1 for 0.10000000149011612."""
    if value != value or value in (float("inf"), float("-inf")):
        return value
    exact = s.float32(value)
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if s.float32(short) == exact:
            return short
    return value


def java_text(value: Any, schema: s.ConnectSchema | None = None) -> str:
    """`String.valueOf` of a value: `true`, `1.0E10`, `{a=1}`, `Struct{a=1}`, `[1, 2]`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return float32_text(value) if schema is not None and schema.type is s.Type.FLOAT32 else double_text(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case list() | tuple():
            return f"[{', '.join(java_text(item) for item in value)}]"
        case dict() if schema is not None and schema.type is s.Type.STRUCT:
            shown = ((f.name, java_text(value.get(f.name), f.schema)) for f in schema.fields)
            return f"Struct{{{','.join(f'{name}={text}' for name, text in shown if text != 'null')}}}"
        case dict():
            return f"{{{', '.join(f'{java_text(k)}={java_text(v)}' for k, v in value.items())}}}"
        case _:
            return moment_text(value)


def moment_text(value: Any) -> str:
    """A logical type's value in ISO 8601, with `Z` where it is a moment."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
    if isinstance(value, time):
        return f"{value:%H:%M:%S}.{value.microsecond // 1000:03}Z"
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
