"""Schemas of the registry from their texts: Avro, JSON Schema and Protobuf, with what they refer to.

The parser of a kind is imported with the first schema of that kind: most nodes start without any.
"""

from __future__ import annotations

from importlib import import_module

from headwater.registry.parsing.parsed import Parsed, ParseError, References

__all__ = ["ParseError", "Parsed", "References", "parse"]

_PARSERS = {"AVRO": "avro", "JSON": "json_schema", "PROTOBUF": "protobuf"}
"""The module of each kind; its `parse` takes text and references."""


def parse(kind: str, text: str, references: References) -> Parsed:
    """The schema in a text of kind AVRO, JSON or PROTOBUF. Raises `ParseError`, also for what is nested too deeply."""
    if kind not in _PARSERS:
        raise ParseError(f"there is no schema type '{kind}': it is one of {', '.join(_PARSERS)}")
    try:
        parsed: Parsed = import_module(f"{__name__}.{_PARSERS[kind]}").parse(text, references)
    except RecursionError:
        raise ParseError("the schema is nested too deeply") from None
    return parsed
