"""From the engine's in-memory values, and from those of REST's JSON, to the Python values a person expects.

TIMESTAMP becomes a datetime in UTC, DATE a date, TIME a time, DECIMAL a Decimal, BYTES bytes, ARRAY a list, MAP a
dict and STRUCT a `Row` of its fields. A day or moment outside the years 1 to 9999, which Python's calendar does not
have, stays the number that `core.types` describes.
"""

from __future__ import annotations

import base64
import datetime
import decimal
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from headwater.core import types
from headwater.core.javatext import parse_double
from headwater.core.schema import Column
from headwater.core.types import SqlType
from headwater.library.rows import Row, row_class
from headwater.plan import civil

Convert = Callable[[Any], Any]
Rule = Callable[[SqlType], Convert | None]

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
FIRST_DAY = datetime.date(1970, 1, 1).toordinal()


def row_maker(columns: Sequence[Column], rule: Rule) -> Callable[[Iterable[Sequence[Any]]], list[Row]]:
    """A function from raw rows, values in the columns' order, to `Row`s; `rule` gives the conversion of each type."""
    made = row_class(tuple(column.name for column in columns))
    changed = [(at, convert) for at, column in enumerate(columns) if (convert := rule(column.type)) is not None]
    if not changed:
        return lambda rows: list(map(made, rows))

    def make(values: Sequence[Any]) -> Row:
        out = list(values)
        for at, convert in changed:
            if out[at] is not None:
                out[at] = convert(out[at])
        return made(out)

    return lambda rows: list(map(make, rows))


def from_memory(sql_type: SqlType) -> Convert | None:
    """How a value of the type, as the engine holds it and not NULL, is made natural; None if it is already."""
    return _SCALARS.get(sql_type) or _nested(sql_type, from_memory, lambda struct: None)


def from_json(sql_type: SqlType) -> Convert | None:
    """The same for what the REST API writes for it, decoded with fractions as `Decimal`."""
    if isinstance(sql_type, types.Decimal):
        return decimal.Decimal
    if isinstance(sql_type, types.Map):
        return _json_map(sql_type)
    return _JSON_SCALARS.get(sql_type) or _nested(sql_type, from_json, _fields_of_object)


def _nested(sql_type: SqlType, rule: Rule, opener: Callable[[types.Struct], Convert | None]) -> Convert | None:
    """`opener` gives what turns the raw form of a struct into the sequence of its fields' values."""
    if isinstance(sql_type, types.Array):
        return _array(_or_null(rule(sql_type.element)))
    if isinstance(sql_type, types.Map):
        return _map(_or_null(rule(sql_type.key)), _or_null(rule(sql_type.value)))
    if isinstance(sql_type, types.Struct):
        make = row_maker([Column(field.name, field.type) for field in sql_type.fields], rule)
        opened = opener(sql_type)
        if opened is None:
            return lambda value: make((value,))[0]
        return lambda value: make((opened(value),))[0]
    return None


def _or_null(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _array(item: Convert | None) -> Convert | None:
    return None if item is None else lambda value: list(map(item, value))


def _map(key: Convert | None, item: Convert | None) -> Convert | None:
    if key is None and item is None:
        return None
    of_key, of_item = key or _same, item or _same
    return lambda value: {of_key(k): of_item(v) for k, v in value.items()}


def _same(value: Any) -> Any:
    return value


def timestamp(ms: int) -> datetime.datetime | int:
    """A TIMESTAMP, ms since the epoch."""
    try:
        return EPOCH + datetime.timedelta(milliseconds=ms)
    except OverflowError:
        return ms


def date(days: int) -> datetime.date | int:
    """A DATE, days since the epoch."""
    try:
        return datetime.date.fromordinal(days + FIRST_DAY)
    except (ValueError, OverflowError):
        return days


def time(ms: int) -> datetime.time:
    """A TIME, ms since midnight."""
    seconds, milli = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    return datetime.time(minutes // 60, minutes % 60, second, milli * 1000)


_SCALARS: dict[SqlType, Convert] = {types.TIMESTAMP: timestamp, types.DATE: date, types.TIME: time}


def _fields_of_object(struct: types.Struct) -> Convert:
    names = [field.name for field in struct.fields]
    return lambda value: [value.get(name) for name in names]


def _json_map(sql_type: types.Map) -> Convert:
    """Keys come as texts, whatever their type."""
    key = _KEYS.get(sql_type.key) or from_json(sql_type.key)
    made = _map(_or_null(key), _or_null(from_json(sql_type.value)))
    return made or _same


_JSON_SCALARS: dict[SqlType, Convert] = {
    types.DOUBLE: float,
    types.BYTES: base64.b64decode,
    types.TIMESTAMP: lambda text: timestamp(civil.parse_timestamp(text)),
    types.DATE: lambda text: date(civil.parse_date(text)),
    types.TIME: lambda text: time(civil.parse_time(text)),
}
_KEYS: dict[SqlType, Convert] = {
    types.BOOLEAN: lambda text: text == "true",
    types.INTEGER: int,
    types.BIGINT: int,
    types.DOUBLE: parse_double,
}
