"""Orders of values where Java's differ from Python's: text by UTF-16 code units, bytes as signed numbers."""

from __future__ import annotations

_SIGNED = bytes((i + 128) % 256 for i in range(256))


def utf16_order(text: str) -> bytes:
    """A key that orders text by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def signed_order(data: bytes) -> bytes:
    """A key that orders bytes as signed ones: 0x80 comes first."""
    return data.translate(_SIGNED)


SIGNED_TABLE = _SIGNED
"""The translation behind `signed_order`, for generated code."""
