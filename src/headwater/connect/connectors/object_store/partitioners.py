"""Which folder of the store a record goes to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.errors import ConnectError
from headwater.connect.record import SinkRecord
from headwater.core.errors import DataError, HeadwaterError
from headwater.plan.datetime import compile_formatter, zone_of

Partition = Callable[[SinkRecord, int], str]
"""(record, time now in ms) to the folder beneath the topic's."""
_DAILY = "'year'=yyyy/'month'=MM/'day'=dd"
_FORMATS = {"HourlyPartitioner": f"{_DAILY}/'hour'=HH", "DailyPartitioner": _DAILY}
_KINDS = ("DefaultPartitioner", "FieldPartitioner", "TimeBasedPartitioner", *_FORMATS)


def _known(value: str) -> str | None:
    return None if value.rpartition(".")[2] in _KINDS else f"must be one of {', '.join(_KINDS)}"


KEYS = ConfigDef(
    Key("partitioner.class", Type.STRING, "Which folder a record goes to.", default="DefaultPartitioner",
        validator=_known),
    Key("partition.field.name", Type.LIST, "Fields of the FieldPartitioner.", default=()),
    Key("path.format", Type.STRING, "Folders of the TimeBasedPartitioner, in Java's date pattern.",
        default=f"{_DAILY}/'hour'=HH"),
    Key("partition.duration.ms", Type.LONG, "Length of a folder's time, in ms.", default=-1),
    Key("timezone", Type.STRING, "Zone of the times.", default="UTC"),
    Key("timestamp.extractor", Type.STRING, "Where a record's time comes from.", default="Wallclock",
        choices=("Wallclock", "Record", "RecordField")),
    Key("timestamp.field", Type.STRING, "Field of the RecordField extractor.", default="timestamp"),
    ignored=("locale",),
)  # fmt: skip


def time_of(config: Config) -> Callable[[SinkRecord, int], int]:
    """The time of a record in ms, by `timestamp.extractor`. The function raises `DataError`."""
    field = config.text("timestamp.field")

    def from_field(record: SinkRecord, now: int) -> int:
        found = record.value.get(field) if isinstance(record.value, dict) else None
        if isinstance(found, datetime):
            return s.ms_of_timestamp(found)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        try:
            return s.ms_of_timestamp(datetime.fromisoformat(str(found)))
        except (TypeError, ValueError):
            raise DataError(f"The field {field} is no time: {found!r}") from None

    extractor = config.text("timestamp.extractor")
    if extractor == "RecordField":
        return from_field
    if extractor == "Record":
        return lambda record, now: now if record.timestamp_ms is None else record.timestamp_ms
    return lambda record, now: now


def partitioner(config: Config) -> Partition:
    """The function that a configuration describes. Raises `ConnectError`."""
    kind = config.text("partitioner.class").rpartition(".")[2]
    if kind == "DefaultPartitioner":
        return lambda record, now: f"partition={record.partition}"
    if kind == "FieldPartitioner":
        fields = config.texts("partition.field.name")
        if not fields:
            raise ConnectError("FieldPartitioner needs partition.field.name")
        return lambda record, now: "/".join(f"{name}={_text(record, name)}" for name in fields)
    try:
        pattern = _FORMATS.get(kind, config.text("path.format")).replace("YYYY", "yyyy")
        write: Any = compile_formatter(pattern)
        zone = zone_of(config.text("timezone"))
    except HeadwaterError as error:
        raise ConnectError(f"path.format or timezone is wrong: {error}") from None
    moment = time_of(config)
    duration = config.integer("partition.duration.ms") if kind == "TimeBasedPartitioner" else -1

    def by_time(record: SinkRecord, now: int) -> str:
        ms = moment(record, now)
        return str(write(ms - ms % duration if duration > 0 else ms, zone))

    return by_time


def _text(record: SinkRecord, name: str) -> str:
    found = record.value
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    if found is None:
        raise DataError(f"The field {name}, which decides about the folder, is missing or null")
    text = str(found).lower() if isinstance(found, bool) else str(found)
    return text.replace("/", "_")
