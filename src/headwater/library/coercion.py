"""Rows that a program inserts, as the column types' in-memory values: the same conversions as INSERT VALUES.

Numbers widen (int to BIGINT, DECIMAL, DOUBLE), text becomes DATE, TIME, TIMESTAMP and BYTES. Python's own types for
those are taken as well; a float, which is rarely the number that was meant, is rounded to the digits of a DECIMAL.
"""

from __future__ import annotations

import datetime
import decimal
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from headwater.core import types
from headwater.core.schema import Column
from headwater.core.types import SqlType
from headwater.engine.insert import InsertError
from headwater.library.values import EPOCH, FIRST_DAY
from headwater.plan.constants import coerce
from headwater.plan.problems import did_you_mean

RowLike = Mapping[str, Any] | Sequence[Any]
"""A row to insert: values by column name, or in the order of the columns, key columns first."""

ROWTIME = "ROWTIME"
_WIDE = decimal.Context(prec=1_000)
"""Room for every double: the largest has 309 digits."""
_MILLISECOND = datetime.timedelta(milliseconds=1)
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Target:
    """A stream or table that rows go into. `columns` are those that can be written, key columns first."""

    name: str
    is_table: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InsertRow:
    """In-memory values in the order of the target's columns; `rowtime` in ms, None for the time of writing."""

    values: tuple[object, ...]
    rowtime: int | None


