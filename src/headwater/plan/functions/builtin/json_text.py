"""Functions on JSON in STRINGs. Numbers keep their digits; as in Jackson, what follows the first value is ignored."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from headwater.core.errors import FunctionError
from headwater.core.javatext import decimal_text, double_text
from headwater.core.types import (
    BIGINT,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Map,
    SqlType,
    Struct,
)
from headwater.core.types import Decimal as DecimalType
from headwater.plan import civil
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import Int, Prepared

T = TypeVar("T")
_JSON = "JSON"
MISSING = object()
"""Where there is no value at all, unlike JSON's null."""


def _refuse(word: str) -> Any:
    raise FunctionError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse)


def parse_json(text: str) -> Any:
    """The first JSON value in the text, `MISSING` when there is none. Raises `FunctionError` for anything else."""
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if start == len(text):
        return MISSING
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError) as error:
        raise FunctionError(f"Invalid JSON format: {error}") from error


def json_text(value: Any) -> str:
    """A parsed value as compact JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(k)}:{json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return str(value)


def _unquoted(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


_STEP = re.compile(r"""\.([^.\[\]"'*?()]+)|\[([\w-]+)\]|\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\]""")
"""A name or an index: which of the two it is, depends on what is there. No wildcards, no filters."""


@lru_cache(maxsize=1000)
def compile_path(path: str) -> tuple[str, ...]:
    """The steps of a JSON path. Raises `FunctionError` for one outside the supported subset."""
    steps: list[str] = []
    at = 1
    while path.startswith("$") and at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            break
        steps.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    if not path.startswith("$") or at < len(path):
        raise FunctionError(f"Invalid JSON path '{path}': expected $ followed by .name, [index] or [\"name\"]")
    return tuple(re.sub(r"\\(.)", r"\1", step) for step in steps)


def _follow(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(value, list):
            value = value[int(step)] if step.isdecimal() and int(step) < len(value) else MISSING
        else:
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        if value is MISSING:
            return MISSING
    return value


Path = Annotated[tuple[str, ...], STRING, Prepared(compile_path)]


@udf("EXTRACTJSONFIELD", category=_JSON, description="What a JSON path finds; text without its quotes")
def extract_json_field(text: str, path: Path) -> str | None:
    found = _follow(parse_json(text), path)
    return None if found is MISSING else _unquoted(found)


@udf("IS_JSON_STRING", category=_JSON, description="Whether the text is JSON")
def is_json_string(text: str | None) -> bool:
    if text is None:
        return False
    try:
        return parse_json(text) is not MISSING
    except FunctionError:
        return False


@udf("JSON_ARRAY_LENGTH", category=_JSON, description="The number of elements of a JSON array")
def json_array_length(text: str) -> Int | None:
    value = parse_json(text)
    return len(value) if isinstance(value, list) else None


def _matches(item: Any, wanted: Any, sql_type: SqlType | None) -> bool:
    if wanted is None or sql_type is None:
        return item is None
    if isinstance(item, (dict, list)) or item is None:
        return False
    if isinstance(item, bool) or isinstance(wanted, bool):
        return item is wanted
    if isinstance(item, Decimal):
        return sql_type == DOUBLE and float(item) == wanted
    if isinstance(item, int):
        return sql_type in (INTEGER, BIGINT) and item == wanted
    return bool(sql_type == STRING and item == wanted)


@udf("JSON_ARRAY_CONTAINS", category=_JSON, description="Whether a JSON array has an element of that type and value")
def json_array_contains(text: str | None, value: T | None, *, types: Sequence[SqlType | None]) -> bool:
    if text is None:
        raise FunctionError("JSON_ARRAY_CONTAINS: the array is NULL")
    try:
        items = parse_json(text)
    except FunctionError:
        return False
    return isinstance(items, list) and any(_matches(item, value, types[1]) for item in items)


@udf("JSON_CONCAT", category=_JSON, description="JSON objects merged, or arrays and other values joined to one array")
def json_concat(*texts: str | None) -> str | None:
    values = []
    for text in texts:
        value = MISSING if text is None else parse_json(text)
        if value is MISSING:
            return None
        values.append(value)
    objects: list[dict[str, Any]] = [value for value in values if isinstance(value, dict)]
    if objects and len(objects) == len(values):
        return json_text({key: value for item in objects for key, value in item.items()})
    return json_text([item for value in values for item in (value if isinstance(value, list) else [value])])


@udf("JSON_ITEMS", category=_JSON, description="The elements of a JSON array as JSON text")
def json_items(text: str) -> list[str]:
    value = parse_json(text)
    if not isinstance(value, list):
        raise FunctionError("JSON_ITEMS: the text is not a JSON array")
    return list(map(json_text, value))


@udf("JSON_KEYS", category=_JSON, description="The keys of a JSON object")
def json_keys(text: str) -> list[str] | None:
    value = parse_json(text)
    return list(value) if isinstance(value, dict) else None


@udf("JSON_RECORDS", category=_JSON, description="The entries of a JSON object; text without its quotes")
def json_records(text: str) -> dict[str, str] | None:
    value = parse_json(text)
    return {k: _unquoted(v) for k, v in value.items()} if isinstance(value, dict) else None


def sql_json(value: Any, sql_type: SqlType | None) -> str:
    """A SQL value as JSON: fields and keys sorted, times as ISO text, BYTES in base64."""
    if value is None or sql_type is None:
        return "null"
    if isinstance(sql_type, Array):
        return "[" + ",".join(sql_json(item, sql_type.element) for item in value) + "]"
    if isinstance(sql_type, Map):
        entries = sorted((str(k), v) for k, v in value.items())
        return "{" + ",".join(f"{json_text(k)}:{sql_json(v, sql_type.value)}" for k, v in entries) + "}"
    if isinstance(sql_type, Struct):
        fields = sorted(zip(sql_type.fields, value, strict=True), key=lambda pair: pair[0].name)
        return "{" + ",".join(f"{json_text(f.name)}:{sql_json(v, f.type)}" for f, v in fields) + "}"
    if sql_type == DOUBLE:
        text = double_text(value)
        return f'"{text}"' if text[-1] in "Ny" else text
    if isinstance(sql_type, DecimalType):
        return decimal_text(value)
    if sql_type == BYTES:
        return json_text(str(base64.b64encode(value), "ascii"))
    texts = {DATE: civil.date_text, TIME: civil.time_text, TIMESTAMP: civil.timestamp_text}
    return json_text(texts[sql_type](value) if sql_type in texts else value)


@udf("TO_JSON_STRING", category=_JSON, description="Any value as JSON text")
def to_json_string(value: T | None, *, types: Sequence[SqlType | None]) -> str:
    return sql_json(value, types[0])
