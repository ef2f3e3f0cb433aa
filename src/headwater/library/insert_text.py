"""Rows as INSERT VALUES statements: for what /inserts-stream cannot do, a row's time and NULL keys.

Every value that could be taken for another type is cast, so that it means the same whatever stands around it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from headwater.core import types
from headwater.core.javatext import LONG_MAX, double_text
from headwater.core.names import quote
from headwater.core.types import SqlType
from headwater.library.coercion import ROWTIME, InsertRow, Target
from headwater.plan import civil


def insert_statement(target: Target, row: InsertRow) -> str:
    """The statement that inserts the row; columns that are NULL are left out, as long as there is another."""
    given = [(c.name, literal(v, c.type)) for c, v in zip(target.columns, row.values, strict=True) if v is not None]
    names = [quote(name) for name, _ in given]
    values = [text for _, text in given]
    if row.rowtime is not None:
        names.append(ROWTIME)
        values.append(str(row.rowtime))
    if not names:
        names, values = [quote(target.columns[0].name)], ["NULL"]
    return f"INSERT INTO {quote(target.name)} ({', '.join(names)}) VALUES ({', '.join(values)});"


def literal(value: Any, sql_type: SqlType) -> str:
    """An expression for an in-memory value of the type."""
    if value is None:
        return f"CAST(NULL AS {sql_type})"
    match sql_type:
        case types.BOOLEAN:
            return str(value).upper()
        case types.STRING:
            return _text(value)
        case types.INTEGER | types.BIGINT if value >= -LONG_MAX:
            return str(value)
        case types.BYTES:
            return f"TO_BYTES({_text(base64.b64encode(value).decode())}, 'base64')"
        case types.Array(element):
            return _array(value, element)
        case types.Map(key, item):
            return _map(value, key, item)
        case types.Struct(fields):
            pairs = zip(fields, value, strict=True)
            return f"STRUCT({', '.join(f'{quote(field.name)} := {literal(v, field.type)}' for field, v in pairs)})"
    return f"CAST({_text(_spelled(value, sql_type))} AS {sql_type})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _spelled(value: Any, sql_type: SqlType) -> str:
    match sql_type:
        case types.DOUBLE:
            return double_text(value)
        case types.Decimal():
            return format(value, "f")
        case types.DATE:
            return civil.date_text(value)
        case types.TIME:
            return civil.timestamp_text(value).partition("T")[2]
        case types.TIMESTAMP:
            return civil.timestamp_text(value)
    return str(value)


def _array(items: list[Any], element: SqlType) -> str:
    if items:
        return f"ARRAY[{', '.join(literal(item, element) for item in items)}]"
    return f"FILTER(ARRAY[{literal(None, element)}], x => x IS NOT NULL)"  # the language has no empty one


def _map(members: Mapping[Any, Any], key: SqlType, item: SqlType) -> str:
    if members:
        return f"MAP({', '.join(f'{literal(k, key)} := {literal(v, item)}' for k, v in members.items())})"
    return f"FILTER(MAP('' := {literal(None, item)}), (k, v) => v IS NOT NULL)"
