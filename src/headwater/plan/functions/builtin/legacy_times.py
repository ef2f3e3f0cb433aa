"""Functions from before there were DATE and TIMESTAMP: numbers to text and back, in the server's time zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from headwater.core.types import STRING
from headwater.plan.civil import DAY_MS
from headwater.plan.datetime import Parsed, Zone, compile_formatter, compile_parser, system_zone, zone_of
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import REQUIRED, Bigint, Int, Prepared, RequiredBigint, RequiredInt

_TIME = "DATE / TIME"
_Zone = Annotated[Zone, STRING, Prepared(zone_of)]
_Format = Annotated[Callable[..., str], STRING, Prepared(compile_formatter)]
_DateFormat = Annotated[Callable[..., str], STRING, Prepared(lambda text: compile_formatter(text, allowed="date"))]
_RequiredText = Annotated[str, REQUIRED]
_RequiredParser = Annotated[Callable[[str], Parsed], STRING, REQUIRED, Prepared(compile_parser)]
_RequiredZone = Annotated[Zone, STRING, REQUIRED, Prepared(zone_of)]


@udf("DATETOSTRING", category=_TIME, description="Days since 1970-01-01 as text, by a pattern")
def datetostring(days: RequiredInt, pattern: _DateFormat) -> str:
    return pattern(days * DAY_MS)


@udf("STRINGTODATE", category=_TIME, description="Days since 1970-01-01 from text, by a pattern")
def stringtodate(text: _RequiredText, pattern: _RequiredParser) -> Int:
    return pattern(text).date(complete=True)


@udf("TIMESTAMPTOSTRING", category=_TIME, description="Ms since 1970-01-01 as text, by a pattern")
def timestamptostring(ms: RequiredBigint, pattern: _Format) -> str:
    return pattern(ms, system_zone())


@udf("TIMESTAMPTOSTRING", category=_TIME)
def timestamptostring_in(ms: RequiredBigint, pattern: _Format, zone: _Zone) -> str:
    return pattern(ms, zone)


@udf("STRINGTOTIMESTAMP", category=_TIME, description="Ms since 1970-01-01 from text, by a pattern")
def stringtotimestamp(text: _RequiredText, pattern: _RequiredParser) -> Bigint:
    return pattern(text).timestamp(system_zone())


@udf("STRINGTOTIMESTAMP", category=_TIME)
def stringtotimestamp_in(text: _RequiredText, pattern: _RequiredParser, zone: _RequiredZone) -> Bigint:
    return pattern(text).timestamp(zone)
