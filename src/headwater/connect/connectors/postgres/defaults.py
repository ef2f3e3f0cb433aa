"""The defaults of columns, as far as they are values: a column's schema names them."""

from __future__ import annotations

import re
from typing import Any

from headwater.connect.connectors.postgres.mapped import Mapped
from headwater.core.errors import DataError

_QUOTED = re.compile(r"^[BE]?'((?:[^']|'')*)'(?:::.*)?$", re.S | re.I)
_FUNCTION = re.compile(r"^\(?[\w.\"]+\(.*\)|^CURRENT_\w+|^LOCALTIME\w*", re.S | re.I)
_NUMBER = re.compile(r"^\(?(-?[\d.]+(?:e[+-]?\d+)?)\)?(?:::.*)?$", re.I)

_ZERO_MOMENTS = {
    "timestamptz": b"1970-01-01 00:00:00+00", "timestamp": b"1970-01-01 00:00:00", "date": b"1970-01-01",
    "time": b"00:00:00", "timetz": b"00:00:00+00", "interval": b"PT0S",
    "uuid": b"00000000-0000-0000-0000-000000000000",
}  # fmt: skip
_NUMERIC = ("int2", "int4", "int8", "float4", "float8", "numeric", "money", "oid")
_TEXTUAL = ("text", "varchar", "bpchar", "citext", "json", "jsonb", "xml", "inet", "cidr", "macaddr", "name")
_LITERAL = (*_NUMERIC, *_TEXTUAL, *_ZERO_MOMENTS, "bool", "bit", "varbit")


def default_value(expression: str | None, type_name: str, mapped: Mapped) -> Any:
    """The value that a DEFAULT gives; None where it has to be computed and no value stands for that, or for none.

    A function's result is not known: as in Debezium, a zero of the type stands for it.
    """
    if expression is None or type_name not in _LITERAL or mapped.schema.fields:
        return None
    raw = _raw(expression.strip(), type_name)
    if raw is None:
        return None
    try:
        return mapped.read(raw)
    except (ValueError, DataError, ArithmeticError):
        return None


def _raw(expression: str, type_name: str) -> bytes | None:
    """The text form of the default."""
    quoted = _QUOTED.match(expression)
    if quoted is not None:
        return _boolean(quoted[1].replace("''", "'").encode(), type_name)
    if expression.upper().startswith("NULL"):
        return None
    if type_name == "bool":
        return b"t" if expression.lower() == "true" else b"f"
    if _FUNCTION.match(expression):
        return _zero(type_name)
    number = _NUMBER.match(expression)
    return number[1].encode() if number is not None and type_name in _NUMERIC else None


def _boolean(raw: bytes, type_name: str) -> bytes:
    return (b"t" if raw[:1].lower() in b"ty1" else b"f") if type_name == "bool" else raw


def _zero(type_name: str) -> bytes | None:
    if type_name in _NUMERIC:
        return b"0"
    if type_name in _TEXTUAL:
        return b""
    return _ZERO_MOMENTS.get(type_name)
