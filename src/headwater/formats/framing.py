"""The registry's wire format: a zero byte and the schema's id before the payload."""

from __future__ import annotations

import struct

from headwater.formats.failures import Refused

MAGIC = 0
SIZE = 5
"""Bytes before the data: the magic byte and a 4-byte big-endian schema id."""

_HEADER = struct.Struct(">bI")


def header(schema_id: int) -> bytes:
    """The bytes that precede data written with a schema."""
    return _HEADER.pack(MAGIC, schema_id)


def schema_id_of(payload: bytes, hint: str) -> int:
    """The schema's id. Raises `Refused` with the hint when the payload does not begin with a zero byte and an id."""
    if len(payload) < SIZE:
        raise Refused(f"Payload of {len(payload)} bytes is too short for a schema id. {hint}")
    magic, schema_id = _HEADER.unpack_from(payload)
    if magic != MAGIC:
        raise Refused(f"Unknown magic byte! {hint}")
    found: int = schema_id
    return found
