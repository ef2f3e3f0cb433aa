"""Plans as JSON and back, so that a stored query resumes under a newer version.

The encoding follows the declared fields of the classes in `steps`: a field added later with a default is simply
absent in older documents. Expressions and types are SQL text, enums their names, steps carry the name of their class.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from headwater.core.errors import HeadwaterError
from headwater.core.schema import Column, Role, Schema
from headwater.core.types import SqlType
from headwater.plan import steps
from headwater.plan.steps import QueryPlan, Step
from headwater.sql.ast import Expression
from headwater.sql.expression_text import format_expression, format_type
from headwater.sql.parser import parse_expression, parse_type

VERSION = 1
"""Raised when a reader of older documents would misread newer ones."""

_PLAIN = frozenset({type(None), bool, int, float, str})

_STEPS: dict[str, type[Step]] = {
    name: found for name, found in vars(steps).items() if isinstance(found, type) and issubclass(found, Step)
}


class PlanFormatError(HeadwaterError):
    """A stored plan was written by a newer version, or is not a plan at all."""


def plan_to_json(plan: QueryPlan) -> dict[str, Any]:
    """The plan as plain lists, dicts, strings, numbers, booleans and None."""
    document: dict[str, Any] = _encode(plan)
    return {"version": VERSION} | document


def plan_from_json(document: Mapping[str, Any]) -> QueryPlan:
    """The plan of `plan_to_json`. Raises PlanFormatError."""
    version = document.get("version")
    if version != VERSION:
        raise PlanFormatError(f"The stored query plan has version {version}, this server reads version {VERSION}.")
    try:
        plan: QueryPlan = _decode_fields(QueryPlan, document)
    except (KeyError, TypeError, ValueError, HeadwaterError) as error:
        raise PlanFormatError(f"The stored query plan is not readable: {error}") from error
    return plan


def _encode(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Expression):
        return format_expression(value)
    if isinstance(value, SqlType):
        return format_type(value)
    if isinstance(value, Schema):
        return [_encode_column(c) for c in value.columns]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return dict(value)
    encoded = {name: _encode(getattr(value, name)) for name in _names(value.__class__)}
    return {"step": type(value).__name__} | encoded if isinstance(value, Step) else encoded


def _encode_column(column: Column) -> dict[str, Any]:
    encoded = {"name": column.name, "type": format_type(column.type), "role": column.role.name}
    return encoded | {"header": column.header_key} if column.header_key is not None else encoded


def _decode_column(document: Mapping[str, Any]) -> Column:
    return Column(document["name"], parse_type(document["type"]), Role[document["role"]], document.get("header"))


def _decode(hint: Any, document: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if document is None:
            return None
        hint = next(a for a in get_args(hint) if a is not type(None))
        origin = get_origin(hint)
    if origin is tuple:
        return _decode_tuple(get_args(hint), document)
    if origin is not None:
        return dict(document)
    return _decode_plain(hint, document)


def _decode_plain(hint: Any, document: Any) -> Any:
    if issubclass(hint, Expression):
        return parse_expression(document)
    if issubclass(hint, SqlType):
        return parse_type(document)
    if issubclass(hint, Schema):
        return Schema(tuple(_decode_column(c) for c in document))
    if issubclass(hint, Enum):
        return hint[document]
    if issubclass(hint, Step):
        return _decode_fields(_STEPS[document["step"]], document)
    return _decode_fields(hint, document) if is_dataclass(hint) else document


def _decode_tuple(arguments: tuple[Any, ...], document: Any) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_decode(arguments[0], item) for item in document)
    return tuple(_decode(hint, item) for hint, item in zip(arguments, document, strict=True))


def _decode_fields(kind: Any, document: Mapping[str, Any]) -> Any:
    values = {}
    for declared, hint in _declared(kind):
        if declared.name in document:
            values[declared.name] = _decode(hint, document[declared.name])
        elif declared.default is MISSING and declared.default_factory is MISSING:
            raise KeyError(declared.name)
    return kind(**values)


@lru_cache(maxsize=64)
def _declared(kind: Any) -> tuple[tuple[Field[Any], Any], ...]:
    hints = get_type_hints(kind)
    return tuple((f, hints[f.name]) for f in fields(kind))


@lru_cache(maxsize=64)
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))
