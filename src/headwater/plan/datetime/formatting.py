"""Patterns to formatters: one generated Python function per pattern."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from functools import lru_cache

from headwater.core.errors import FunctionError
from headwater.plan import civil
from headwater.plan.datetime.patterns import (
    DATE_LETTERS,
    MONTHS,
    TIME_LETTERS,
    WEEKDAYS,
    ZONE_LETTERS,
    Element,
    FieldLetter,
    Literal,
    Optional,
    letters_of,
    parse_pattern,
)
from headwater.plan.datetime.zones import Zone, fixed_zone, long_name, offset_text

UTC_ZONE = fixed_zone(0, "GMT")
_SEPARATORS = re.compile(r"[A-Za-z0-9 .,:/_-]*")
Formatter = Callable[..., str]
"""(ms since the epoch, zone) -> text. Days and times of day are given as ms, too, without a zone."""


@lru_cache(maxsize=1000)
def compile_formatter(pattern: str, *, allowed: str = "date time zone") -> Formatter:
    """A function that formats an instant: `format(ms, zone=GMT)`.

    `allowed` says which kinds of fields the formatted type has. Raises `FunctionError` for a bad pattern or a field of
    another kind.
    """
    elements = parse_pattern(pattern)
    _check_kinds(letters_of(elements), allowed)
    names = {**_NAMES}
    exec(_source(elements, names), names)  # noqa: S102 - the source is made of the pieces below and harmless literals
    formatted: Formatter = names["formatted"]  # type: ignore[assignment]
    return formatted


def _source(elements: tuple[Element, ...], names: dict[str, object]) -> str:
    """The formatter's source, and in `names` what it refers to. What depends on the day alone is cached by day:
    timestamps of one stream are close."""
    lines = ["def formatted(ms, zone=UTC_ZONE):", "    local = ms if zone is UTC_ZONE else ms + zone.offset_at(ms)"]
    if letters_of(elements) & TIME_LETTERS:
        lines += [
            "    rest = local % 86400000",
            "    seconds, milli = divmod(rest, 1000)",
            "    minutes, second = divmod(seconds, 60)",
            "    hour, minute = divmod(minutes, 60)",
        ]
    parts: list[str] = []
    cached: list[str] = []
    for by_day, run in itertools.groupby(_flat(elements), key=_depends_on_day):
        text = "".join(_piece(element, names) for element in run)
        if by_day:
            name = f"day_text_{len(cached)}"
            cached.append(
                f"@lru_cache(maxsize=512)\ndef {name}(days):\n    year, month, day = civil_from_days(days)\n"
                f"    return f{_quote(text)}"
            )
            text = f"{{{name}(local // 86400000)}}"
        parts.append(text)
    return "\n".join([*cached, *lines, f"    return f{_quote(''.join(parts))}"])


def _depends_on_day(element: Element) -> bool:
    return isinstance(element, Literal) or (isinstance(element, FieldLetter) and element.letter in DATE_LETTERS)


def _quote(text: str) -> str:
    return '"""' + text + '"""'


def _check_kinds(letters: frozenset[str], allowed: str) -> None:
    for kind, members in (("date", DATE_LETTERS), ("time", TIME_LETTERS), ("zone", ZONE_LETTERS)):
        wrong = sorted(letters & members)
        if wrong and kind not in allowed:
            raise FunctionError(
                f"Unsupported field: pattern letter '{wrong[0]}' is a {kind} field, but the value has only"
                f" {allowed} fields"
            )


def _flat(elements: tuple[Element, ...]) -> list[Element]:
    """Optional parts are always printed."""
    return [
        item
        for element in elements
        for item in (_flat(element.elements) if isinstance(element, Optional) else [element])
    ]


def _piece(element: Element, names: dict[str, object]) -> str:
    """One element as part of an f-string."""
    if isinstance(element, Literal):
        return _literal(element.text, names)
    return _padded(element) if isinstance(element, FieldLetter) else ""


def _literal(text: str, names: dict[str, object]) -> str:
    """Separators stand in the source; any other text is an object there, so that it needs no quoting."""
    if _SEPARATORS.fullmatch(text):
        return text
    name = f"text_{len(names)}"
    names[name] = text
    return f"{{{name}}}"


def _padded(field: FieldLetter) -> str:
    expression = _expression(field.letter, field.count)
    if field.pad:
        value, _, spec = expression.partition(":")
        return f"{{pad(format({value}, '{spec}'), {field.pad})}}"
    return f"{{{expression}}}"


def _expression(letter: str, count: int) -> str:
    """The source that gives one field's text (or number, with a format spec after a colon)."""
    if count == 2 and letter in "Hms":
        return f"TWO[{_NUMBERS[letter]}]"
    if letter in _NUMBERS:
        return f"{_NUMBERS[letter]}" if count == 1 else f"{_NUMBERS[letter]}:0{count}d"
    if letter in "yu":
        return f"year_text(year, {count}, {letter == 'y'})"
    if letter == "S":
        return f"milli * 1000000 // {10 ** (9 - count)}:0{count}d"
    return _TEXTS[letter].format(count=count)


