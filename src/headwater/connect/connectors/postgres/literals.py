"""PostgreSQL's text forms of composed values: arrays and hstore."""

from __future__ import annotations

import re
from typing import Any

from headwater.core.errors import DataError

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_PLAIN = re.compile(r"[^,{}]*")
_ESCAPED = re.compile(r"\\(.)", re.S)
_PAIR = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*=>\s*(?:"((?:[^"\\]|\\.)*)"|(NULL))\s*(?:,|$)', re.S | re.I)


def read_array(text: str, delimiter: str = ",") -> list[Any]:
    """The elements of `{a,"b c",NULL}`: texts, None for NULL, lists for further dimensions. Raises `DataError`."""
    start = text.find("{")  # lower bounds that are not 1 stand before: [0:2]={1,2,3}
    if start < 0:
        raise DataError(f"not an array of PostgreSQL: {text[:80]!r}")
    plain = _PLAIN if delimiter == "," else re.compile(rf"[^{re.escape(delimiter)}{{}}]*")
    try:
        values, end = _elements(text, start + 1, delimiter, plain)
    except IndexError:
        end = -1
    if end != len(text):
        raise DataError(f"not an array of PostgreSQL: {text[:80]!r}")
    return values


def _elements(text: str, at: int, delimiter: str, plain: re.Pattern[str]) -> tuple[list[Any], int]:
    values: list[Any] = []
    if text[at] == "}":
        return values, at + 1
    value: Any
    while True:
        if text[at] == "{":
            value, at = _elements(text, at + 1, delimiter, plain)
        elif text[at] == '"':
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                raise DataError(f"not an array of PostgreSQL: {text[:80]!r}")
            value, at = _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
        else:
            found = plain.match(text, at)
            assert found is not None
            value, at = (None if found[0].upper() == "NULL" else found[0]), found.end()
        values.append(value)
        if text[at] == "}":
            return values, at + 1
        if text[at] != delimiter:
            raise DataError(f"not an array of PostgreSQL: {text[:80]!r}")
        at += 1


def read_hstore(text: str) -> dict[str, str | None]:
    """The pairs of `"a"=>"1", "b"=>NULL`. Raises `DataError`."""
    pairs: dict[str, str | None] = {}
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None:
            raise DataError(f"not an hstore of PostgreSQL: {text[:80]!r}")
        key, value, null = pair.groups()
        pairs[_ESCAPED.sub(r"\1", key)] = None if null else _ESCAPED.sub(r"\1", value)
        at = pair.end()
    return pairs


_COPY_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_COPY_ESCAPE = re.compile(rb"\\(.)", re.S)


def read_copy_row(line: bytes) -> list[bytes | None]:
    """The columns of one line of `COPY ... TO STDOUT` in its text format, line end included."""
    parts = line[:-1].split(b"\t")
    if b"\\" not in line:
        return parts  # type: ignore[return-value]  # a list of bytes is one of bytes and nulls
    return [None if part == b"\\N" else _unescaped(part) for part in parts]


def _unescaped(part: bytes) -> bytes:
    return _COPY_ESCAPE.sub(lambda match: _COPY_ESCAPES.get(match[1], match[1]), part) if b"\\" in part else part
