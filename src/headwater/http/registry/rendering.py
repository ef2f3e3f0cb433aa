"""Answers: JSON, and schemas as bare text."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.http.registry.call import Call
from headwater.registry.records import SchemaValue


@dataclass(frozen=True)
class Text:
    """A body that is sent as it is, not as a JSON string."""

    text: str


async def formatted(call: Call, value: SchemaValue) -> str:
    """The schema in the `format` that the request asks for; the one it is kept in where it has no such format."""
    name = call.text("format").strip()
    if not name:
        return value.schema
    await call.schemas.prepare_value(value)
    return call.schemas.parse_value(value).formatted(name)
