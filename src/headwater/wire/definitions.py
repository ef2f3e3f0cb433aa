"""The protocol's message definitions as values, and the reader of the table they are kept in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Buffer = bytes | bytearray | memoryview
Span = tuple[int, int]
"""Versions from first to last, both inclusive."""

ZERO_UUID = bytes(16)


class Struct:
    """Base of all message classes: slots, keyword constructor with the protocol's defaults, equality by value."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{n}={getattr(self, n)!r}' for n in self.__slots__)})"


@dataclass(frozen=True)
class PrimitiveType:
    """bool, int8 ... int64, uint16, uint32, float64, string, uuid, bytes or records."""

    name: str


@dataclass(frozen=True)
class StructType:
    """A struct of a message; `path` is its class's qualified name, `FetchRequest.FetchTopic`."""

    name: str
    path: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class ArrayType:
    element: PrimitiveType | StructType


WireType = PrimitiveType | StructType | ArrayType


@dataclass(frozen=True)
class Field:
    """One field. `nullable` and `tagged` are the versions in which it may be null or sits in the tagged section."""

    name: str
    type: WireType
    versions: Span
    nullable: Span | None
    tagged: Span | None
    tag: int
    default: Any

    def within(self, version: int) -> bool:
        return self.versions[0] <= version <= self.versions[1]

    def is_nullable(self, version: int) -> bool:
        return self.nullable is not None and self.nullable[0] <= version <= self.nullable[1]

    def is_tagged(self, version: int) -> bool:
        return self.tagged is not None and self.tagged[0] <= version <= self.tagged[1]


@dataclass(frozen=True)
class Message:
    """A request, response or data message; `key` is -1 for data. `flexible_from` is above any version if none is."""

    kind: str
    key: int
    name: str
    versions: Span
    flexible_from: int
    fields: tuple[Field, ...]

    def is_flexible(self, version: int) -> bool:
        return version >= self.flexible_from


NEVER = 1 << 15

_ZEROS: dict[str, Any] = {
    "bool": False, "float64": 0.0, "string": "", "uuid": ZERO_UUID, "bytes": b"", "records": None,
}  # fmt: skip


def split_tables(text: str) -> dict[str, str]:
    """Message name to its lines, unparsed: reading all of them at start-up would cost more than most processes use."""
    blocks = text.split("\n\n")[1:]
    return {match[1]: block for block in blocks if (match := re.match(r"\w+ (?:\d+ )?(\w+)", block))}


def parse_tables(text: str) -> dict[str, Message]:
    """Every message of the table, by name."""
    return {name: parse_message(block) for name, block in split_tables(text).items()}


def parse_message(block: str) -> Message:
    """One message from its lines."""
    head, *lines = block.rstrip("\n").split("\n")
    words = head.split()
    kind, key = words[0], int(words[1]) if words[1].isdigit() else -1
    name, versions, _, flexible = words[-4:]
    span = _span(versions)
    fields, end = _parse_fields(lines, 0, 1, span, name)
    if end != len(lines):
        raise ValueError(f"{name}: the table is indented wrongly at {lines[end]!r}")
    return Message(kind, key, name, span, NEVER if flexible == "-" else int(flexible), fields)


def _span(text: str) -> Span:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _parse_fields(lines: list[str], at: int, depth: int, span: Span, message: str) -> tuple[tuple[Field, ...], int]:
    fields = []
    indent = "  " * depth
    while at < len(lines) and lines[at].startswith(indent) and lines[at][len(indent)] != " ":
        name, kind, *rest = lines[at].split()
        versions, nullable, tagged, tag, default = span, None, None, -1, None
        for word in rest:
            if word[0] == "?":
                nullable = _span(word[1:])
            elif word[0] == "#":
                number, _, text = word[1:].partition(":")
                tag, tagged = int(number), _span(text)
            elif word[0] == "=":
                default = word[1:]
            else:
                versions = _span(word)
        inner, at = _parse_fields(lines, at + 1, depth + 1, versions, message)
        wire_type = _type(kind, inner, message)
        fields.append(Field(name, wire_type, versions, nullable, tagged, tag, _default(wire_type, default)))
    return tuple(fields), at


def _type(text: str, fields: tuple[Field, ...], message: str) -> WireType:
    name = text.removeprefix("[]")
    element = StructType(name, f"{message}.{name}", fields) if name[0].isupper() else PrimitiveType(name)
    return ArrayType(element) if text.startswith("[]") else element


def _default(kind: WireType, text: str | None) -> Any:
    """The value of a field that is not there; `...` for an empty array or a struct of defaults."""
    if text == "null" or not isinstance(kind, PrimitiveType):
        return None if text == "null" else ...
    if text is None:
        return _ZEROS.get(kind.name, 0)
    if kind.name == "bool":
        return text == "true"
    if kind.name == "string":
        return text
    return float(text) if kind.name == "float64" else int(text, 0)
