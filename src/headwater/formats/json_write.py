"""Writes JSON as section 5.1 of the format rules says, at msgspec's speed where its text is the right one.

A struct class with the column names as member names is generated per schema. What msgspec prints differently from Java
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
from headwater.formats.api import Writer
from headwater.formats.failures import unwritable

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
            raise unwritable(topic, is_key, str(error)) from error

    return Writer(columns, encode, inline, names)


Made = tuple[Callable[..., bytes | None], str, dict[str, object]]


def _wrapped(columns: tuple[Column, ...]) -> Made:
    row_class = _struct_class(tuple(t.Field(c.name, c.type) for c in columns))
    texts = _Texts()
    args = [f"c{i}" for i in range(len(columns))]
    values = [texts.expression(c.type, arg) or arg for c, arg in zip(columns, args, strict=True)]
    texts.names |= {"encode_json": _ENCODE, "Row": row_class}
    call = f"encode_json(Row({', '.join(values)}))"
    quick = texts.function("encode_row", args, call)
    if values == args:
        return quick, "encode_json(Row({args}))", {"encode_json": _ENCODE, "Row": row_class}
    return quick, "encode_row({args})", {"encode_row": quick}


def _bare(column: Column) -> Made:
    texts = _Texts()
    texts.names["encode_json"] = _ENCODE
    value = texts.expression(column.type, "value") or "value"
    quick = texts.function("encode_value", ["value"], f"None if value is None else encode_json({value})")
    if value == "value":
        return quick, "(None if (_bare := {args}) is None else encode_json(_bare))", {"encode_json": _ENCODE}
    return quick, "encode_value({args})", {"encode_value": quick}


def _struct_class(fields: tuple[t.Field, ...]) -> Any:
    names = [f"c{i}" for i in range(len(fields))]
    rename = dict(zip(names, (f.name for f in fields), strict=True))
    return msgspec.defstruct("Row", [(name, Any) for name in names], rename=rename, gc=False)


class _Texts:
    """Source that turns in-memory values into what msgspec prints as Java would."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"double": double_node}

    def function(self, name: str, args: list[str], body: str) -> Callable[..., bytes | None]:
        exec(compile(f"def {name}({', '.join(args)}):\n    return {body}", "<json writer>", "exec"), self.names)
        made: Callable[..., bytes | None] = self.names[name]
        return made

    def expression(self, sql_type: t.SqlType, value: str) -> str | None:
        """Source of the printable value over the name `value`, or None where the value itself prints right."""
        if sql_type == t.DOUBLE:
            return f"({value} if {value} is not None and 0.001 <= {value} < 10000000.0 else double({value}))"
        if isinstance(sql_type, t.Decimal):
            return None if sql_type.scale <= PLAIN_SCALE else f"{self._named('decimal', decimal_node)}({value})"
        if isinstance(sql_type, t.Array):
            inner = self.expression(sql_type.element, "x")
            return inner and f"{self._lambda(f'[{inner} for x in v]')}({value})"
        if isinstance(sql_type, t.Map):
            inner = self.expression(sql_type.value, "x")
            return inner and f"{self._lambda(f'{{k: {inner} for k, x in v.items()}}')}({value})"
        if isinstance(sql_type, t.Struct):
            inner_class = self._named("Struct", _struct_class(sql_type.fields))
            items = [f"v{i}" for i in range(len(sql_type.fields))]
            printed = [self.expression(f.type, item) or item for f, item in zip(sql_type.fields, items, strict=True)]
            if printed == items:
                return f"{self._lambda(f'{inner_class}(*v)')}({value})"
            made = self._named("struct", self._compiled(f"lambda {', '.join(items)}: {inner_class}({', '.join(printed)})"))
            return f"{self._lambda(f'{made}(*v)')}({value})"
        return None

    def _lambda(self, body: str) -> str:
        return self._named("f", self._compiled(f"lambda v: None if v is None else {body}"))

    def _compiled(self, source: str) -> Any:
        return eval(compile(source, "<json writer>", "eval"), self.names)

    def _named(self, prefix: str, item: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = item
        return name


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
