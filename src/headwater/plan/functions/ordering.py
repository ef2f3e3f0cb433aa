"""Orders of values where Java's differ from Python's: text by UTF-16 code units, bytes as signed numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_SIGNED = bytes((i + 128) % 256 for i in range(256))


def utf16_order(text: str) -> bytes:
    """A key that orders text by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def signed_order(data: bytes) -> bytes:
    """A key that orders bytes as signed ones: 0x80 comes first."""
    return data.translate(_SIGNED)


SIGNED_TABLE = _SIGNED
"""The translation behind `signed_order`, for generated code."""


@lru_cache(maxsize=4096)
def _java_hash(text: str) -> int:
    """`String.hashCode`, spread as HashMap does, as 32 unsigned bits."""
    found = 0
    for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"):
        found = (31 * found + unit) & 0xFFFFFFFF
    return found ^ (found >> 16)


def hash_map_order(mapping: Mapping[Any, Any]) -> Iterable[Any]:
    """The keys in the order of a Java HashMap made for that many entries; keys that are not text keep their order."""
    size = len(mapping)
    if size < 2 or not all(type(key) is str for key in mapping):
        return mapping
    capacity = 1 << (size - 1).bit_length()
    if size > capacity * 3 // 4:
        capacity *= 2
    return sorted(mapping, key=lambda key: _java_hash(key) & (capacity - 1))
