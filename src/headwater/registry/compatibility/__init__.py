"""Whether a new schema may follow the versions of a subject: the rules for Avro, JSON Schema and Protobuf."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.registry.compatibility import avro, json_kinds, json_schema, protobuf
from headwater.registry.compatibility.incompatibility import CompatibilityLevel, Difference, Incompatibility
from headwater.registry.parsing.avro import ParsedAvro
from headwater.registry.parsing.json_schema import ParsedJson
from headwater.registry.parsing.parsed import Parsed, ParseError
from headwater.registry.parsing.protobuf import ParsedProtobuf

__all__ = ["CompatibilityLevel", "Incompatibility", "check", "differences"]


def check(kind: str, level: CompatibilityLevel, new: Parsed, olds: Sequence[Parsed]) -> list[Incompatibility]:
    """Why a schema may not follow the versions, which come oldest first; empty if it may.

    A level that is not transitive looks at the last version only. With one that is, the newest version that forbids
    the schema answers.
    """
    if level is CompatibilityLevel.NONE:
        return []
    for old in reversed(olds) if level.transitive else olds[-1:]:
        found = _between(level, new, old)
        if found:
            return found
    return []


def _between(level: CompatibilityLevel, new: Parsed, old: Parsed) -> list[Incompatibility]:
    found: list[Incompatibility] = []
    if level.backward:
        found += incompatibilities(new, old, "new", "old")
    if level.forward:
        found += incompatibilities(old, new, "old", "new")
    return list(dict.fromkeys(found))


def incompatibilities(reader: Parsed, writer: Parsed, reader_is: str, writer_is: str) -> list[Incompatibility]:
    """What keeps a reader's schema from reading all that was written with another; the words say which is new."""
    try:
        found, sentences = _breaking(reader, writer)
    except (RecursionError, ParseError) as error:
        reason = "The schemas are nested too deeply to compare" if isinstance(error, RecursionError) else str(error)
        return [Incompatibility("TOO_COMPLEX", "/", reason, schema_type=reader.kind)]
    return [
        Incompatibility(each.kind, each.path, sentence.format(
            path=each.path, detail=each.detail, reader=reader_is, writer=writer_is), each.detail, reader.kind)
        for each, sentence in zip(found, sentences, strict=True)
    ]  # fmt: skip


def differences(reader: Parsed, writer: Parsed) -> list[Difference]:
    """Every difference, for JSON Schema and Protobuf also those that change nothing for a reader."""
    if isinstance(reader, ParsedAvro) and isinstance(writer, ParsedAvro):
        return avro.differences(reader, writer)
    if isinstance(reader, ParsedJson) and isinstance(writer, ParsedJson):
        return json_schema.differences(reader, writer)
    if isinstance(reader, ParsedProtobuf) and isinstance(writer, ParsedProtobuf):
        return protobuf.differences(reader, writer)
    return [Difference("SCHEMA_TYPE_CHANGED", "/", f"{writer.kind} to {reader.kind}")]


def _breaking(reader: Parsed, writer: Parsed) -> tuple[list[Difference], list[str]]:
    """The differences that break reading, and the sentence for each."""
    found = differences(reader, writer)
    if reader.kind != writer.kind:
        return found, ["The {reader} schema is of another type than the {writer} schema: {detail}"]
    if reader.kind == "AVRO":
        return found, [avro.DESCRIPTIONS[each.kind] for each in found]
    if reader.kind == "JSON":
        found = [each for each in found if each.kind not in json_kinds.COMPATIBLE]
        return found, [json_kinds.description(each.kind) for each in found]
    found = [each for each in found if each.kind not in protobuf.COMPATIBLE]
    return found, [protobuf.DESCRIPTIONS[each.kind] for each in found]
