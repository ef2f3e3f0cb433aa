"""Functions on DATE, TIME and TIMESTAMP, with Java's patterns; without a zone they mean GMT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from headwater.core.clock import Clock
from headwater.core.javatext import wrap_long
from headwater.core.types import STRING
from headwater.plan.civil import DAY_MS
from headwater.plan.datetime import Parsed, Zone, compile_formatter, compile_parser, system_zone, zone_of
from headwater.plan.datetime.formatting import UTC_ZONE
from headwater.plan.datetime.patterns import DATE_LETTERS
from headwater.plan.datetime.simple_dates import compile_date_parser
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import Bigint, Date, Int, Prepared, RequiredInt, Time, Timestamp
from headwater.sql.ast import TimeUnit

_TIME = "DATE / TIME"
ZoneId = Annotated[Zone, STRING, Prepared(zone_of)]
Format = Annotated[Callable[..., str], STRING, Prepared(compile_formatter)]
DateFormat = Annotated[Callable[..., str], STRING, Prepared(lambda text: compile_formatter(text, allowed="date"))]
TimeFormat = Annotated[Callable[..., str], STRING, Prepared(lambda text: compile_formatter(text, allowed="time"))]
Parser = Annotated[Callable[[str], Parsed], STRING, Prepared(compile_parser)]
_DATE_LETTERS = "".join(DATE_LETTERS)
TimeParser = Annotated[
    Callable[[str], Parsed], STRING, Prepared(lambda text: compile_parser(text, forbidden=_DATE_LETTERS))
]
DateParser = Annotated[Callable[[str], int], STRING, Prepared(compile_date_parser)]


@udf("CONVERT_TZ", category=_TIME, description="A timestamp moved from one time zone to another")
def convert_tz(moment: Timestamp, source: ZoneId, target: ZoneId) -> Timestamp:
    return moment + target.offset_at(moment) - source.offset_at(moment)


@udf("DATEADD", category=_TIME, description="A date moved forward by an interval")
def dateadd(unit: TimeUnit, amount: Int, date: Date) -> Date:
    return (date * DAY_MS + amount * unit.value) // DAY_MS


@udf("DATESUB", category=_TIME, description="A date moved back by an interval")
def datesub(unit: TimeUnit, amount: Int, date: Date) -> Date:
    return (date * DAY_MS - amount * unit.value) // DAY_MS


@udf("TIMEADD", category=_TIME, description="A time of day moved forward by an interval")
def timeadd(unit: TimeUnit, amount: Int, time: Time) -> Time:
    return (time + amount * unit.value) % DAY_MS


@udf("TIMESUB", category=_TIME, description="A time of day moved back by an interval")
def timesub(unit: TimeUnit, amount: Int, time: Time) -> Time:
    return (time - amount * unit.value) % DAY_MS


@udf("TIMESTAMPADD", category=_TIME, description="A timestamp moved forward by an interval")
def timestampadd(unit: TimeUnit, amount: Int, moment: Timestamp) -> Timestamp:
    return wrap_long(moment + amount * unit.value)


@udf("TIMESTAMPSUB", category=_TIME, description="A timestamp moved back by an interval")
def timestampsub(unit: TimeUnit, amount: Int, moment: Timestamp) -> Timestamp:
    return wrap_long(moment - amount * unit.value)


@udf("FORMAT_DATE", category=_TIME, description="A date as text, by a pattern")
def format_date(date: Date, pattern: DateFormat) -> str:
    return pattern(date * DAY_MS)


@udf("FORMAT_TIME", category=_TIME, description="A time of day as text, by a pattern")
def format_time(time: Time, pattern: TimeFormat) -> str:
    return pattern(time)


@udf(
    "FORMAT_TIMESTAMP",
    category=_TIME,
    description="A timestamp as text, by a pattern, in GMT or a time zone",
    inline="{1}({0})",
)
def format_timestamp(moment: Timestamp, pattern: Format) -> str:
    return pattern(moment)


@udf("FORMAT_TIMESTAMP", category=_TIME, inline="{1}({0}, {2})")
def format_timestamp_in(moment: Timestamp, pattern: Format, zone: ZoneId) -> str:
    return pattern(moment, zone)


@udf("PARSE_DATE", category=_TIME, description="A date from text, by a pattern of SimpleDateFormat", inline="{1}({0})")
def parse_date(text: str, pattern: DateParser) -> Date:
    return pattern(text)


@udf("PARSE_TIME", category=_TIME, description="A time of day from text, by a pattern")
def parse_time(text: str, pattern: TimeParser) -> Time:
    return pattern(text).time(complete=True)


@udf("PARSE_TIMESTAMP", category=_TIME, description="A timestamp from text, by a pattern, in GMT or a time zone")
def parse_timestamp(text: str, pattern: Parser) -> Timestamp:
    return pattern(text).timestamp(UTC_ZONE)


@udf("PARSE_TIMESTAMP", category=_TIME)
def parse_timestamp_in(text: str, pattern: Parser, zone: ZoneId) -> Timestamp:
    return pattern(text).timestamp(zone)


@udf("FROM_DAYS", category=_TIME, description="The date that many days after 1970-01-01", inline="{0}")
def from_days(days: RequiredInt) -> Date:
    return days


@udf("FROM_UNIXTIME", category=_TIME, description="The timestamp that many ms after 1970-01-01", inline="{0}")
def from_unixtime(ms: Bigint) -> Timestamp:
    return ms


@udf("UNIX_DATE", category=_TIME, description="Days since 1970-01-01, of today or of a date")
def unix_date_today(*, clock: Clock) -> Int:
    now = clock.now_ms()
    return (now + system_zone().offset_at(now)) // DAY_MS


@udf("UNIX_DATE", category=_TIME, inline="{0}")
def unix_date(date: Date) -> Int:
    return date


@udf("UNIX_TIMESTAMP", category=_TIME, description="Ms since 1970-01-01, of now or of a timestamp")
def unix_timestamp_now(*, clock: Clock) -> Bigint:
    return clock.now_ms()


@udf("UNIX_TIMESTAMP", category=_TIME, inline="{0}")
def unix_timestamp(moment: Timestamp) -> Bigint:
    return moment
