"""Schemas of the registry from their texts: Avro, JSON Schema and Protobuf, with what they refer to."""

from __future__ import annotations

from headwater.registry.parsing import avro, json_schema, protobuf
from headwater.registry.parsing.parsed import Parsed, ParseError, References

__all__ = ["ParseError", "Parsed", "References", "parse"]

_PARSERS = {"AVRO": avro.parse, "JSON": json_schema.parse, "PROTOBUF": protobuf.parse}


def parse(kind: str, text: str, references: References) -> Parsed:
    """The schema in a text of kind AVRO, JSON or PROTOBUF. Raises `ParseError`, also for what is nested too deeply."""
    if kind not in _PARSERS:
        raise ParseError(f"there is no schema type '{kind}': it is one of {', '.join(_PARSERS)}")
    try:
        return _PARSERS[kind](text, references)
    except RecursionError:
        raise ParseError("the schema is nested too deeply") from None
