"""What the formats of the schema registry share: subjects, and decoders kept per schema id."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from headwater.core.errors import HeadwaterError
from headwater.formats import framing
from headwater.formats.api import RegisteredSchema, SchemaRegistry
from headwater.formats.failures import Refused, RegistryMissingError, SchemaError, unreadable

Decode = Callable[[bytes, int], Any]
"""(payload, offset of the data) to the row."""

MALFORMED = (IndexError, struct.error, UnicodeDecodeError, RecursionError, OverflowError)


def subject(topic: str, is_key: bool) -> str:
    """The subject of one side of a topic."""
    return f"{topic}-{'key' if is_key else 'value'}"


def needed(registry: SchemaRegistry | None, format_name: str) -> SchemaRegistry:
    """The registry, or `RegistryMissingError` naming the setting to set."""
    if registry is None:
        raise RegistryMissingError(
            f"The {format_name} format needs a schema registry, but none is configured. "
            "Please set the property 'ksql.schema.registry.url'."
        )
    return registry


def decode_by_id(
    registry: SchemaRegistry, make: Callable[[RegisteredSchema], Decode], topic: str, is_key: bool, hint: str
) -> Callable[[bytes], Any]:
    """A decoder of framed payloads; `make` is asked once per schema id. `hint` says what to do about missing frames.

    The decoder raises `DeserializationError`, also for an id that the registry does not know.
    """
    decoders: dict[bytes, Decode] = {}

    def load(payload: bytes) -> Decode:
        schema_id = framing.schema_id_of(payload, hint)
        try:
            made = make(registry.by_id(schema_id))
        except (SchemaError, HeadwaterError) as error:
            raise Refused(f"Error retrieving schema for id {schema_id}: {error}") from None
        decoders[payload[: framing.SIZE]] = made
        return made

    def decode(payload: bytes) -> Any:
        found = decoders.get(payload[: framing.SIZE])
        try:
            if found is None:
                found = load(payload)
            return found(payload, framing.SIZE)
        except Refused as refused:
            raise unreadable(topic, is_key, refused.reason, refused.path) from None
        except MALFORMED as error:
            raise unreadable(topic, is_key, f"Malformed data: {str(error) or 'it ends too early'}") from None

    return decode
