"""Dates, times of day and timestamps as numbers and as ISO text (semantics, section 6, text forms).

Days count from 1970-01-01, times in ms since midnight, timestamps in ms since the epoch, UTC. The calendar is the
proleptic Gregorian one, for any year.
"""

from __future__ import annotations

import re
from functools import lru_cache

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_DAYS_IN_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_DATE = r"(?P<year>[+-]?[0-9]{4,9})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"
_TIME = r"(?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
_ZONE = r"(?P<zone>Z|z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)"
_DATE_RE = re.compile(rf"{_DATE}\Z")
_TIME_RE = re.compile(rf"{_TIME}\Z")
_TIMESTAMP_RE = re.compile(rf"{_DATE}(?:[T ](?:{_TIME})?)?\s*{_ZONE}?\Z")


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    return 29 if month == 2 and is_leap(year) else _DAYS_IN_MONTH[month - 1]


def day_of_year(year: int, month: int, day: int) -> int:
    """1 for the first of January."""
    return _DAYS_BEFORE_MONTH[month - 1] + day + (1 if month > 2 and is_leap(year) else 0)


@lru_cache(maxsize=4096)
def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. Raises `ValueError` for a date that does not exist.

    >>> days_from_civil(2000, 3, 1)
    11017
    """
    if not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        raise ValueError(f"Invalid date {year:04d}-{month:02d}-{day:02d}")
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400 + day_of_year(year, month, day) - 719_163


@lru_cache(maxsize=4096)
def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month, day.

    >>> civil_from_days(11017)
    (2000, 3, 1)
    """
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return year_of_era + era * 400 + (1 if month <= 2 else 0), month, day


def weekday_from_days(days: int) -> int:
    """1 for Monday to 7 for Sunday."""
    return (days + 3) % 7 + 1


def year_text(year: int) -> str:
    """At least four digits; a sign for years of more digits or before year 0."""
    if 0 <= year <= 9999:
        return f"{year:04d}"
    return f"{'-' if year < 0 else '+'}{abs(year):04d}"


def date_text(days: int) -> str:
    """`yyyy-MM-dd`."""
    year, month, day = civil_from_days(days)
    return f"{year_text(year)}-{month:02d}-{day:02d}"


def time_text(ms: int) -> str:
    """`HH:mm`, or `HH:mm:ss` when the seconds are not 0; ms are dropped."""
    seconds = ms // 1000
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{second:02d}" if second else text


def timestamp_text(ms: int) -> str:
    """`yyyy-MM-ddTHH:mm:ss.SSS`, UTC."""
    days, rest = divmod(ms, DAY_MS)
    year, month, day = civil_from_days(days)
    seconds, millis = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{millis:03d}"
    return f"{year_text(year)}-{month:02d}-{day:02d}T{clock}"


def _days_of(match: re.Match[str]) -> int:
    return days_from_civil(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))


def _ms_of(match: re.Match[str]) -> int:
    hour, minute, second = int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"Invalid time {match[0]}")
    fraction = (match["fraction"] or "").ljust(3, "0")[:3]
    return hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + int(fraction)


def parse_offset(text: str) -> int:
    """The ms east of UTC that `Z`, `+HH`, `+HHmm` or `+HH:mm` mean."""
    if text[0] not in "+-":
        return 0
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:4] or 0)
    if hours > 18 or minutes > 59:
        raise ValueError(f"Invalid zone offset {text}")
    return (hours * HOUR_MS + minutes * MINUTE_MS) * (-1 if text[0] == "-" else 1)


def parse_date(text: str) -> int:
    """`yyyy`, `yyyy-MM` or `yyyy-MM-dd` to days. Raises `ValueError`."""
    match = _DATE_RE.match(text.strip())
    if match is None:
        return _whole_days(text)
    return _days_of(match)


def _whole_days(text: str) -> int:
    """A timestamp at midnight names a date, too."""
    days, rest = divmod(parse_timestamp(text), DAY_MS)
    if rest:
        raise ValueError(f"Failed to parse '{text}' as a date, expected yyyy-MM-dd")
    return days


def parse_time(text: str) -> int:
    """`HH:mm`, `HH:mm:ss` or with a fraction, to ms since midnight. Raises `ValueError`."""
    match = _TIME_RE.match(text.strip())
    if match is None or match["minute"] is None:
        raise ValueError(f"Failed to parse '{text}' as a time, expected HH:mm[:ss[.SSS]]")
    return _ms_of(match)


def parse_timestamp(text: str) -> int:
    """A full or partial ISO timestamp, UTC unless it ends in a zone, to ms since the epoch. Raises `ValueError`."""
    match = _TIMESTAMP_RE.match(text.strip())
    if match is None:
        raise ValueError(f"Failed to parse '{text}' as a timestamp, expected yyyy-MM-dd['T'HH:mm:ss[.SSS]][zone]")
    zone = match["zone"]
    return _days_of(match) * DAY_MS + _ms_of(match) - (parse_offset(zone) if zone else 0)
