"""Formats of keys and values in a plan: defaults and inheritance (statements section 3, formats sections 1 and 2).

What a format can write is the format's own business (`formats.checks`); here is only who chooses which format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headwater.core.errors import AnalysisError
from headwater.core.schema import Column, Role
from headwater.core.types import Decimal, SqlType
from headwater.formats import registry
from headwater.formats.api import Capabilities, SerdeOptions
from headwater.formats.capabilities import MATRIX, SCHEMA_ID, value_wrapping
from headwater.plan.steps import FormatSpec
from headwater.plan.with_properties import SourceProperties

DEFAULT_KEY_FORMAT = "ksql.persistence.default.format.key"
DEFAULT_VALUE_FORMAT = "ksql.persistence.default.format.value"
WRAP_SINGLE_VALUES = "ksql.persistence.wrap.single.values"

NONE = FormatSpec("NONE")

_INHERITED = {
    "DELIMITED": ("DELIMITER",),
    "JSON_SR": ("SCHEMA_FULL_NAME",),
    "PROTOBUF": ("SCHEMA_FULL_NAME", "PROTOBUF_NULLABLE_REPRESENTATION"),
    "PROTOBUF_NOSR": ("PROTOBUF_NULLABLE_REPRESENTATION",),
}


def capabilities(name: str) -> Capabilities:
    """What the format can do. Raises AnalysisError for an unknown name."""
    found = MATRIX.get(name.upper())
    if found is None:
        raise AnalysisError(f"Unknown format: {name.upper()}")
    return found


def default_key_format(settings: Mapping[str, str]) -> str:
    return capabilities(str(settings.get(DEFAULT_KEY_FORMAT) or "KAFKA")).name


def format_spec(name: str, properties: Mapping[str, str]) -> FormatSpec:
    """A format with its properties. Raises AnalysisError for an unknown format."""
    return FormatSpec(capabilities(name).name, None, dict(properties))


def inherited_spec(name: str | None, properties: Mapping[str, str], source: FormatSpec) -> FormatSpec:
    """The format of a CxAS sink's side: as written, else the source's, with what properties it passes on."""
    chosen = name or source.name
    if chosen == source.name:
        passed = {p: source.properties[p] for p in _INHERITED.get(chosen, ()) if p in source.properties}
        properties = passed | dict(properties)
    return format_spec(chosen, properties)


def check_key(columns: Sequence[Column], spec: FormatSpec) -> None:
    """Raise AnalysisError when the columns cannot be a key in this format, or its properties are wrong."""
    registry.get(spec.name).check(tuple(columns), SerdeOptions(True, spec.wrap, spec.properties))


def check_value(columns: Sequence[Column], spec: FormatSpec) -> None:
    """Raise AnalysisError when the columns cannot be a value in this format, or its properties are wrong."""
    registry.get(spec.name).check(tuple(columns), SerdeOptions(False, spec.wrap, spec.properties))


def wrapped(
    props: SourceProperties, spec: FormatSpec, values: Sequence[Column], settings: Mapping[str, str]
) -> FormatSpec:
    """The value format with its wrapping decided: WRAP_SINGLE_VALUE, else the session's default, else the format's."""
    default = {"true": True, "false": False}.get(str(settings.get(WRAP_SINGLE_VALUES, "")).lower())
    wrap = value_wrapping(capabilities(spec.name), values, props.wrap, default)
    return FormatSpec(spec.name, wrap, spec.properties)


def serde_features(spec: FormatSpec, columns: Sequence[Column], *, is_key: bool) -> tuple[str, ...]:
    """Names of the serde features that DESCRIBE and tests know: how a single column is wrapped where that was
    decided.
    """
    if len(columns) != 1:
        return ()
    if is_key:
        known = capabilities(spec.name)
        return ("UNWRAP_SINGLES",) if known.can_wrap and known.can_unwrap else ()
    if spec.wrap is None:
        return ()
    return ("WRAP_SINGLES",) if spec.wrap else ("UNWRAP_SINGLES",)


def internal_key_format(spec: FormatSpec, types: Sequence[SqlType], settings: Mapping[str, str]) -> FormatSpec:
    """The key format of an internal topic: the kept one (the default where that is NONE), or JSON where it cannot
    carry the key. A schema that was given by its id is that of the kept one's topic only.
    """
    spec = replace(spec, properties={name: v for name, v in spec.properties.items() if name != SCHEMA_ID})
    if spec.name == "NONE":
        spec = FormatSpec(default_key_format(settings))
    if spec.name == "DELIMITED" and any(isinstance(t, Decimal) for t in types):
        return FormatSpec("JSON")
    columns = [Column(f"K{i}", t, Role.KEY) for i, t in enumerate(types)]
    try:
        check_key(columns, spec)
    except AnalysisError:
        return FormatSpec("JSON")
    return spec
