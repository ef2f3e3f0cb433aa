"""The statement that writes rows by key: one MERGE whose rows are a parameter, as JSON. Pure.

A parameter needs no table to load into first, so a batch is one statement, done or not done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from headwater.connect.connectors.bigquery.fields import REPEATED, BigQueryField, Fields
from headwater.connect.connectors.bigquery.rows import Row

PARAMETER = "rows"
_CASTS: Mapping[str, str] = {
    "INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE", "TIME": "TIME",
    "DATETIME": "DATETIME", "NUMERIC": "NUMERIC", "BIGNUMERIC": "BIGNUMERIC",
}  # fmt: skip
_KNOWN = frozenset({*_CASTS, "STRING", "BYTES", "RECORD", "JSON"})


def latest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each key, in the order of their places."""
    found: dict[str, Row] = {}
    for row in rows:
        key = json.dumps(row.key, sort_keys=True)
        found.pop(key, None)
        found[key] = row
    return list(found.values())


def parameter(rows: Sequence[Row]) -> str:
    """The text of the parameter: an array of objects, without `row` where the row of the key goes away."""
    parts = [{"key": row.key} if row.values is None else {"key": row.key, "row": row.values} for row in rows]
    return json.dumps(parts, ensure_ascii=False)


def statement(table: str, fields: Fields, key: Sequence[str]) -> str:
    """A MERGE into `project.dataset.table` of all columns whose kind is known; the others are left alone."""
    taken = [one for one in fields if one.kind in _KNOWN]
    names = {name.lower() for name in key}
    keys = [one for one in taken if one.name.lower() in names]
    others = [one for one in taken if one.name.lower() not in names]
    selected = [f"{_expression(one, 'r', _path('key', one.name))} AS {quoted(one.name)}" for one in keys]
    selected += [f"{_expression(one, 'r', _path('row', one.name))} AS {quoted(one.name)}" for one in others]
    selected.append("JSON_QUERY(r, '$.row') IS NULL AS `__gone`")
    columns = ", ".join(quoted(one.name) for one in taken)
    values = ", ".join(f"s.{quoted(one.name)}" for one in taken)
    changes = ", ".join(f"{quoted(one.name)} = s.{quoted(one.name)}" for one in others)
    lines = [
        f"MERGE {quoted(table)} AS t",
        f"USING (SELECT {', '.join(selected)} FROM UNNEST(JSON_QUERY_ARRAY(@{PARAMETER})) AS r) AS s",
        f"ON {' AND '.join(f't.{quoted(one.name)} = s.{quoted(one.name)}' for one in keys)}",
        "WHEN MATCHED AND s.`__gone` THEN DELETE",
        f"WHEN MATCHED THEN UPDATE SET {changes}" if changes else "",
        f"WHEN NOT MATCHED AND NOT s.`__gone` THEN INSERT ({columns}) VALUES ({values})",
    ]
    return "\n".join(filter(None, lines))


def quoted(name: str) -> str:
    """An identifier in a statement."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _path(*names: str) -> str:
    """A JSON path as a text literal."""
    path = "$" + "".join(f".{json.dumps(name, ensure_ascii=False)}" for name in names)
    return "'" + path.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _expression(field: BigQueryField, source: str, path: str, depth: int = 0) -> str:
    """What makes a column's value from JSON."""
    if field.mode == REPEATED:
        item, at = f"e{depth}", f"o{depth}"
        made = _single(field, item, "'$'", depth + 1)
        return (
            f"ARRAY(SELECT {made} FROM UNNEST(JSON_QUERY_ARRAY({source}, {path})) AS {item} "
            f"WITH OFFSET AS {at} ORDER BY {at})"
        )
    return _single(field, source, path, depth)


def _single(field: BigQueryField, source: str, path: str, depth: int) -> str:
    if field.kind == "RECORD":
        whole = f"JSON_QUERY({source}, {path})"
        parts = (f"{_expression(one, whole, _path(one.name), depth)} AS {quoted(one.name)}" for one in field.fields)
        return f"IF({whole} IS NULL, NULL, STRUCT({', '.join(parts)}))"
    if field.kind == "JSON":
        return f"PARSE_JSON(JSON_QUERY({source}, {path}))"
    text = f"JSON_VALUE({source}, {path})"
    if field.kind == "BYTES":
        return f"FROM_BASE64({text})"
    return text if field.kind == "STRING" else f"CAST({text} AS {_CASTS[field.kind]})"


def key_names(rows: Sequence[Row]) -> list[str]:
    """The key's columns."""
    return list(dict.fromkeys(name for row in rows for name in row.key))
