"""What the keywords of JSON Schema must hold: checked word by word, so that a large schema costs no validator run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from headwater.registry.parsing.parsed import ParseError, show

TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")


def _is_schema(value: Any) -> bool:
    return isinstance(value, (dict, bool))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_type(value: Any) -> bool:
    kinds = value if isinstance(value, list) and value else [value]
    return all(isinstance(kind, str) and kind in TYPES for kind in kinds) and len(set(kinds)) == len(kinds)


def _is_pattern(value: Any) -> bool:
    """ECMA-262's patterns are nearly Python's; what differs, as `\\p{...}` or `\\/`, is let through."""
    if not isinstance(value, str):
        return False
    try:
        re.compile(value)
    except re.error as error:
        return "bad escape" in str(error) or "group" in str(error)
    return True


def _is_schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_schema(each) for each in value)


def _is_named_schemas(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_schema(each) for each in value.values())


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_schema(each) or _is_texts(each) for each in value.values())


Rule = tuple[Callable[[Any], bool], str]
_SCHEMA: Rule = (_is_schema, "a schema")
_NUMBER: Rule = (_is_number, "a number")
_COUNT: Rule = (_is_count, "a whole number, 0 or more")
_TEXT: Rule = (lambda value: isinstance(value, str), "a text")
_SCHEMAS: Rule = (_is_schemas, "a list of at least one schema")
_NAMED: Rule = (_is_named_schemas, "an object of schemas")
_LIMIT: Rule = (lambda value: _is_number(value) or isinstance(value, bool), "a number, or true or false in draft 4")

RULES: Mapping[str, Rule] = {
    "type": (_is_type, f"one of {', '.join(TYPES)} or a list of them"),
    "$ref": _TEXT, "$schema": _TEXT, "$id": _TEXT, "$anchor": _TEXT, "title": _TEXT, "description": _TEXT,
    "enum": (lambda value: isinstance(value, list), "a list"),
    "minimum": _NUMBER, "maximum": _NUMBER, "exclusiveMinimum": _LIMIT, "exclusiveMaximum": _LIMIT,
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "minLength": _COUNT, "maxLength": _COUNT, "minItems": _COUNT, "maxItems": _COUNT, "minContains": _COUNT,
    "maxContains": _COUNT, "minProperties": _COUNT, "maxProperties": _COUNT,
    "pattern": (_is_pattern, "a regular expression"),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
    "required": (lambda value: _is_texts(value) or isinstance(value, bool), "a list of names"),
    "properties": _NAMED, "patternProperties": _NAMED, "definitions": _NAMED, "$defs": _NAMED,
    "dependentSchemas": _NAMED,
    "dependencies": (_is_dependencies, "an object of schemas and lists of names"),
    "dependentRequired": (_is_dependencies, "an object of lists of names"),
    "additionalProperties": _SCHEMA, "unevaluatedProperties": _SCHEMA, "additionalItems": _SCHEMA,
    "unevaluatedItems": _SCHEMA, "contains": _SCHEMA, "propertyNames": _SCHEMA, "not": _SCHEMA, "if": _SCHEMA,
    "then": _SCHEMA, "else": _SCHEMA,
    "items": (lambda value: _is_schema(value) or value == [] or _is_schemas(value), "a schema or a list of schemas"),
    "prefixItems": (lambda value: value == [] or _is_schemas(value), "a list of schemas"),
    "allOf": _SCHEMAS, "anyOf": _SCHEMAS, "oneOf": _SCHEMAS,
}  # fmt: skip
"""Keyword, whether a value is right for it, and what is."""


def check(doc: Mapping[str, Any], path: str) -> None:
    """Raise `ParseError` for the first keyword of one schema that holds what it cannot."""
    for word, value in doc.items():
        rule = RULES.get(word)
        if rule is not None and not rule[0](value):
            raise ParseError(f"'{word}' is {show(value)}, not {rule[1]}, at path '#{path}/{word}'")
