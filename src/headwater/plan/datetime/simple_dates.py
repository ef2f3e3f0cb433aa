"""java.text.SimpleDateFormat parsing, which PARSE_DATE uses: lenient, and content with a prefix of the text."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache

from headwater.core.errors import FunctionError
from headwater.plan import civil
from headwater.plan.datetime.patterns import MONTHS, WEEKDAYS
from headwater.plan.datetime.zones import zone_by_name

_LETTERS = frozenset("GyYMLwWDdFEuaHkKhmsSzZX")
_NAMES = {
    "a": ("AM", "PM"),
    "G": ("BC", "AD"),
    "E": tuple(name[:size] for size in (20, 3) for name in WEEKDAYS),
}
_MONTH_NAMES = tuple(name[:size] for size in (20, 3) for name in MONTHS)


def _tokens(pattern: str) -> list[tuple[str, str]]:
    """(kind, text): kind `field` with the repeated letter, or `literal`."""
    found: list[tuple[str, str]] = []
    for match in re.finditer(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'", pattern):
        text = match[0]
        if text == "'":
            raise FunctionError(f"Unterminated quote in pattern '{pattern}'")
        if match[2]:
            if match[2] not in _LETTERS:
                raise FunctionError(f"Illegal pattern character '{match[2]}' in '{pattern}'")
            found.append(("field", text))
        else:
            found.append(("literal", (match[1].replace("''", "'") or "'") if text[0] == "'" else text))
    return found


@lru_cache(maxsize=1000)
def compile_moment_parser(pattern: str) -> Callable[[str], int]:
    """A function from text to ms since the epoch, in GMT unless the text names a zone; see `compile_date_parser`."""
    tokens = _tokens(pattern)
    return lambda text: _resolve(_parse(tokens, text, pattern))


@lru_cache(maxsize=1000)
def compile_date_parser(pattern: str) -> Callable[[str], int]:
    """A function from text to days since the epoch, in GMT.

    Missing fields are those of 1970-01-01; numbers out of range carry over (month 13 is the next January). Raises
    `FunctionError` for a bad pattern; the function raises it for a text that does not begin as the pattern says, or has
    a time of day.
    """
    tokens = _tokens(pattern)

    def parse(text: str) -> int:
        fields = _parse(tokens, text, pattern)
        ms = _resolve(fields)
        if ms % civil.DAY_MS:
            raise FunctionError(f"Date format contains time field: '{text}' with pattern '{pattern}'")
        return ms // civil.DAY_MS

    return parse


def _parse(tokens: list[tuple[str, str]], text: str, pattern: str) -> dict[str, int]:
    fields: dict[str, int] = {}
    at = 0
    for i, (kind, token) in enumerate(tokens):
        if kind == "literal":
            if not text.startswith(token, at):
                raise FunctionError(f"Unparseable date: \"{text}\" with pattern '{pattern}'")
            at += len(token)
            continue
        following = tokens[i + 1][0] if i + 1 < len(tokens) else ""
        value, at = _field(token, text, at, adjacent=following == "field")
        if value is None:
            raise FunctionError(f"Unparseable date: \"{text}\" with pattern '{pattern}'")
        fields[token[0] if token[0] != "L" else "M"] = value
    return fields


def _field(token: str, text: str, at: int, *, adjacent: bool) -> tuple[int | None, int]:
    letter = token[0]
    while at < len(text) and text[at] in " \t":
        at += 1
    if letter in "zZX":
        return _zone(text, at)
    names = _MONTH_NAMES if letter in "ML" and len(token) >= 3 else _NAMES.get(letter)
    if names is not None:
        return _name(names, letter, text, at)
    match = re.compile(rf"-?[0-9]{{1,{len(token) if adjacent else 18}}}").match(text, at)
    if match is None:
        return None, at
    value = int(match[0])
    if letter in "yY" and len(token) <= 2 and len(match[0]) == 2:
        value = _century(value)
    return value, match.end()


def _century(value: int) -> int:
    """Two-digit years lie within 80 years before and 20 years after now."""
    latest = time.gmtime().tm_year + 20
    return value + (latest - value) // 100 * 100


def _name(names: tuple[str, ...], letter: str, text: str, at: int) -> tuple[int | None, int]:
    for i, name in enumerate(names):
        if text[at : at + len(name)].lower() == name.lower():
            base = 12 if letter in "ML" else 7 if letter == "E" else 2
            return i % base + (1 if letter in "MLE" else 0), at + len(name)
    return None, at


def _zone(text: str, at: int) -> tuple[int | None, int]:
    """The offset in ms."""
    match = re.compile(r"(?:GMT|UTC)?([+-])([0-9]{1,2}):?([0-9]{2})?|[A-Za-z]+(?:/[A-Za-z_]+)*").match(text, at)
    if match is None:
        return None, at
    if match[1]:
        ms = int(match[2]) * civil.HOUR_MS + int(match[3] or 0) * civil.MINUTE_MS
        return -ms if match[1] == "-" else ms, match.end()
    return zone_by_name(match[0]).offset_at(0), match.end()


def _resolve(fields: dict[str, int]) -> int:
    year = fields.get("y", fields.get("Y", 1970))
    if fields.get("G") == 0:
        year = 1 - year
    if "D" in fields and "M" not in fields:
        days = civil.days_from_civil(year, 1, 1) + fields["D"] - 1
    else:
        months = year * 12 + fields.get("M", 1) - 1
        days = civil.days_from_civil(months // 12, months % 12 + 1, 1) + fields.get("d", 1) - 1
    hour = fields.get("H", fields.get("k", 0) % 24)
    if "h" in fields or "K" in fields:
        hour = fields.get("h", fields.get("K", 0)) % 12 + 12 * fields.get("a", 0)
    seconds = hour * 3600 + fields.get("m", 0) * 60 + fields.get("s", 0)
    offset = next((fields[letter] for letter in "zZX" if letter in fields), 0)
    return days * civil.DAY_MS + seconds * 1000 + fields.get("S", 0) - offset
