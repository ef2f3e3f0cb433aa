"""Patterns to parsers: a regular expression whose groups are fields, which then resolve to an instant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from headwater.core.errors import FunctionError
from headwater.plan import civil
from headwater.plan.datetime.patterns import (
    MONTHS,
    WEEKDAYS,
    Element,
    FieldLetter,
    Literal,
    Optional,
    parse_pattern,
)
from headwater.plan.datetime.zones import Zone, fixed_zone, zone_by_name

_MONTH_NUMBERS = {name[:size].lower(): i + 1 for i, name in enumerate(MONTHS) for size in (3, 20)} | {
    f"m{i:02d}": i for i in range(1, 13)
}
_OFFSET = r"[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?"
_ZONE_ID = r"[A-Za-z][A-Za-z0-9~/._+-]*(?::[0-9]{2})?|" + _OFFSET
_ZONE_NAME = r"[A-Za-z]+(?: [A-Za-z]+)+ Time|" + _ZONE_ID
_RANGES = {
    "M": (1, 12), "d": (1, 31), "D": (1, 366), "H": (0, 23), "h": (1, 12), "K": (0, 11), "k": (1, 24), "m": (0, 59),
    "s": (0, 59), "Q": (1, 4), "n": (0, 999_999_999), "A": (0, civil.DAY_MS - 1),
    "N": (0, civil.DAY_MS * 1_000_000 - 1), "E": (1, 7), "F": (1, 5), "w": (1, 53), "W": (0, 6), "a": (0, 1), "y": (0,
    999_999_999), "G": (0, 1), }  # fmt: skip
_WIDTHS = {1: r"-?[0-9]{1,19}", 2: "[0-9]{2}"}


@dataclass(frozen=True)
class Parsed:
    """The fields found in a text, by pattern letter (`M` for `L`, `u` for years), and the zone in it."""

    fields: dict[str, int]
    zone: Zone | None = None

    def date(self, *, complete: bool = False) -> int:
        """Days since the epoch; what is missing is that of 1970-01-01, unless the date must be `complete`.

        Raises `FunctionError` for an incomplete date. A day past the end of its month means the month's last day.
        """
        fields = self.fields
        year = self._year()
        if year is not None and "D" in fields:
            if fields["D"] > (366 if civil.is_leap(year) else 365):
                raise FunctionError(f"Invalid date: {year} has no day {fields['D']}")
            return civil.days_from_civil(year, 1, 1) + fields["D"] - 1
        month = fields.get("M")
        if complete and (year is None or month is None or "d" not in fields):
            raise FunctionError("Unable to obtain a date: year, month and day are needed")
        if "D" in fields:
            return civil.days_from_civil(1970, 1, 1) + fields["D"] - 1
        year = 1970 if year is None else year
        month = month or (fields["Q"] * 3 - 2 if "Q" in fields else 1)
        day = min(fields.get("d", 1), civil.days_in_month(year, month))
        return civil.days_from_civil(year, month, day)

    def _year(self) -> int | None:
        if "u" in self.fields:
            return self.fields["u"]
        year = self.fields.get("y", self.fields.get("Y"))
        return 1 - year if year is not None and self.fields.get("G") == 0 else year

    def time(self, *, complete: bool = False) -> int:
        """Ms since midnight; what is missing is 0, unless there must be an hour (`complete`)."""
        fields = self.fields
        if "N" in fields:
            return fields["N"] // 1_000_000
        if "A" in fields:
            return fields["A"]
        hour = fields.get("H", fields.get("k", 0) % 24 if "k" in fields else None)
        if hour is None:
            half = fields.get("K", fields["h"] % 12 if "h" in fields else None)
            if half is not None and (not complete or "a" in fields):
                hour = half + 12 * fields.get("a", 0)
        if complete and hour is None:
            raise FunctionError("Unable to obtain a time: the hour is missing")
        seconds = (hour or 0) * 3600 + fields.get("m", 0) * 60 + fields.get("s", 0)
        return seconds * 1000 + (fields["S"] if "S" in fields else fields.get("n", 0)) // 1_000_000

    def timestamp(self, default_zone: Zone) -> int:
        """Ms since the epoch; the zone found in the text wins."""
        local = self.date() * civil.DAY_MS + self.time()
        return local - (self.zone or default_zone).offset_of_local(local)


@lru_cache(maxsize=1000)
def compile_parser(pattern: str, *, forbidden: str = "") -> Callable[[str], Parsed]:
    """A parser for whole texts of a pattern, regardless of case. Raises `FunctionError` for a bad pattern.

    The parser raises `FunctionError` for a text that does not fit, or holds a field whose letter is `forbidden`.
    """
    letters: list[tuple[str, int]] = []
    regex = re.compile(_regex(parse_pattern(pattern), letters) + r"\Z", re.IGNORECASE | re.ASCII)
    wrong = [letter for letter, _ in letters if letter in forbidden]

    def parse(text: str) -> Parsed:
        match = regex.match(text)
        if match is None:
            raise FunctionError(f"Text '{text}' could not be parsed with pattern '{pattern}'")
        if wrong:
            raise FunctionError(f"Text '{text}' contains a field ('{wrong[0]}') that is not allowed here")
        fields: dict[str, int] = {}
        zone: Zone | None = None
        for (letter, count), found in zip(letters, match.groups(), strict=True):
            if found is None:
                continue
            if letter in "VvzOXxZ":
                zone = _zone(found)
            else:
                _add(fields, letter, _number(letter, count, found), text)
        return Parsed(fields, zone)

    return parse


def timestamp_parser(pattern: str, default_zone: Zone) -> Callable[[str], int]:
    """A function from text to ms since the epoch, for TIMESTAMP_FORMAT and its kin; see `Parsed.timestamp`."""
    parse = compile_parser(pattern)
    return lambda text: parse(text).timestamp(default_zone)


def _add(fields: dict[str, int], letter: str, value: int, text: str) -> None:
    low, high = _RANGES.get(letter, (value, value))
    if not low <= value <= high:
        raise FunctionError(
            f"Text '{text}' could not be parsed: {value} is not a valid value of '{letter}' ({low} - {high})"
        )
    if fields.setdefault(letter, value) != value:
        raise FunctionError(f"Text '{text}' could not be parsed: conflicting values {fields[letter]} and {value}")


def _number(letter: str, count: int, found: str) -> int:
    if letter in "MQEaG" and not found.lstrip("-").isdigit():
        return _named(letter, found.lower())
    if letter in "yuY" and count == 2:
        return 2000 + int(found)
    if letter == "S":
        return int(found.ljust(9, "0"))
    return int(found)


def _named(letter: str, found: str) -> int:
    if letter == "M":
        return _MONTH_NUMBERS[found]
    if letter == "Q":
        return int(next(char for char in found if char.isdigit()))
    if letter == "E":
        return next(i + 1 for i, name in enumerate(WEEKDAYS) if name.lower().startswith(found))
    if letter == "a":
        return 1 if found.startswith("p") else 0
    return 0 if found.startswith("b") else 1


def _zone(text: str) -> Zone:
    if text[0] in "+-":
        digits = text[1:].replace(":", "").ljust(6, "0")
        ms = int(digits[:2]) * civil.HOUR_MS + int(digits[2:4]) * civil.MINUTE_MS + int(digits[4:6]) * 1000
        return fixed_zone(-ms if text[0] == "-" else ms)
    return zone_by_name(text)


def _regex(elements: tuple[Element, ...], letters: list[tuple[str, int]]) -> str:
    """The regular expression of elements; the letter of each of its groups is appended to `letters`."""
    parts = []
    for element in elements:
        if isinstance(element, Literal):
            parts.append(re.escape(element.text))
        elif isinstance(element, Optional):
            parts.append(f"(?:{_regex(element.elements, letters)})?")
        elif isinstance(element, FieldLetter):
            letter = {"L": "M", "q": "Q", "e": "E", "c": "E"}.get(element.letter, element.letter)
            letters.append((letter, element.count))
            blanks = " *" if element.pad else ""
            parts.append(f"{blanks}({_field_regex(letter, element.count)})")
    return "".join(parts)


def _field_regex(letter: str, count: int) -> str:
    if letter in "yuY":
        if count == 2:
            return "[0-9]{2}"
        signed = rf"|[+][0-9]{{{count + 1},19}}" if count >= 4 else ""
        width = f"{count}" if count == 4 else f"{count},19"
        return rf"-?[0-9]{{{width}}}{signed}"
    if letter in "MQE" and count >= 3:
        return _TEXT_REGEX[letter]
    if letter in _TEXT_REGEX and letter not in "MQE":
        return _TEXT_REGEX[letter]
    if letter == "E" and count < 3:
        return _TEXT_REGEX["E"] + "|[1-7]"
    if letter == "S":
        return f"[0-9]{{{count}}}"
    if letter == "D" and count == 2:
        return "[0-9]{2,3}"
    if letter in "nNA":
        return f"[0-9]{{{count},19}}"
    return _WIDTHS.get(count, f"[0-9]{{{count}}}")


_TEXT_REGEX = {
    "M": "|".join(sorted(_MONTH_NUMBERS, key=len, reverse=True)),
    "E": "|".join([*WEEKDAYS, *(name[:3] for name in WEEKDAYS)]),
    "Q": r"Q[1-4]|[1-4](?:st|nd|rd|th) quarter|[1-4]",
    "a": "AM|PM",
    "G": "AD|BC|Anno Domini|Before Christ|A|B",
    "B": r"(?:in the |at )[a-z]+|noon|midnight",
    "V": _ZONE_ID,
    "v": _ZONE_NAME,
    "z": _ZONE_NAME,
    "O": r"GMT(?:[+-][0-9]{1,2}(?::[0-9]{2})?)?",
    "X": rf"Z|{_OFFSET}",
    "x": _OFFSET,
    "Z": rf"Z|GMT(?:[+-][0-9:]+)?|{_OFFSET}",
}
