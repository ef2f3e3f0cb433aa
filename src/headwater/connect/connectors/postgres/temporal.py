"""Dates, times and intervals in each of Debezium's `time.precision.mode`s."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from headwater.connect.connectors.postgres import times
from headwater.connect.connectors.postgres.mapped import Mapped, named
from headwater.connect.connectors.postgres.options import Options
from headwater.connect.schema import (
    DATE_SCHEMA,
    INT32,
    INT64,
    STRING,
    TIME_SCHEMA,
    TIMESTAMP_SCHEMA,
    ConnectSchema,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Read = Callable[[str], Any]


def mapped(name: str, modifier: int, options: Options) -> Mapped | None:
    """What a type of this name becomes; None where it is none of these."""
    found = _found(name, modifier if 0 <= modifier <= 6 else 6, options)
    if found is None:
        return None
    schema, read, fallback = found
    return Mapped(schema, lambda raw: read(raw.decode()), fallback)


def _found(name: str, digits: int, options: Options) -> tuple[ConnectSchema, Read, Any] | None:
    match name:
        case "date":
            return _date(options.times)
        case "time":
            return _time(options.times, digits)
        case "timestamp":
            return _timestamp(options.times, digits)
        case "timestamptz":
            return _type(STRING, "ZonedTimestamp"), _zoned(digits), "1970-01-01T00:00:00Z"
        case "timetz":
            return _type(STRING, "ZonedTime"), times.zoned_time, "00:00:00Z"
        case "interval" if options.intervals == "string":
            return _type(STRING, "Interval"), times.interval_iso, "P0Y0M0DT0H0M0S"
        case "interval":
            return _type(INT64, "MicroDuration"), times.interval_us, 0
        case _:
            return None


def _type(base: ConnectSchema, name: str) -> ConnectSchema:
    return named(base, f"io.debezium.time.{name}")


def _date(mode: str) -> tuple[ConnectSchema, Read, Any]:
    if mode == "connect":
        return DATE_SCHEMA, _python_date, date(1970, 1, 1)
    if mode == "isostring":
        return _type(STRING, "IsoDate"), lambda text: text + "Z", "1970-01-01Z"
    return _type(INT32, "Date"), times.days, 0


def _time(mode: str, digits: int) -> tuple[ConnectSchema, Read, Any]:
    match mode:
        case "connect":
            return TIME_SCHEMA, _python_time, time()
        case "isostring":
            return _type(STRING, "IsoTime"), lambda text: times.time_iso(times.time_us(text)) + "Z", "00:00:00Z"
        case "nanoseconds":
            return _type(INT64, "NanoTime"), lambda text: times.time_us(text) * 1000, 0
        case "adaptive" if digits <= 3:
            return _type(INT32, "Time"), lambda text: times.time_us(text) // 1000, 0
        case _:
            return _type(INT64, "MicroTime"), times.time_us, 0


def _timestamp(mode: str, digits: int) -> tuple[ConnectSchema, Read, Any]:
    match mode:
        case "connect":
            return TIMESTAMP_SCHEMA, _python_timestamp, _EPOCH
        case "isostring":
            return _type(STRING, "IsoTimestamp"), _zoned(digits), "1970-01-01T00:00:00Z"
        case "nanoseconds":
            return _type(INT64, "NanoTimestamp"), _nanos, 0
        case "adaptive" | "adaptive_time_microseconds" if digits <= 3:
            return _type(INT64, "Timestamp"), lambda text: times.timestamp_us(text) // 1000, 0
        case _:
            return _type(INT64, "MicroTimestamp"), times.timestamp_us, 0


def _zoned(digits: int) -> Read:
    return lambda text: times.timestamp_iso(text, digits)


def _nanos(text: str) -> int:
    return max(-(2**63), min(2**63 - 1, times.timestamp_us(text) * 1000))


def _python_date(text: str) -> date:
    """Connect's Date has the years that Python's has: what lies beyond is its first or last day."""
    ordinal = times.days(text) + date(1970, 1, 1).toordinal()
    return date.fromordinal(max(1, min(date.max.toordinal(), ordinal)))


def _python_time(text: str) -> time:
    millis = times.time_us(text) // 1000 % 86_400_000
    return (_EPOCH + timedelta(milliseconds=millis)).time()


def _python_timestamp(text: str) -> datetime:
    millis = times.timestamp_us(text) // 1000
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except OverflowError:
        return (datetime.max if millis > 0 else datetime.min).replace(microsecond=0, tzinfo=UTC)
