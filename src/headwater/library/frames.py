"""Rows as the tables of pyarrow, pandas and polars, with types that hold the same values and NULLs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headwater.core import types
from headwater.core.types import SqlType
from headwater.library.errors import MissingPackageError, UnsupportedError
from headwater.library.rows import Rows

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

_DECIMAL128_DIGITS, _DECIMAL256_DIGITS = 38, 76


def to_arrow(rows: Rows) -> pyarrow.Table:
    """An Arrow table. Raises `MissingPackageError`."""
    pa = _package("pyarrow", "to_arrow")
    columns = [
        pa.array([_plain(row[at], column.type, pairs=True) for row in rows], _arrow_type(pa, column.type))
        for at, column in enumerate(rows.columns)
    ]
    return pa.table(columns, names=[column.name for column in rows.columns])


def to_pandas(rows: Rows) -> pandas.DataFrame:
    """A pandas data frame: nullable types for numbers and booleans, objects for what pandas has no type for."""
    pd = _package("pandas", "to_pandas")
    columns = {
        column.name: pd.Series([_plain(row[at], column.type) for row in rows], dtype=_pandas_type(column.type))
        for at, column in enumerate(rows.columns)
    }
    frame: pandas.DataFrame = pd.DataFrame(columns)
    return frame


def to_polars(rows: Rows) -> polars.DataFrame:
    """A polars data frame; a MAP is a list of its keys and values, as polars has no maps."""
    pl = _package("polars", "to_polars")
    columns = [
        pl.Series(
            column.name,
            [_plain(row[at], column.type, entries=True) for row in rows],
            _polars_type(pl, column.type),
            strict=False,
        )
        for at, column in enumerate(rows.columns)
    ]
    frame: polars.DataFrame = pl.DataFrame(columns)
    return frame


def _package(name: str, method: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingPackageError(f"{method}() needs the package {name}: pip install {name}") from None


def _plain(value: Any, sql_type: SqlType, *, pairs: bool = False, entries: bool = False) -> Any:
    """Structs as dicts, all the way down; maps as dicts, `pairs` of key and value, or `entries` that name both."""
    if value is None:
        return None
    match sql_type:
        case types.Struct(fields):
            items = zip(fields, value, strict=True)
            return {field.name: _plain(item, field.type, pairs=pairs, entries=entries) for field, item in items}
        case types.Array(element):
            return [_plain(item, element, pairs=pairs, entries=entries) for item in value]
        case types.Map(_, inner):
            plain = [(key, _plain(item, inner, pairs=pairs, entries=entries)) for key, item in value.items()]
            if entries:
                return [{"key": key, "value": item} for key, item in plain]
            return plain if pairs else dict(plain)
    return value


_ARROW: dict[SqlType, str] = {
    types.BOOLEAN: "bool_",
    types.INTEGER: "int32",
    types.BIGINT: "int64",
    types.DOUBLE: "float64",
    types.STRING: "string",
    types.BYTES: "binary",
    types.DATE: "date32",
}


def _arrow_type(pa: Any, sql_type: SqlType) -> Any:
    match sql_type:
        case types.Array(element):
            return pa.list_(_arrow_type(pa, element))
        case types.Map(key, value):
            return pa.map_(_arrow_type(pa, key), _arrow_type(pa, value))
        case types.Struct(fields):
            return pa.struct([(field.name, _arrow_type(pa, field.type)) for field in fields])
        case types.Decimal(precision, scale):
            if precision > _DECIMAL256_DIGITS:
                raise UnsupportedError(f"Arrow has no decimals of {precision} digits: cast the column to STRING")
            return (pa.decimal128 if precision <= _DECIMAL128_DIGITS else pa.decimal256)(precision, scale)
        case types.TIMESTAMP:
            return pa.timestamp("ms", tz="UTC")
        case types.TIME:
            return pa.time32("ms")
    return getattr(pa, _ARROW[sql_type])()


_PANDAS: dict[SqlType, str] = {
    types.BOOLEAN: "boolean",
    types.INTEGER: "Int32",
    types.BIGINT: "Int64",
    types.DOUBLE: "Float64",
    types.TIMESTAMP: "datetime64[ms, UTC]",
}


def _pandas_type(sql_type: SqlType) -> str:
    return _PANDAS.get(sql_type, "object")


_POLARS: dict[SqlType, str] = {
    types.BOOLEAN: "Boolean",
    types.INTEGER: "Int32",
    types.BIGINT: "Int64",
    types.DOUBLE: "Float64",
    types.STRING: "String",
    types.BYTES: "Binary",
    types.DATE: "Date",
    types.TIME: "Time",
}


def _polars_type(pl: Any, sql_type: SqlType) -> Any:
    match sql_type:
        case types.Array(element):
            return pl.List(_polars_type(pl, element))
        case types.Map(key, value):
            return pl.List(pl.Struct({"key": _polars_type(pl, key), "value": _polars_type(pl, value)}))
        case types.Struct(fields):
            return pl.Struct({field.name: _polars_type(pl, field.type) for field in fields})
        case types.Decimal(precision, scale):
            return pl.Decimal(precision, scale)
        case types.TIMESTAMP:
            return pl.Datetime("ms", "UTC")
    return getattr(pl, _POLARS[sql_type])
