"""Answers: JSON, and schemas as bare text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from headwater.http.registry.call import RegistryCall
from headwater.registry.records import SchemaValue, shown, shown_in_full, shown_schema
from headwater.registry.subjects import in_context, qualified


@dataclass(frozen=True)
class Text:
    """A body that is sent as it is, not as a JSON string."""

    text: str


def listed(call: RegistryCall, value: SchemaValue) -> dict[str, Any]:
    """A version, with the members that the request takes."""
    return (shown_in_full if call.takes_more else shown)(value)


async def version_shown(call: RegistryCall, value: SchemaValue) -> dict[str, Any]:
    """A version, in the format that the request asks for, too."""
    return await _finished(call, value, listed(call, value))


async def schema_shown(call: RegistryCall, value: SchemaValue) -> dict[str, Any]:
    """A schema that was asked for by an id: of which subject and version it is, is said only to who takes more."""
    if call.takes_more:
        answer = shown_in_full(value)
        answer.pop("id")
    else:
        answer = shown_schema(value)
        answer.pop("deleted", None)
    return await _finished(call, value, answer)


async def _finished(call: RegistryCall, value: SchemaValue, answer: dict[str, Any]) -> dict[str, Any]:
    if value.references and call.text("referenceFormat").strip().lower() == "qualified":
        context = qualified(value.subject).context
        answer["references"] = [replace(r, subject=in_context(context, r.subject)) for r in value.references]
    return {**answer, "schema": await formatted(call, value)}


async def formatted(call: RegistryCall, value: SchemaValue) -> str:
    """The schema in the `format` that the request asks for; the one it is kept in where it has no such format."""
    name = call.text("format").strip()
    if not name:
        return value.schema
    await call.schemas.prepare_value(value)
    return call.schemas.parse_value(value).formatted(name)
