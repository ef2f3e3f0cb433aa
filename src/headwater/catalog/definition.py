"""Definitions of tags and of business metadata: their JSON shapes, and the rules for definitions and for values."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.names import ENTITY_TYPES, ROOT

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_ ]*\Z")
_NAME_LENGTH = 8192
_TEXT_LENGTH = 1 << 16
_LIST = re.compile(r"array<(\w+)>\Z")


class AttributeDef(Struct, rename="camel", kw_only=True):
    """A typed attribute. `options` may hold `maxStrLength` and `applicableEntityTypes` (a JSON list in a string).

    `default_value` is text for a text, else JSON.
    """

    name: str
    type_name: str = "string"
    is_optional: bool = True
    cardinality: str = "SINGLE"
    values_min_count: int = 0
    values_max_count: int = 1
    is_unique: bool = False
    is_indexable: bool = False
    default_value: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    display_name: str | UnsetType | None = UNSET
    options: dict[str, str] = field(default_factory=dict)


class Definition(Struct, rename="camel", kw_only=True):
    """What tag and business-metadata definitions share. Times are ms since the epoch; `version` counts changes."""

    category: str
    name: str
    guid: str = ""
    created_by: str = ""
    updated_by: str = ""
    create_time: int = 0
    update_time: int = 0
    version: int = 1
    description: str = ""
    type_version: str = "1.0"
    attribute_defs: list[AttributeDef] = field(default_factory=list)


class TagDef(Definition, kw_only=True):
    """A tag; only entities of `entity_types` may bear it."""

    category: str = "CLASSIFICATION"
    super_types: list[str] = field(default_factory=list)
    entity_types: list[str] = field(default_factory=lambda: [ROOT])
    sub_types: list[str] = field(default_factory=list)


class BusinessMetadataDef(Definition, kw_only=True):
    """A group of attributes about ownership, contacts and the like."""

    category: str = "BUSINESS_METADATA"


def check_definition(definition: Definition) -> None:
    """Raise `CatalogError` for a definition that cannot be made."""
    what = "tag" if isinstance(definition, TagDef) else "business metadata"
    _check_name(what, definition.name)
    if len(definition.description) > _TEXT_LENGTH:
        raise _invalid(f"The description of {definition.name} is longer than {_TEXT_LENGTH} characters.")
    seen: set[str] = set()
    for attribute in definition.attribute_defs:
        _check_name("attribute", attribute.name)
        if attribute.name in seen:
            raise _invalid(f"{definition.name} has the attribute {attribute.name} twice.")
        seen.add(attribute.name)
        _kind(attribute.type_name)
        _max_length(attribute)
        _applicable(attribute)
        _default(definition, attribute)
    for name in definition.entity_types if isinstance(definition, TagDef) else ():
        if name != ROOT and name not in ENTITY_TYPES:
            raise CatalogError(CatalogCode.TYPE_NAME_INVALID, f"Type ENTITY with name {name} does not exist.")


def _check_name(what: str, name: str) -> None:
    if not _NAME.match(name) or len(name) > _NAME_LENGTH:
        raise _invalid(
            f"Invalid name for {what}: `{name[:100]}`. Names start with a letter and contain letters, digits, spaces "
            f"and underscores, {_NAME_LENGTH} characters at the most."
        )


def applies_to(definition: Definition, type_name: str) -> bool:
    """Whether entities of the type may bear what is defined."""
    if isinstance(definition, TagDef):
        return not definition.entity_types or ROOT in definition.entity_types or type_name in definition.entity_types
    return all(not (types := _applicable(a)) or ROOT in types or type_name in types for a in definition.attribute_defs)


def check_values(definition: Definition, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, defaults filled in. Raises `CatalogError` naming the attribute that is unknown, missing or wrong."""
    known = {attribute.name: attribute for attribute in definition.attribute_defs}
    checked: dict[str, Any] = {}
    for name, value in values.items():
        attribute = known.get(name)
        if attribute is None:
            listed = ", ".join(known) or "none"
            raise _invalid(f"{definition.name} has no attribute `{name[:100]}`. Its attributes: {listed}.")
        if value is None:
            continue
        _check_value(definition, attribute, value)
        checked[name] = value
    for name, attribute in known.items():
        default = _default(definition, attribute)
        if name not in checked and default is not None:
            checked[name] = default
        if name not in checked and not attribute.is_optional:
            raise _invalid(f"{definition.name} requires the attribute {name}.")
    return checked


def _default(definition: Definition, attribute: AttributeDef) -> Any:
    """The value of an attribute that is not given; None without a default."""
    text = attribute.default_value
    if text is None or text is UNSET:
        return None
    value: Any = text
    if attribute.type_name not in ("string", "date"):
        try:
            value = msgspec.json.decode(str(text))
        except (msgspec.MsgspecError, RecursionError):
            pass  # it is no value of the type either, which is what is said
    _check_value(definition, attribute, value)
    return value


def _check_value(definition: Definition, attribute: AttributeDef, value: Any) -> None:
    element = _LIST.match(attribute.type_name)
    if element is not None or attribute.cardinality in ("LIST", "SET"):
        kind = element.group(1) if element is not None else attribute.type_name
        if not isinstance(value, list):
            raise _invalid(f"{definition.name}.{attribute.name} is a list of {kind}, not {json.dumps(value)[:100]}.")
        items = value
    else:
        kind, items = attribute.type_name, [value]
    limit = _max_length(attribute)
    for item in items:
        if not _KINDS[kind](item):
            raise _invalid(
                f"{definition.name}.{attribute.name} is of type {kind}, and {json.dumps(item)[:100]} is not."
            )
        if limit is not None and isinstance(item, str) and len(item) > limit:
            raise _invalid(f"{definition.name}.{attribute.name} is longer than {limit} characters.")


def _integer(bits: int) -> Callable[[Any], bool]:
    limit = 1 << (bits - 1)
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(value: Any) -> bool:
    """Milliseconds since the epoch, or ISO 8601."""
    if isinstance(value, str):
        try:
            datetime.datetime.fromisoformat(value)
        except ValueError:
            return False
        return True
    return _integer(64)(value)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "byte": _integer(8),
    "short": _integer(16),
    "int": _integer(32),
    "long": _integer(64),
    "biginteger": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": _is_number,
    "double": _is_number,
    "bigdecimal": _is_number,
    "date": _is_date,
}
"""The types of attributes, and what is a value of each."""


def _kind(type_name: str) -> str:
    element = _LIST.match(type_name)
    kind = element.group(1) if element is not None else type_name
    if kind not in _KINDS:
        raise CatalogError(
            CatalogCode.TYPE_NAME_INVALID,
            f"Attributes cannot be of type `{type_name[:100]}`: use one of {', '.join(_KINDS)}, or array<one of them>.",
        )
    return kind


def _max_length(attribute: AttributeDef) -> int | None:
    text = attribute.options.get("maxStrLength")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _invalid(f"maxStrLength of {attribute.name} is not a number of characters: {text[:100]}.")
    return int(text)


def _applicable(attribute: AttributeDef) -> list[str]:
    text = attribute.options.get("applicableEntityTypes")
    if not text:
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise _invalid(f"applicableEntityTypes of {attribute.name} is not a JSON list of entity types.")
    return found


def _invalid(message: str) -> CatalogError:
    return CatalogError(CatalogCode.INVALID_PARAMETERS, message)
