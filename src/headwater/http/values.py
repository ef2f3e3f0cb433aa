"""Rows as JSON (section 5.1 of the REST sheet): one function per schema, compiled from its types.

Columns whose in-memory value is already what JSON wants are handed to the encoder untouched; the others are wrapped in
the expression that converts them. No object is made per row but the tuple itself.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal as PyDecimal
from functools import lru_cache

import msgspec

from headwater.core import types
from headwater.core.generated import compiled
from headwater.core.javatext import decimal_text, double_text
from headwater.core.types import SqlType
from headwater.plan import civil

Row = tuple[tuple[object, ...], bool]
"""Values in schema order, and whether the row is a tombstone."""

_EPOCH = datetime.datetime(1970, 1, 1)  # naive: all times are UTC, and this is twice as fast
_FIRST_DAY = datetime.date(1970, 1, 1).toordinal()


@lru_cache(maxsize=4096)
def date_text(days: int) -> str:
    """A DATE, days since 1970-01-01, as `2020-01-01`."""
    try:
        return datetime.date.fromordinal(days + _FIRST_DAY).isoformat()
    except (ValueError, OverflowError):
        return civil.date_text(days)


def timestamp_text(ms: int) -> str:
    """A TIMESTAMP, ms since the epoch, as `2020-01-01T00:00:00.000`."""
    second, fraction = divmod(ms, 1000)
    return f"{_second_text(second)}.{fraction:03d}"


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    """Rows that follow each other are often of the same second, and looking it up is six times as fast."""
    try:
        return (_EPOCH + datetime.timedelta(seconds=second)).isoformat()
    except OverflowError:
        return civil.timestamp_text(second * 1000)[:-4]


def _double(value: float) -> object:
    """What JSON takes for a DOUBLE outside the range in which its encoder agrees with Java."""
    if -1e7 < value <= -1e-3 or value == 0.0:
        return value
    text = double_text(value)
    return text if text[-1] in "Ny" else msgspec.Raw(text.encode())


def _decimal(value: PyDecimal) -> msgspec.Raw:
    return msgspec.Raw(decimal_text(value).encode())


_NAMES = {
    "_double": _double,
    "_decimal": _decimal,
    "_date": date_text,
    "_time": civil.time_text,
    "_timestamp": timestamp_text,
}
_CALLS: dict[SqlType, str] = {types.DATE: "_date", types.TIME: "_time", types.TIMESTAMP: "_timestamp"}


def _conversion(sql_type: SqlType, code: str, depth: int = 0) -> str:
    """Python for the JSON value of `code`; `code` itself where nothing has to be done."""
    if sql_type == types.DOUBLE:
        return f"({code} if {code} is None or 0.001 <= {code} < 1e7 else _double({code}))"
    call = "_decimal" if isinstance(sql_type, types.Decimal) else _CALLS.get(sql_type)
    if call is not None:
        return f"(None if {code} is None else {call}({code}))"
    if isinstance(sql_type, types.Array):
        item = f"e{depth}"
        inner = _conversion(sql_type.element, item, depth + 1)
        return code if inner == item else f"(None if {code} is None else [{inner} for {item} in {code}])"
    if isinstance(sql_type, types.Map):
        return _map_conversion(sql_type, code, depth)
    if isinstance(sql_type, types.Struct):
        return _struct_conversion(sql_type, code, depth)
    return code


def _map_conversion(sql_type: types.Map, code: str, depth: int) -> str:
    key, item = f"k{depth}", f"e{depth}"
    inner = _conversion(sql_type.value, item, depth + 1)
    name = f"('null' if {key} is None else {key})"
    if sql_type.key != types.STRING:
        name = f"_text({key})"
    return f"(None if {code} is None else {{{name}: {inner} for {key}, {item} in {code}.items()}})"


def _struct_conversion(sql_type: types.Struct, code: str, depth: int) -> str:
    fields = []
    for index, field in enumerate(sql_type.fields):
        item = f"s{depth}_{index}"
        inner = _conversion(field.type, item, depth + 1)
        # The walrus keeps a nested value from being indexed more than once.
        value = f"{code}[{index}]" if inner == item else f"({item} := {code}[{index}], {inner})[1]"
        fields.append(f"{field.name!r}: {value}")
    return f"(None if {code} is None else {{{', '.join(fields)}}})"


def _text(key: object) -> str:
    """A map key that is not a string, as JSON names it."""
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float):
        return double_text(key)
    if isinstance(key, PyDecimal):
        return decimal_text(key)
    return "null" if key is None else str(key)


def compile_converter(columns: Sequence[SqlType]) -> Callable[[Iterable[Row]], list[object]]:
    """A function from rows (values, tombstone) to what the JSON encoder takes for them, in order."""
    names = [f"c{i}" for i in range(len(columns))]
    converted = [_conversion(sql_type, name) for sql_type, name in zip(columns, names, strict=True)]
    target = f"({', '.join(names)},)" if names else "_"
    row = "values" if converted == names else f"({', '.join(converted)},)"
    source = "values" if converted == names else target
    text = f"def convert(rows):\n    return [{row} for {source}, _ in rows]\n"
    scope: dict[str, object] = {**_NAMES, "_text": _text}
    exec(compiled(text, "<rows as JSON>"), scope)  # noqa: S102 - the text is made of types and quoted names
    convert: Callable[[Iterable[Row]], list[object]] = scope["convert"]  # type: ignore[assignment]
    return convert
