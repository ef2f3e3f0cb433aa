"""BSON as JSON, in the three ways of MongoDB's connector (`output.json.formatter`)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_PACKAGE = "com.mongodb.kafka.connect.source.json.formatter."
DEFAULT, EXTENDED, SIMPLIFIED = (f"{_PACKAGE}{name}" for name in ("DefaultJson", "ExtendedJson", "SimplifiedJson"))

ToPlain = Callable[[Any], Any]
"""A document to what `json.dumps` takes."""


def to_plain(formatter: str) -> ToPlain:
    """The function of a formatter: numbers of 64 bits are objects with `$numberLong` in all but the simplified one."""
    if formatter == SIMPLIFIED:
        return _simplified
    from bson import json_util

    options = json_util.LEGACY_JSON_OPTIONS if formatter == DEFAULT else json_util.CANONICAL_JSON_OPTIONS
    if formatter == DEFAULT:
        options = options.with_options(strict_number_long=True)
    return lambda document: json.loads(json_util.dumps(document, json_options=options))


def _simplified(value: Any) -> Any:
    from bson import Decimal128, Int64, ObjectId, Timestamp

    match value:
        case Mapping():
            return {str(name): _simplified(one) for name, one in value.items()}
        case ObjectId() | Decimal128() | Decimal():
            return str(value)
        case Int64():
            return int(value)
        case Timestamp():
            return value.time * 1000
        case datetime():
            aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case bytes():
            return base64.b64encode(value).decode()
        case str() | bool() | int() | float() | None:
            return value
        case Sequence():
            return [_simplified(one) for one in value]
    return str(value)
