"""The capability matrix (section 1 of the format rules) and how a side of a topic is wrapped (section 2)."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.core.schema import Column
from headwater.formats.api import Capabilities, SerdeOptions

DELIMITER = "DELIMITER"
SCHEMA_FULL_NAME = "SCHEMA_FULL_NAME"
AVRO_SCHEMA_FULL_NAME = "AVRO_SCHEMA_FULL_NAME"
SCHEMA_ID = "SCHEMA_ID"
NULLABLE = "PROTOBUF_NULLABLE_REPRESENTATION"

_NAMED = frozenset({SCHEMA_FULL_NAME, SCHEMA_ID})


def _row(
    name: str,
    *,
    multi_column_key: bool = True,
    registry: bool = False,
    can_wrap: bool = True,
    can_unwrap: bool = True,
    nested: bool = True,
    properties: frozenset[str] = frozenset(),
) -> Capabilities:
    return Capabilities(
        name=name,
        key=True,
        value=True,
        multi_column_key=multi_column_key,
        needs_registry=registry,
        infers_schema=registry,
        can_wrap=can_wrap,
        can_unwrap=can_unwrap,
        nested=nested,
        properties=properties,
    )


MATRIX: dict[str, Capabilities] = {
    row.name: row
    for row in (
        _row("NONE", multi_column_key=False, can_wrap=False, can_unwrap=False, nested=False),
        _row("KAFKA", multi_column_key=False, can_wrap=False, nested=False),
        _row("DELIMITED", can_wrap=False, nested=False, properties=frozenset({DELIMITER})),
        _row("JSON"),
        _row("JSON_SR", registry=True, properties=_NAMED),
        _row("AVRO", registry=True, properties=_NAMED | {AVRO_SCHEMA_FULL_NAME}),
        _row("PROTOBUF", registry=True, can_unwrap=False, properties=_NAMED | {NULLABLE}),
        _row("PROTOBUF_NOSR", properties=frozenset({NULLABLE})),
    )
}
"""One row per format."""


def is_wrapped(capabilities: Capabilities, columns: Sequence[Column], options: SerdeOptions) -> bool:
    """Whether this side is written as a record of its columns rather than as one bare value."""
    if len(columns) != 1 or capabilities.name in ("PROTOBUF", "PROTOBUF_NOSR"):
        return True
    if options.is_key:
        return not capabilities.can_unwrap
    return capabilities.can_wrap if options.wrap is None else options.wrap


def value_wrapping(
    capabilities: Capabilities, columns: Sequence[Column], explicit: bool | None, default: bool | None
) -> bool | None:
    """The `wrap` of the options of a value: the statement's WRAP_SINGLE_VALUE, else the server's default
    (`ksql.persistence.wrap.single.values`) where the format and the number of columns allow it."""
    if explicit is not None or default is None or len(columns) != 1:
        return explicit
    return default if (capabilities.can_wrap if default else capabilities.can_unwrap) else None
