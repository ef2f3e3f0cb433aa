"""The WITH clause: which properties exist, where they may stand, what they hold (statements section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TypeVar

from headwater.core.errors import AnalysisError
from headwater.formats.checks import delimiter
from headwater.plan.steps import WindowInfo
from headwater.sql.ast import (
    BigintLiteral,
    BooleanLiteral,
    DecimalLiteral,
    DoubleLiteral,
    Expression,
    IntegerLiteral,
    Property,
    StringLiteral,
    TimeUnit,
    WindowKind,
)


class Where(Flag):
    """The statements whose WITH clause knows a property."""

    CREATE = auto()
    CREATE_AS = auto()
    INSERT = auto()


_T = TypeVar("_T")
_BOTH = Where.CREATE | Where.CREATE_AS
_INT_MAX, _SHORT_MAX, _LONG_MAX = 2**31 - 1, 2**15 - 1, 2**63 - 1


@dataclass(frozen=True)
class SourceProperties:
    """A checked WITH clause. `key_format`/`value_format` are upper-case names; FORMAT has been spread over both.

    `key_properties`/`value_properties` are format properties by name without the KEY_/VALUE_ prefix.
    """

    topic: str | None = None
    partitions: int | None = None
    replicas: int | None = None
    retention_ms: int | None = None
    key_format: str | None = None
    value_format: str | None = None
    wrap: bool | None = None
    timestamp: str | None = None
    timestamp_format: str | None = None
    window: WindowInfo | None = None
    key_properties: Mapping[str, str] = field(default_factory=dict)
    value_properties: Mapping[str, str] = field(default_factory=dict)
    key_schema_id: int | None = None
    value_schema_id: int | None = None
    query_id: str | None = None


def _text(name: str, value: Expression) -> str:
    if isinstance(value, StringLiteral):
        return value.value
    if isinstance(value, BooleanLiteral):
        return "true" if value.value else "false"
    if isinstance(value, IntegerLiteral | BigintLiteral | DecimalLiteral | DoubleLiteral):
        return str(value.value)
    raise AnalysisError(f"Invalid value for property {name}: NULL is not allowed.", value.position)


def _non_empty(name: str, value: Expression) -> str:
    text = _text(name, value)
    if not text.strip():
        raise AnalysisError(f"Invalid value for property {name}: it must not be empty.", value.position)
    return text


def _integer(maximum: int, minimum: int) -> Callable[[str, Expression], int]:
    def parse(name: str, value: Expression) -> int:
        text = _text(name, value).strip()
        try:
            number = int(text)
        except ValueError:
            raise AnalysisError(
                f"Invalid value '{text}' for property {name}: a whole number is expected.", value.position
            ) from None
        if not minimum <= number <= maximum:
            raise AnalysisError(
                f"Invalid value {number} for property {name}: it must be between {minimum} and {maximum}.",
                value.position,
            )
        return number

    return parse


def _boolean(name: str, value: Expression) -> bool:
    text = _text(name, value).strip().lower()
    if text not in ("true", "false"):
        raise AnalysisError(f"Invalid value '{text}' for property {name}: true or false is expected.", value.position)
    return text == "true"


def _delimiter(name: str, value: Expression) -> str:
    text = _text(name, value)
    delimiter(text, name)
    return text.upper() if len(text) > 1 else text


def _nullable_representation(name: str, value: Expression) -> str:
    text = _text(name, value).upper()
    if text not in ("OPTIONAL", "WRAPPER"):
        raise AnalysisError(
            f"Invalid value '{text}' for property {name}: OPTIONAL or WRAPPER is expected.", value.position
        )
    return text


def _window_type(name: str, value: Expression) -> str:
    text = _text(name, value).upper()
    if text not in WindowKind.__members__:
        kinds = ", ".join(WindowKind.__members__)
        raise AnalysisError(f"Configuration {name} is invalid: '{text}' is not one of {kinds}.", value.position)
    return text


def _window_size(name: str, value: Expression) -> str:
    return str(parse_duration(_text(name, value), name))


def parse_duration(text: str, name: str) -> int:
    """`'30 SECONDS'` in ms. Raises AnalysisError naming the property and what is wrong."""
    parts = text.split()
    problem = None
    if len(parts) != 2:
        problem = "Expected format is '<number> <time unit>', for example '10 SECONDS'."
    elif not parts[0].isdigit():
        problem = f"Not a whole number: '{parts[0]}'"
    else:
        unit = parts[1].upper()
        member = TimeUnit.__members__.get(unit) or TimeUnit.__members__.get(unit + "S")
        if member is not None:
            return int(parts[0]) * member.value
        problem = f"Unknown time unit: '{unit}'"
    raise AnalysisError(f"Configuration {name} is invalid: Invalid duration: '{text}'. {problem}")


@dataclass(frozen=True)
class _Declaration:
    where: Where
    parse: Callable[[str, Expression], object]


PROPERTIES: dict[str, _Declaration] = {
    "KAFKA_TOPIC": _Declaration(_BOTH, _non_empty),
    "PARTITIONS": _Declaration(_BOTH, _integer(_INT_MAX, 1)),
    "REPLICAS": _Declaration(_BOTH, _integer(_SHORT_MAX, -1)),
    "RETENTION_MS": _Declaration(_BOTH, _integer(_LONG_MAX, -1)),
    "KEY_FORMAT": _Declaration(_BOTH, _non_empty),
    "VALUE_FORMAT": _Declaration(_BOTH, _non_empty),
    "FORMAT": _Declaration(_BOTH, _non_empty),
    "KEY_DELIMITER": _Declaration(_BOTH, _delimiter),
    "VALUE_DELIMITER": _Declaration(_BOTH, _delimiter),
    "WRAP_SINGLE_VALUE": _Declaration(_BOTH, _boolean),
    "TIMESTAMP": _Declaration(_BOTH, _non_empty),
    "TIMESTAMP_FORMAT": _Declaration(_BOTH, _non_empty),
    "WINDOW_TYPE": _Declaration(Where.CREATE, _window_type),
    "WINDOW_SIZE": _Declaration(Where.CREATE, _window_size),
    "KEY_SCHEMA_ID": _Declaration(_BOTH, _integer(_INT_MAX, 0)),
    "VALUE_SCHEMA_ID": _Declaration(_BOTH, _integer(_INT_MAX, 0)),
    "KEY_SCHEMA_FULL_NAME": _Declaration(_BOTH, _text),
    "VALUE_SCHEMA_FULL_NAME": _Declaration(_BOTH, _text),
    "VALUE_AVRO_SCHEMA_FULL_NAME": _Declaration(_BOTH, _text),
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION": _Declaration(_BOTH, _nullable_representation),
    "VALUE_PROTOBUF_NULLABLE_REPRESENTATION": _Declaration(_BOTH, _nullable_representation),
    "SOURCE_CONNECTOR": _Declaration(Where.CREATE, _text),
    "SOURCED_BY_CONNECTOR": _Declaration(Where.CREATE, _text),
    "QUERY_ID": _Declaration(Where.INSERT, _non_empty),
}
"""Every property of WITH, declared once."""

_FORMAT_PROPERTIES = ("DELIMITER", "SCHEMA_FULL_NAME", "PROTOBUF_NULLABLE_REPRESENTATION")


def parse_properties(properties: tuple[Property, ...], where: Where) -> SourceProperties:
    """Check names, values and combinations of a WITH clause. Raises AnalysisError."""
    values: dict[str, object] = {}
    for entry in properties:
        name = entry.name.upper()
        declared = PROPERTIES.get(name)
        if name == "CLEANUP_POLICY":
            raise AnalysisError(
                "Invalid config variable in the WITH clause: CLEANUP_POLICY. "
                "The cleanup policy follows from the kind of source: delete for streams, compact for tables.",
                entry.position,
            )
        if declared is None or where not in declared.where:
            raise AnalysisError(f"Invalid config variable(s) in the WITH clause: {name}", entry.position)
        if name in values:
            raise AnalysisError(f"Property {name} is given twice in the WITH clause.", entry.position)
        values[name] = declared.parse(name, entry.value)
    return _assemble(values)


def _typed(values: Mapping[str, object], name: str, kind: type[_T]) -> _T | None:
    found = values.get(name)
    return found if isinstance(found, kind) else None


def _assemble(values: dict[str, object]) -> SourceProperties:
    for one in ("KEY_FORMAT", "VALUE_FORMAT"):
        if one in values and "FORMAT" in values:
            raise AnalysisError(
                f"Cannot supply both '{one}' and 'FORMAT' properties, as 'FORMAT' sets both key and value formats. "
                "Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'."
            )
    if "VALUE_AVRO_SCHEMA_FULL_NAME" in values:
        if "VALUE_SCHEMA_FULL_NAME" in values:
            raise AnalysisError(
                "Cannot supply both 'VALUE_AVRO_SCHEMA_FULL_NAME' and 'VALUE_SCHEMA_FULL_NAME' properties. "
                "Please only set 'VALUE_SCHEMA_FULL_NAME'."
            )
        values["VALUE_SCHEMA_FULL_NAME"] = values.pop("VALUE_AVRO_SCHEMA_FULL_NAME")

    def upper(name: str) -> str | None:
        found = values.get(name, values.get("FORMAT"))
        return None if found is None else str(found).upper()

    def side(prefix: str) -> dict[str, str]:
        return {n: str(values[prefix + n]) for n in _FORMAT_PROPERTIES if prefix + n in values}

    return SourceProperties(
        topic=_typed(values, "KAFKA_TOPIC", str),
        partitions=_typed(values, "PARTITIONS", int),
        replicas=_typed(values, "REPLICAS", int),
        retention_ms=_typed(values, "RETENTION_MS", int),
        key_format=upper("KEY_FORMAT"),
        value_format=upper("VALUE_FORMAT"),
        wrap=_typed(values, "WRAP_SINGLE_VALUE", bool),
        timestamp=_typed(values, "TIMESTAMP", str),
        timestamp_format=_typed(values, "TIMESTAMP_FORMAT", str),
        window=_window(values),
        key_properties=side("KEY_"),
        value_properties=side("VALUE_"),
        key_schema_id=_typed(values, "KEY_SCHEMA_ID", int),
        value_schema_id=_typed(values, "VALUE_SCHEMA_ID", int),
        query_id=_typed(values, "QUERY_ID", str),
    )


def _window(values: Mapping[str, object]) -> WindowInfo | None:
    kind, size = values.get("WINDOW_TYPE"), values.get("WINDOW_SIZE")
    if kind is None:
        if size is not None:
            raise AnalysisError("'WINDOW_SIZE' should not be set without 'WINDOW_TYPE'.")
        return None
    window = WindowKind[str(kind)]
    if window is WindowKind.SESSION:
        if size is not None:
            raise AnalysisError("'WINDOW_SIZE' should not be set for SESSION windows.")
        return WindowInfo(window)
    if size is None:
        raise AnalysisError(f"{window.value} windows require 'WINDOW_SIZE' to be provided in the WITH clause.")
    return WindowInfo(window, int(str(size)))
