"""Writes JSON as section 5.1 of the format rules says, at msgspec's speed where its text is the right one.

A struct class with the column names as member names is generated per schema; columns whose names need escaping go
through a dict, which msgspec escapes. What msgspec prints differently from Java
(doubles outside the plain range, NaN, decimals with an exponent) goes in as ready text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from headwater.core import types as t
from headwater.core.javatext import decimal_text, double_text
from headwater.core.schema import Column
from headwater.core.surrogates import cleaned
from headwater.formats.api import Writer
from headwater.formats.failures import unwritable
from headwater.formats.json_names import is_plain
from headwater.formats.source import Source

PLAIN_SCALE = 6
"""With at most this many fraction digits Python prints a decimal without an exponent, and so does msgspec."""

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_FAILURES = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError, AttributeError, IndexError)


def writer(columns: tuple[Column, ...], wrapped: bool, topic: str, is_key: bool) -> Writer:
    """A writer of JSON objects with all columns in order, or of the bare value when not `wrapped`."""
    quick, inline, names = _wrapped(columns) if wrapped else _bare(columns[0])

    def encode(*values: object) -> bytes | None:
        try:
            return quick(*values)
        except _FAILURES as error:
            named = [_with_named_keys(c.type, value) for c, value in zip(columns, values, strict=True)]
            if named != list(values):
                return encode(*named)
            raise unwritable(topic, is_key, str(error)) from error

    return Writer(columns, encode, inline, names)


Made = tuple[Callable[..., bytes | None], str, dict[str, object]]


def _wrapped(columns: tuple[Column, ...]) -> Made:
    source = Source("json writer")
    source.names |= {
        "double": double_node,
        "encode_json": _ENCODE,
        "Row": _struct_class(tuple(t.Field(c.name, c.type) for c in columns)),
    }
    args = [f"c{i}" for i in range(len(columns))]
    values = [_printable(source, c.type, arg) or arg for c, arg in zip(columns, args, strict=True)]
    source.line(f"def encode_row({', '.join(args)}):")
    source.line(f"    return encode_json(Row({', '.join(values)}))")
    quick = source.compile("encode_row")
    if values == args:
        return quick, "encode_json(Row({args}))", {name: source.names[name] for name in ("encode_json", "Row")}
    return quick, "encode_row({args})", {"encode_row": quick}


def _bare(column: Column) -> Made:
    source = Source("json writer")
    source.names |= {"double": double_node, "encode_json": _ENCODE}
    value = _printable(source, column.type, "value") or "value"
    source.line("def encode_value(value):")
    source.line(f"    return None if value is None else encode_json({value})")
    quick = source.compile("encode_value")
    if value == "value":
        return quick, "(None if (_bare := {args}) is None else encode_json(_bare))", {"encode_json": _ENCODE}
    return quick, "encode_value({args})", {"encode_value": quick}


def _struct_class(fields: tuple[t.Field, ...]) -> Any:
    """What makes an object to encode out of one value per field."""
    if not all(is_plain(f.name) for f in fields):
        members: tuple[str, ...] = cleaned(tuple(f.name for f in fields))
        return lambda *values: dict(zip(members, values, strict=True))
    names = [f"c{i}" for i in range(len(fields))]
    rename = dict(zip(names, (f.name for f in fields), strict=True))
    return msgspec.defstruct("Row", [(name, Any) for name in names], rename=rename, gc=False)


def _printable(source: Source, sql_type: t.SqlType, value: str) -> str | None:
    """Source of what msgspec prints as Java would, over the name `value`; None where the value itself prints right."""
    if sql_type == t.DOUBLE:
        return f"({value} if {value} is not None and 0.001 <= {value} < 10000000.0 else double({value}))"
    if isinstance(sql_type, t.Decimal):
        if sql_type.scale > PLAIN_SCALE:
            return f"{source.named('decimal', decimal_node)}({value})"
        # Python has a negative zero, which Java's decimals have not.
        return f"({value} or {source.named('zero', abs_or_null)}({value}))"
    if isinstance(sql_type, t.Array):
        inner = _printable(source, sql_type.element, "x")
        return inner and f"{source.null_safe(f'[{inner} for x in v]')}({value})"
    if isinstance(sql_type, t.Map):
        inner = _printable(source, sql_type.value, "x")
        return inner and f"{source.null_safe(f'{{k: {inner} for k, x in v.items()}}')}({value})"
    if isinstance(sql_type, t.Struct):
        made = source.named("Struct", _struct_class(sql_type.fields))
        items = [f"v{i}" for i in range(len(sql_type.fields))]
        printed = [_printable(source, f.type, item) or item for f, item in zip(sql_type.fields, items, strict=True)]
        if printed != items:
            made = source.function(f"{made}({', '.join(printed)})", ", ".join(items))
        return f"{source.null_safe(f'{made}(*v)')}({value})"
    return None


def _with_named_keys(sql_type: t.SqlType, value: Any) -> Any:
    """The value with every NULL key of a map called `null`: a member needs a name, and Java gives it this one."""
    if value is None:
        return None
    if isinstance(sql_type, t.Map):
        return {"null" if k is None else k: _with_named_keys(sql_type.value, v) for k, v in value.items()}
    if isinstance(sql_type, t.Array):
        return [_with_named_keys(sql_type.element, v) for v in value]
    if isinstance(sql_type, t.Struct):
        return tuple(_with_named_keys(f.type, v) for f, v in zip(sql_type.fields, value, strict=True))
    return value


def double_node(value: float | None) -> object:
    """What to hand to msgspec so that it prints a double as Java does."""
    if value is None:
        return None
    magnitude = abs(value)
    if magnitude == 0.0 or 1e-3 <= magnitude < 1e7:
        return value
    if not math.isfinite(value):
        return double_text(value)
    return msgspec.Raw(double_text(value).encode())


def decimal_node(value: Decimal | None) -> object:
    """What to hand to msgspec so that it prints a decimal with plain digits."""
    return None if value is None else msgspec.Raw(decimal_text(value).encode())


def abs_or_null(value: Decimal | None) -> Decimal | None:
    """A zero without its sign; None stays None."""
    return None if value is None else value.copy_abs()