_NUMBERS = {
    "d": "day",
    "H": "hour",
    "k": "(hour or 24)",
    "K": "hour % 12",
    "h": "(hour % 12 or 12)",
    "m": "minute",
    "s": "second",
    "D": "day_of_year(year, month, day)",
    "F": "((day - 1) // 7 + 1)",
    "n": "milli * 1000000",
    "A": "rest",
    "N": "rest * 1000000",
    "w": "week_of_year(days, year)[1]",
    "W": "week_of_month(days, day)",
}
_TEXTS = {
    "Y": "year_text(week_of_year(days, year)[0], {count}, True)",
    "M": "month_text(month, {count})",
    "L": "month_text(month, {count})",
    "Q": "quarter_text(month, {count})",
    "q": "quarter_text(month, {count})",
    "E": "weekday_text(days, {count})",
    "e": "local_weekday_text(days, {count})",
    "c": "local_weekday_text(days, {count})",
    "G": "era_text(year, {count})",
    "a": "('AM' if hour < 12 else 'PM')",
    "B": "day_period(hour)",
    "V": "zone.id",
    "v": "zone_text(zone, ms, {count})",
    "z": "zone_text(zone, ms, {count})",
    "O": "localized_offset(local - ms, {count})",
    "X": "offset(local - ms, {count}, 'Z')",
    "x": "offset(local - ms, {count}, '')",
    "Z": "rfc_offset(local - ms, {count})",
}


def _year_text(year: int, count: int, of_era: bool) -> str:
    if of_era and year <= 0:
        year = 1 - year
    if count == 2:
        return f"{year % 100:02d}"
    sign = "-" if year < 0 else "+" if count >= 4 and abs(year) >= 10**count else ""
    return f"{sign}{abs(year):0{count}d}"


def _month_text(month: int, count: int) -> str:
    if count <= 2:
        return f"{month:0{count}d}"
    return {3: MONTHS[month - 1][:3], 4: MONTHS[month - 1]}.get(count, MONTHS[month - 1][0])


def _quarter_text(month: int, count: int) -> str:
    quarter = (month - 1) // 3 + 1
    if count <= 2:
        return f"{quarter:0{count}d}"
    ordinal = ("1st", "2nd", "3rd", "4th")[quarter - 1]
    return {3: f"Q{quarter}", 4: f"{ordinal} quarter"}.get(count, str(quarter))


def _weekday_name(name: str, count: int) -> str:
    return name if count == 4 else name[0] if count == 5 else name[:3]


def _weekday_text(days: int, count: int) -> str:
    return _weekday_name(WEEKDAYS[civil.weekday_from_days(days) - 1], count)


def _local_weekday_text(days: int, count: int) -> str:
    """Weeks begin on Sunday."""
    if count <= 2:
        return f"{civil.weekday_from_days(days) % 7 + 1:0{count}d}"
    return _weekday_text(days, count)


def _era_text(year: int, count: int) -> str:
    if count == 4:
        return "Anno Domini" if year > 0 else "Before Christ"
    text = "AD" if year > 0 else "BC"
    return text[0] if count == 5 else text


def week_of_year(days: int, year: int) -> tuple[int, int]:
    """The week-based year and its week, weeks beginning on Sunday, the first being the one with January 1."""
    start = _week_start(civil.days_from_civil(year + 1, 1, 1))
    if days >= start:
        return year + 1, 1
    start = _week_start(civil.days_from_civil(year, 1, 1))
    return year, (days - start) // 7 + 1


def _week_start(days: int) -> int:
    return days - civil.weekday_from_days(days) % 7


def _week_of_month(days: int, day: int) -> int:
    return (days - _week_start(days - day + 1)) // 7 + 1


def _day_period(hour: int) -> str:
    for limit, name in ((6, "at night"), (12, "in the morning"), (18, "in the afternoon"), (21, "in the evening")):
        if hour < limit:
            return name
    return "at night"


def _zone_text(zone: Zone, ms: int, count: int) -> str:
    return long_name(zone, ms) if count == 4 else zone.abbreviation(ms)


def _split(offset_ms: int) -> tuple[str, int, int, int]:
    seconds = abs(offset_ms) // 1000
    return ("-" if offset_ms < 0 else "+"), seconds // 3600, seconds // 60 % 60, seconds % 60


def _offset(offset_ms: int, count: int, zero: str) -> str:
    """Letters X (zero is `Z`) and x."""
    if offset_ms == 0 and zero:
        return zero
    sign, hours, minutes, seconds = _split(offset_ms)
    if count == 1:
        return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")
    colon = ":" if count in (3, 5) else ""
    text = f"{sign}{hours:02d}{colon}{minutes:02d}"
    return f"{text}{colon}{seconds:02d}" if count >= 4 and seconds else text


def _localized_offset(offset_ms: int, count: int) -> str:
    if offset_ms == 0:
        return "GMT"
    sign, hours, minutes, _ = _split(offset_ms)
    if count == 4:
        return f"GMT{sign}{hours:02d}:{minutes:02d}"
    return f"GMT{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


def _rfc_offset(offset_ms: int, count: int) -> str:
    """Letter Z."""
    if count == 4:
        return _localized_offset(offset_ms, 4)
    return _offset(offset_ms, 5, "Z") if count == 5 else _offset(offset_ms, 2, "")


def _pad(value: object, width: int) -> str:
    text = str(value)
    if len(text) > width:
        raise FunctionError(f"Cannot print '{text}': it is longer than the {width} characters it is padded to")
    return text.rjust(width)


_NAMES: dict[str, object] = {
    "TWO": tuple(f"{i:02d}" for i in range(60)),
    "lru_cache": lru_cache,
    "UTC_ZONE": UTC_ZONE,
    "civil_from_days": civil.civil_from_days,
    "day_of_year": civil.day_of_year,
    "year_text": _year_text,
    "month_text": _month_text,
    "quarter_text": _quarter_text,
    "weekday_text": _weekday_text,
    "local_weekday_text": _local_weekday_text,
    "era_text": _era_text,
    "week_of_year": week_of_year,
    "week_of_month": _week_of_month,
    "day_period": _day_period,
    "zone_text": _zone_text,
    "offset": _offset,
    "offset_text": offset_text,
    "localized_offset": _localized_offset,
    "rfc_offset": _rfc_offset,
    "pad": _pad,
}
