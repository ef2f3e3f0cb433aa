"""Time zones by java.time.ZoneId syntax: `UTC`, `GMT+2`, `+01:00`, `Europe/London`."""

from __future__ import annotations

import os
import re
import time
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from pathlib import Path

from headwater.core.errors import FunctionError
from headwater.plan.civil import HOUR_MS, MINUTE_MS

_OFFSET = re.compile(r"([+-])([0-9]{1,2})(?::?([0-9]{2}))?(?::?([0-9]{2}))?\Z")
_PREFIXED = re.compile(r"(UTC|GMT|UT)([+-].+)?\Z")
_FIRST_MS = -62_135_596_800_000  # 0001-01-01
_LAST_MS = 253_402_214_400_000  # 9999-12-31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Zone:
    """A time zone; `fixed_ms` is its offset east of UTC when that never changes."""

    id: str
    info: tzinfo
    fixed_ms: int | None = None

    def offset_at(self, ms: int) -> int:
        """The offset east of UTC, in ms, at an instant (ms since the epoch)."""
        if self.fixed_ms is not None:
            return self.fixed_ms
        return _offset(self._at(ms))

    def offset_of_local(self, local_ms: int) -> int:
        """The offset for a wall clock time, given as ms as if it were UTC.

        A time that occurs twice means the earlier one; one that is skipped moves forward by what is skipped, as in
        java.time.
        """
        if self.fixed_ms is not None:
            return self.fixed_ms
        moment = _LOCAL_EPOCH + timedelta(milliseconds=min(max(local_ms, _FIRST_MS), _LAST_MS))
        return _offset(moment.replace(tzinfo=self.info))

    def abbreviation(self, ms: int) -> str:
        """The short name at an instant, such as `PDT`; the id when the zone has no names."""
        if self.fixed_ms is not None:
            return self.id
        name = self._at(ms).tzname() or self.id
        return self.id if name[:1] in "+-" else name

    def _at(self, ms: int) -> datetime:
        clamped = min(max(ms, _FIRST_MS), _LAST_MS)
        return (_EPOCH + timedelta(milliseconds=clamped)).astimezone(self.info)


def _offset(moment: datetime) -> int:
    return round((moment.utcoffset() or timedelta()).total_seconds() * 1000)


def offset_text(offset_ms: int) -> str:
    """`Z`, `+01:00` or `+01:00:30`, as java.time prints an offset."""
    if offset_ms == 0:
        return "Z"
    seconds = abs(offset_ms) // 1000
    text = f"{'-' if offset_ms < 0 else '+'}{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return f"{text}:{seconds % 60:02d}" if seconds % 60 else text


def fixed_zone(offset_ms: int, name: str | None = None) -> Zone:
    """The zone that is always that far east of UTC."""
    return Zone(name or offset_text(offset_ms), timezone(timedelta(milliseconds=offset_ms)), offset_ms)


def _parse_offset(text: str) -> int | None:
    match = _OFFSET.match(text)
    if match is None:
        return None
    sign, hours, minutes, seconds = match.groups()
    total = int(hours) * HOUR_MS + int(minutes or 0) * MINUTE_MS + int(seconds or 0) * 1000
    if total > 18 * HOUR_MS or int(minutes or 0) > 59 or int(seconds or 0) > 59:
        return None
    return -total if sign == "-" else total


@lru_cache(maxsize=1000)
def zone_of(zone_id: str) -> Zone:
    """The zone with an id. Raises `FunctionError` for an unknown one."""
    if zone_id == "Z":
        return fixed_zone(0)
    offset = _parse_offset(zone_id)
    if offset is not None:
        return fixed_zone(offset)
    prefixed = _PREFIXED.match(zone_id)
    if prefixed:
        offset = _parse_offset(prefixed[2]) if prefixed[2] else 0
        if offset is not None:
            return fixed_zone(offset, prefixed[1] + (offset_text(offset) if offset else ""))
    try:
        return Zone(zone_id, zoneinfo.ZoneInfo(zone_id))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise FunctionError(
            f"Unknown time-zone ID: {zone_id}. Use a name such as Europe/London or an offset such as +01:00."
        ) from error


_ABBREVIATIONS = {
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PT": "America/Los_Angeles",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "MT": "America/Denver",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CT": "America/Chicago",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "ET": "America/New_York",
    "AKST": "America/Anchorage",
    "AKDT": "America/Anchorage",
    "HST": "Pacific/Honolulu",
    "WET": "Europe/Lisbon",
    "WEST": "Europe/Lisbon",
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "EET": "Europe/Bucharest",
    "EEST": "Europe/Bucharest",
    "MSK": "Europe/Moscow",
    "BST": "Europe/London",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "HKT": "Asia/Hong_Kong",
    "SGT": "Asia/Singapore",
    "AEST": "Australia/Sydney",
    "AEDT": "Australia/Sydney",
    "ACST": "Australia/Adelaide",
    "AWST": "Australia/Perth",
    "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland",
    "PACIFIC STANDARD TIME": "America/Los_Angeles",
    "PACIFIC DAYLIGHT TIME": "America/Los_Angeles",
    "MOUNTAIN STANDARD TIME": "America/Denver",
    "CENTRAL STANDARD TIME": "America/Chicago",
    "EASTERN STANDARD TIME": "America/New_York",
    "EASTERN DAYLIGHT TIME": "America/New_York",
    "GREENWICH MEAN TIME": "GMT",
    "CENTRAL EUROPEAN STANDARD TIME": "Europe/Paris",
    "CENTRAL EUROPEAN SUMMER TIME": "Europe/Paris",
    "COORDINATED UNIVERSAL TIME": "UTC",
}
_LONG_NAMES = {
    "UTC": "Coordinated Universal Time",
    "GMT": "Greenwich Mean Time",
    "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time",
    "MST": "Mountain Standard Time",
    "MDT": "Mountain Daylight Time",
    "CST": "Central Standard Time",
    "CDT": "Central Daylight Time",
    "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time",
    "CET": "Central European Standard Time",
    "CEST": "Central European Summer Time",
    "EET": "Eastern European Standard Time",
    "EEST": "Eastern European Summer Time",
    "BST": "British Summer Time",
    "JST": "Japan Standard Time",
    "IST": "India Standard Time",
}


def zone_by_name(name: str) -> Zone:
    """The zone meant by a name in data: an abbreviation or long name (whatever daylight saving it claims), or an id."""
    known = _ABBREVIATIONS.get(name.upper())
    if known is not None:
        return zone_of(known)
    upper = name.upper()
    return zone_of(upper if _PREFIXED.match(upper) or upper == "Z" else name)


def long_name(zone: Zone, ms: int) -> str:
    """The long name at an instant where this module knows it, else the short one."""
    short = zone.abbreviation(ms)
    return _LONG_NAMES.get(short, short)


@lru_cache(maxsize=1)
def system_zone() -> Zone:
    """The zone of this machine: TZ, /etc/localtime, else the fixed offset of now."""
    name = os.environ.get("TZ", "").lstrip(":")
    if not name:
        target = str(Path("/etc/localtime").resolve())
        name = target.partition("zoneinfo/")[2]
    if name:
        try:
            return zone_of(name)
        except FunctionError:
            pass  # fall through to what the C library says
    return fixed_zone(-time.timezone * 1000)
