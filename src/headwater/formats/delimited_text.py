"""CSV text: splitting a record, quoting a field, and the text of each SQL type.

Quoting follows the writer that ksqlDB uses (commons-csv with minimal quoting): it also quotes a first field that does
not start with an ASCII letter or digit, so `-1` opens a record as `"-1"`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from headwater.core import types as t
from headwater.core.javatext import decimal_text, double_text, parse_decimal, parse_double, parse_int, parse_long
from headwater.formats.decimals import fitter
from headwater.formats.failures import Refused

MILLIS_PER_DAY = 86_400_000


def split(text: str, delimiter: str) -> list[str]:
    """The fields of the first record; leading empty lines are skipped. Raises `Refused` when there is none."""
    position = 0
    while position < len(text) and text[position] in "\r\n":
        position += 1
    if position == len(text):
        raise Refused("No fields in record")
    fields: list[str] = []
    while True:
        field, position = (
            _quoted(text, position + 1, delimiter)
            if text[position : position + 1] == '"'
            else _plain(text, position, delimiter)
        )
        fields.append(field)
        if position >= len(text) or text[position] != delimiter:
            return fields
        position += 1


def _plain(text: str, start: int, delimiter: str) -> tuple[str, int]:
    end = start
    while end < len(text) and text[end] != delimiter and text[end] not in "\r\n":
        end += 1
    return text[start:end], end


def _quoted(text: str, start: int, delimiter: str) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        end = text.find('"', start)
        if end < 0:
            raise Refused("EOF reached before encapsulated token finished")
        parts.append(text[start:end])
        if text[end + 1 : end + 2] != '"':
            break
        parts.append('"')
        start = end + 2
    end += 1
    while end < len(text) and text[end] != delimiter and text[end] not in "\r\n":
        if not text[end].isspace():
            raise Refused("invalid char between encapsulated token and delimiter")
        end += 1
    return "".join(parts), end


def quoter(delimiter: str, *, first: bool) -> Callable[[str], str]:
    """A function that quotes a field where needed; `first` is whether it opens the record."""
    openings = r"\A(?![0-9A-Za-z])" if first else r"\A[\x00-#]"
    needs_quotes = re.compile(rf'{openings}|[\x00-\x20]\Z|["\r\n{re.escape(delimiter)}]').search

    def quote(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if needs_quotes(text) else text

    return quote


def printer(sql_type: t.SqlType, delimiter: str, *, first: bool) -> Callable[[object], str]:
    """A function from a value to its field, quoted where needed. Never called with None."""
    text = text_of(sql_type)
    quote = quoter(delimiter, first=first)
    if sql_type == t.STRING:
        return quote  # type: ignore[return-value]

    def print_field(value: object) -> str:
        return quote(text(value))

    return print_field


def never_quoted(sql_type: t.SqlType, delimiter: str) -> bool:
    """Whether fields of the type, but for one that opens a record with a minus, can do without a look for quotes."""
    return sql_type in _PLAIN and delimiter not in _PLAIN[sql_type]


_WHOLE = "-0123456789"
_PLAIN: dict[t.SqlType, str] = {
    **dict.fromkeys((t.INTEGER, t.BIGINT, t.DATE, t.TIME, t.TIMESTAMP), _WHOLE),
    t.BOOLEAN: "truefals",
    t.DOUBLE: _WHOLE + ".EInfinityNaN",
}
"""The characters that fields of these types are made of."""


def text_of(sql_type: t.SqlType) -> Callable[..., str]:
    """A function from a value, never None, to its field without quotes."""
    if isinstance(sql_type, t.Decimal):
        return decimal_text
    if sql_type == t.BOOLEAN:
        return lambda value: "true" if value else "false"
    if sql_type == t.DOUBLE:
        return double_text
    if sql_type == t.BYTES:
        return lambda value: base64.b64encode(value).decode("ascii")
    return str


def parser(sql_type: t.SqlType) -> Callable[[str], object]:
    """A function from a field to a value; raises `ValueError` or `Refused`. Never called with an empty field."""
    if isinstance(sql_type, t.Decimal):
        fit = fitter(sql_type)
        return lambda text: fit(parse_decimal(text))
    if isinstance(sql_type, t.Scalar):
        return _PARSERS[sql_type.name]
    raise TypeError(f"not a scalar type: {sql_type}")


def _boolean(text: str) -> bool:
    return text.lower() == "true"


def _bytes(text: str) -> bytes:
    # Java's decoder takes text without its padding too.
    if len(text) % 4 > 1 and not text.endswith("="):
        text += "=" * (4 - len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Refused(f"Value is not a valid base64-encoded string: {error}") from None


def _time(text: str) -> int:
    millis = parse_long(text)
    if 0 <= millis <= MILLIS_PER_DAY:
        return millis
    raise Refused("Time values must use number of milliseconds greater than 0 and less than 86400000.")


_PARSERS: dict[str, Callable[[str], object]] = {
    "BOOLEAN": _boolean,
    "INTEGER": parse_int,
    "BIGINT": parse_long,
    "DOUBLE": parse_double,
    "STRING": str,
    "BYTES": _bytes,
    "TIME": _time,
    "DATE": parse_int,
    "TIMESTAMP": parse_long,
}