class RowCoercion:
    """Turns rows into those of one target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._at = {column.name: at for at, column in enumerate(target.columns)}
        self._converts = [converter(column.type) for column in target.columns]

    def row(self, row: RowLike, number: int) -> InsertRow:
        """Raises `InsertError` that names the row, counting from 0, and the column."""
        try:
            given = row if isinstance(row, Mapping) else self._named(row)
            return self._row(given)
        except (ValueError, TypeError, ArithmeticError) as error:
            kind = "table" if self._target.is_table else "stream"
            raise InsertError(f"Row {number} does not fit {kind} {self._target.name}: {error}") from None

    def _named(self, row: Sequence[Any]) -> Mapping[str, Any]:
        named = getattr(row, "_asdict", None)
        if named is not None:
            members: Mapping[str, Any] = named()
            return members
        if isinstance(row, str | bytes) or not isinstance(row, Sequence):
            raise TypeError(f"it must be a mapping or a sequence of values, not {row!r:.60}")
        columns = [column.name for column in self._target.columns]
        if len(row) != len(columns):
            raise ValueError(f"it has {len(row)} values, the columns are {', '.join(columns)}")
        return dict(zip(columns, row, strict=True))

    def _row(self, given: Mapping[str, Any]) -> InsertRow:
        out: list[object] = [None] * len(self._converts)
        rowtime: int | None = None
        for name, value in given.items():
            at = self._at.get(name)
            if at is None:
                at = self._at.get(name.upper())
            if at is None:
                rowtime = self._rowtime(name, value)
            elif value is not None:
                try:
                    out[at] = self._converts[at](value)
                except (ValueError, TypeError, ArithmeticError) as error:
                    column = self._target.columns[at]
                    raise ValueError(f"column {column.name} {column.type}: {error}") from None
        self._check_key(out)
        return InsertRow(tuple(out), rowtime)

    def _rowtime(self, name: str, value: Any) -> int | None:
        """The value of the one name that is no column."""
        if name.upper() != ROWTIME:
            raise ValueError(f"there is no column {name}.{did_you_mean(name.upper(), self._at)}")
        if value is None or isinstance(value, int):
            return value
        return timestamp(value)

    def _check_key(self, values: Sequence[object]) -> None:
        if self._target.is_table:
            for name in self._target.key:
                if values[self._at[name]] is None:
                    raise ValueError(f"a value is needed for the primary key column {name}")


def converter(sql_type: SqlType) -> Convert:
    """How a Python value that is not None becomes one of the type; raises `ValueError`, `TypeError` or
    `ArithmeticError`."""
    if isinstance(sql_type, types.Decimal):
        return partial(_decimal, sql_type)
    if isinstance(sql_type, types.Array):
        return partial(_array, _or_null(converter(sql_type.element)))
    if isinstance(sql_type, types.Map):
        return partial(_map, _or_null(converter(sql_type.key)), _or_null(converter(sql_type.value)))
    if isinstance(sql_type, types.Struct):
        return partial(_struct, sql_type, [_or_null(converter(field.type)) for field in sql_type.fields])
    return _SCALARS[sql_type]


def _or_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _wrong(value: Any, wanted: str) -> TypeError:
    return TypeError(f"{value!r:.60} is a {type(value).__name__}, not {wanted}")


def _boolean(value: Any) -> object:
    if not isinstance(value, bool):
        raise _wrong(value, "a bool")
    return value


def _whole(bits: int, value: Any) -> object:
    if isinstance(value, bool):
        raise _wrong(value, "an int")
    try:
        number = operator.index(value)
    except TypeError:
        raise _wrong(value, "an int") from None
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise ValueError(f"{number} needs more than {bits} bits")
    return number


def _double(value: Any) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise _wrong(value, "a number")
    return float(value)


def _decimal(sql_type: types.Decimal, value: Any) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise _wrong(value, "a number")
    exact = decimal.Decimal(repr(value) if isinstance(value, float) else value)
    if not exact.is_finite():
        raise ValueError(f"{value} is not finite")
    if isinstance(value, float):
        exact = exact.quantize(decimal.Decimal(1).scaleb(-sql_type.scale), decimal.ROUND_HALF_UP, _WIDE)
    return coerce(exact, types.INTEGER, sql_type)


def _string(value: Any) -> object:
    if not isinstance(value, str):
        raise _wrong(value, "a str")
    return value


def _bytes(value: Any) -> object:
    if isinstance(value, str):
        return coerce(value, types.STRING, types.BYTES)
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _wrong(value, "bytes")
    return bytes(value)


def _date(value: Any) -> object:
    if isinstance(value, str):
        return coerce(value, types.STRING, types.DATE)
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
        raise _wrong(value, "a date")
    return value.toordinal() - FIRST_DAY


def _time(value: Any) -> object:
    if isinstance(value, str):
        return coerce(value, types.STRING, types.TIME)
    if not isinstance(value, datetime.time) or value.tzinfo is not None:
        raise _wrong(value, "a time without a zone")
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000


def timestamp(value: Any) -> int:
    """Ms since the epoch; a datetime without a zone is UTC, and less than a millisecond is dropped."""
    if isinstance(value, str):
        ms: int = coerce(value, types.STRING, types.TIMESTAMP)
        return ms
    if not isinstance(value, datetime.datetime):
        raise _wrong(value, "a datetime")
    aware = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
    return (aware - EPOCH) // _MILLISECOND


def _array(item: Convert, value: Any) -> object:
    if not isinstance(value, list | tuple):
        raise _wrong(value, "a list")
    return list(map(item, value))


def _map(key: Convert, item: Convert, value: Any) -> object:
    if not isinstance(value, Mapping):
        raise _wrong(value, "a dict")
    return {key(k): item(v) for k, v in value.items()}


def _struct(sql_type: types.Struct, converts: Sequence[Convert], value: Any) -> object:
    if isinstance(value, tuple):
        named = getattr(value, "_asdict", None)
        if named is None:
            if len(value) != len(converts):
                raise ValueError(f"{value!r:.60} has {len(value)} values, {sql_type} has {len(converts)} fields")
            return tuple(convert(item) for convert, item in zip(converts, value, strict=True))
        value = named()
    if not isinstance(value, Mapping):
        raise _wrong(value, "a dict or tuple")
    out: list[object] = [None] * len(converts)
    for name, item in value.items():
        at = sql_type.index.get(name, sql_type.index.get(str(name).upper()))
        if at is None:
            raise ValueError(f"{sql_type} has no field {name}.{did_you_mean(str(name).upper(), sql_type.index)}")
        out[at] = converts[at](item)
    return tuple(out)


_SCALARS: dict[SqlType, Convert] = {
    types.BOOLEAN: _boolean,
    types.INTEGER: partial(_whole, 32),
    types.BIGINT: partial(_whole, 64),
    types.DOUBLE: _double,
    types.STRING: _string,
    types.BYTES: _bytes,
    types.DATE: _date,
    types.TIME: _time,
    types.TIMESTAMP: timestamp,
}
