"""Between payloads and the values that agents see: bytes, text, or JSON of a declared type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headwater.agents.errors import AgentError

Decode = Callable[[bytes | None], Any]
_json = msgspec.json.Encoder().encode


def decoder(kind: Any) -> Decode:
    """Of values of a type: `bytes` as they are, `str` as UTF-8, anything else as JSON of that type; null is None.

    The function raises `ValueError` (`msgspec.DecodeError`, `UnicodeDecodeError`) for what is not of the type.
    """
    if kind is bytes:
        return _as_it_is
    if kind is str:
        return _text
    try:
        decode = msgspec.json.Decoder(kind).decode
    except TypeError as error:
        raise AgentError(f"{kind!r} cannot be the type of values: {error}") from error

    def from_json(payload: bytes | None) -> Any:
        return None if payload is None else decode(payload)

    return from_json


def encode(value: Any) -> bytes | None:
    """Bytes as they are, text as UTF-8, anything else as JSON; None is null. Raises `TypeError` for what JSON lacks."""
    kind = type(value)
    if kind is bytes or value is None:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return value.encode()  # type: ignore[no-any-return]
    return _json(value)


def encode_json(value: Any) -> bytes:
    """JSON, also of text and bytes (in base 64): what table entries are kept as."""
    return _json(value)


def _as_it_is(payload: bytes | None) -> bytes | None:
    return payload


def _text(payload: bytes | None) -> str | None:
    return None if payload is None else payload.decode()
