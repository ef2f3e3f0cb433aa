"""PostgreSQL's text forms of dates, times and intervals, read into the numbers and texts that Debezium uses for them.

The session has DateStyle ISO, TimeZone UTC and IntervalStyle iso_8601 (`connection.py`), so there is one form of each.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from headwater.core.errors import DataError

DAY_US = 86_400_000_000
INFINITY_US, MINUS_INFINITY_US = 9223372036825200000, -9223372036832400000
"""What Debezium gives for a timestamp that is infinity: the largest and smallest its driver knows."""
INFINITY_DAYS, MINUS_INFINITY_DAYS = 2**31 - 1, -(2**31)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_AVERAGE_MONTH_DAYS = 365.25 / 12

_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_ZONE = re.compile(r"([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$")
_INTERVAL = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?"
    r"(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,6}))?S)?)?$"
)


@lru_cache(maxsize=4096)
def days(text: str) -> int:
    """Days since 1970-01-01 of `2024-02-29`, of a year beyond 9999 or one `BC`, in the proleptic Gregorian calendar."""
    if len(text) == 10:
        try:
            return date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL
        except ValueError:
            pass  # a year that Python's dates do not have: computed below
    if text == "infinity":
        return INFINITY_DAYS
    if text == "-infinity":
        return MINUS_INFINITY_DAYS
    year, month, day = (int(part) for part in text.removesuffix(" BC").split("-"))
    if text.endswith(" BC"):
        year = 1 - year
    # 400 years are always as many days: move into the years that `date` knows.
    cycles, year = divmod(year - 1, 400)
    return date(year + 1, month, day).toordinal() - _EPOCH_ORDINAL + cycles * 146_097


def time_us(text: str) -> int:
    """Microseconds since midnight of `12:34:56.789`; 24:00:00 is a whole day."""
    match = _TIME.match(text)
    if match is None:
        raise DataError(f"not a time of PostgreSQL: {text!r}")
    hours, minutes, seconds, fraction = match.groups()
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1_000_000 + _micros(fraction)


def timestamp_us(text: str) -> int:
    """Microseconds since 1970 of `2024-02-29 12:34:56.789`, with or without `+00`; and of infinity."""
    day, _, rest = text.partition(" ")
    if not rest:
        return INFINITY_US if day == "infinity" else MINUS_INFINITY_US
    if rest.endswith(" BC"):
        day += " BC"
    return days(day) * DAY_US + time_us(rest)


def timestamp_iso(text: str, digits: int) -> str:
    """`2024-02-29T12:34:56.789000Z`: in UTC with so many fraction digits. Infinity stays a word."""
    day, _, rest = text.partition(" ")
    if not rest:
        return day
    rest = rest.partition("+")[0].removesuffix(" BC")
    if text.endswith(" BC"):
        year, month, number = day.split("-")
        day = f"-{int(year) - 1:04d}-{month}-{number}" if int(year) > 1 else f"0000-{month}-{number}"
    whole, _, fraction = rest.partition(".")
    return f"{day}T{whole}.{fraction.ljust(digits, '0')}Z" if digits else f"{day}T{whole}Z"


def zoned_time(text: str) -> str:
    """`10:34:56.789Z` of `12:34:56.789+02`: the same moment in UTC, no needless zeros."""
    micros = time_us(text)
    zone = _ZONE.search(text)
    if zone is not None:
        sign, hours, minutes, seconds = zone.groups()
        ahead = (int(hours) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
        micros -= (ahead if sign == "+" else -ahead) * 1_000_000
    return time_iso(micros) + "Z"


def time_iso(micros: int) -> str:
    """`12:34:56.789` of microseconds since midnight; what is beyond a day counts from its next midnight."""
    seconds, fraction = divmod(micros % DAY_US, 1_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def interval_us(text: str) -> int:
    """Microseconds of `P1Y2M3DT4H5M6.789S`; a month is 365.25/12 days, as Debezium has it."""
    years, months, weeks_days, micros = _interval(text)
    return int(((years * 12 + months) * _AVERAGE_MONTH_DAYS + weeks_days) * DAY_US) + micros


def interval_iso(text: str) -> str:
    """The interval with every part named: `P1Y2M3DT4H5M6.789S`, `P0Y0M0DT0H0M0S`."""
    years, months, number, micros = _interval(text)
    sign = -1 if micros < 0 else 1
    seconds, fraction = divmod(abs(micros), 1_000_000)
    hours, minutes, seconds = seconds // 3600 * sign, seconds // 60 % 60 * sign, seconds % 60
    shown = f"{'-' if sign < 0 and (seconds or fraction) else ''}{seconds}"
    shown += f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"P{years}Y{months}M{number}DT{hours}H{minutes}M{shown}S"


def _interval(text: str) -> tuple[int, int, int, int]:
    match = _INTERVAL.match(text)
    if match is None:
        raise DataError(f"not an interval of PostgreSQL in IntervalStyle iso_8601: {text!r}")
    years, months, weeks, number, hours, minutes, sign, seconds, fraction = match.groups()
    micros = int(seconds or 0) * 1_000_000 + _micros(fraction)
    micros = (int(hours or 0) * 60 + int(minutes or 0)) * 60_000_000 + (-micros if sign else micros)
    return int(years or 0), int(months or 0), int(weeks or 0) * 7 + int(number or 0), micros


def _micros(fraction: str | None) -> int:
    return int(fraction.ljust(6, "0")) if fraction else 0
