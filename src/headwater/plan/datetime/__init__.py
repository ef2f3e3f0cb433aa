"""Java's date and time patterns and zone ids: what SQL functions and TIMESTAMP_FORMAT are written in."""

from headwater.plan.datetime.formatting import compile_formatter
from headwater.plan.datetime.parsing import Parsed, compile_parser, timestamp_parser
from headwater.plan.datetime.zones import Zone, system_zone, zone_of

__all__ = [
    "Parsed",
    "Zone",
    "compile_formatter",
    "compile_parser",
    "system_zone",
    "timestamp_parser",
    "zone_of",
]
