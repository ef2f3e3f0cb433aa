"""Whether columns and options fit a format, with the messages people search for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headwater.core import types as t
from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column, Role
from headwater.formats import capabilities as caps
from headwater.formats.api import Capabilities, SerdeOptions

_DELIMITER_WORDS = {"TAB": "\t", "SPACE": " "}
_PROPERTY_NAMES = {
    caps.DELIMITER: "delimiter",
    caps.SCHEMA_FULL_NAME: "fullSchemaName",
    caps.AVRO_SCHEMA_FULL_NAME: "fullSchemaName",
    caps.SCHEMA_ID: "schemaId",
    caps.NULLABLE: "nullableRepresentation",
}
NULLABLE_REPRESENTATIONS = ("OPTIONAL", "WRAPPER")

ColumnCheck = Callable[[tuple[Column, ...]], str | None]
"""The reason why a format cannot write these columns, or None."""


def check(
    capabilities: Capabilities, columns: tuple[Column, ...], options: SerdeOptions, reason_against: ColumnCheck
) -> None:
    """Raise `AnalysisError` for key types, column types, wrapping or properties that the format cannot honour."""
    if options.is_key:
        _check_no_map_in_key(columns)
    reason = reason_against(columns)
    if reason is not None:
        raise AnalysisError(
            f"{'Key' if options.is_key else 'Value'} format does not support schema.\n"
            f"format: {capabilities.name}\n"
            f"schema: {persistence_text(capabilities, columns, options)}\n"
            f"reason: {reason}"
        )
    _check_wrapping(capabilities, columns, options)
    _check_properties(capabilities, options)


def persistence_text(capabilities: Capabilities, columns: tuple[Column, ...], options: SerdeOptions) -> str:
    """How messages show the physical schema of a side."""
    features = "UNWRAP_SINGLES" if _says_unwrapped(capabilities, columns, options) else ""
    if options.wrap and not options.is_key:
        features = "WRAP_SINGLES"
    return f"Persistence{{columns={columns_text(columns)}, features=[{features}]}}"


def _says_unwrapped(capabilities: Capabilities, columns: tuple[Column, ...], options: SerdeOptions) -> bool:
    if options.is_key:
        return len(columns) == 1 and capabilities.can_wrap and capabilities.can_unwrap
    return options.wrap is False


def columns_text(columns: tuple[Column, ...]) -> str:
    """How messages show columns: ``[`K` STRING KEY, `V` INTEGER]``."""
    shown = (f"{quote(c.name)} {c.type}{' KEY' if c.role is Role.KEY else ''}" for c in columns)
    return f"[{', '.join(shown)}]"


def base_name(sql_type: t.SqlType) -> str:
    """The type's name without parameters: `ARRAY`, `DECIMAL`, `STRING`."""
    return sql_type.name if isinstance(sql_type, t.Scalar) else type(sql_type).__name__.upper()


def parts(sql_type: t.SqlType) -> Iterator[t.SqlType]:
    """The type and every type inside it."""
    yield sql_type
    inner: tuple[t.SqlType, ...] = ()
    if isinstance(sql_type, t.Array):
        inner = (sql_type.element,)
    elif isinstance(sql_type, t.Map):
        inner = (sql_type.key, sql_type.value)
    elif isinstance(sql_type, t.Struct):
        inner = tuple(f.type for f in sql_type.fields)
    for part in inner:
        yield from parts(part)


def has_map_without_string_key(columns: tuple[Column, ...]) -> bool:
    """Whether there is a MAP anywhere whose keys are not STRING; no format with nesting can write it."""
    return any(isinstance(p, t.Map) and p.key != t.STRING for c in columns for p in parts(c.type))


def _check_no_map_in_key(columns: tuple[Column, ...]) -> None:
    for column in columns:
        if any(isinstance(part, t.Map) for part in parts(column.type)):
            raise AnalysisError(
                "Map keys, including types that contain maps, are not supported as they may lead to unexpected "
                f"behavior due to inconsistent serialization. Key column name: {quote(column.name)}. Column type: "
                f"{column.type}. See https://github.com/confluentinc/ksql/issues/6621 for more."
            )


def _check_wrapping(capabilities: Capabilities, columns: tuple[Column, ...], options: SerdeOptions) -> None:
    if options.wrap is None or options.is_key:
        return
    if len(columns) != 1:
        raise AnalysisError("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas")
    if not (capabilities.can_wrap if options.wrap else capabilities.can_unwrap):
        shown = str(options.wrap).lower()
        raise AnalysisError(f"Format '{capabilities.name}' does not support 'WRAP_SINGLE_VALUE' set to '{shown}'.")


def _check_properties(capabilities: Capabilities, options: SerdeOptions) -> None:
    unknown = sorted({_PROPERTY_NAMES.get(p, p) for p in options.properties if p not in capabilities.properties})
    if unknown:
        raise AnalysisError(f"{capabilities.name} does not support the following configs: [{', '.join(unknown)}]")
    prefix = "KEY_" if options.is_key else "VALUE_"
    for name, value in options.properties.items():
        if name == caps.DELIMITER:
            delimiter(value, prefix + name)
        elif not str(value).strip():
            shown = _PROPERTY_NAMES[name]
            raise AnalysisError(f"{shown} cannot be empty. Format configuration: {{{shown}=}}")
        elif name == caps.NULLABLE and value.upper() not in NULLABLE_REPRESENTATIONS:
            raise AnalysisError(
                f"Configuration {prefix}{name} is invalid: String must be one of: "
                f"{', '.join(NULLABLE_REPRESENTATIONS)}, null. Got: '{value}'"
            )


def delimiter(text: str, property_name: str = "VALUE_DELIMITER") -> str:
    """The character that a DELIMITER property names. Raises `AnalysisError` naming the property."""
    if not text.strip():
        raise AnalysisError(
            f"Configuration {property_name} is invalid: Delimiter cannot be empty, if you meant to have a tab or space "
            "for delimiter, please use the special values 'TAB' or 'SPACE'\nExample valid value: ';'"
        )
    if text.upper() in _DELIMITER_WORDS:
        return _DELIMITER_WORDS[text.upper()]
    if len(text) != 1:
        raise AnalysisError(
            f"Configuration {property_name} is invalid: Invalid delimiter value: '{text}'. Delimiter must be a single "
            "character or TAB,SPACE\nExample valid value: ';'"
        )
    return text
