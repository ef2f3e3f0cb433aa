"""The bytes of state and of internal topics: msgpack, of any text."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.core.surrogates import cleaned

_pack = msgspec.msgpack.Encoder().encode


def pack(value: Any) -> bytes:
    """The value in msgpack; lone surrogates become `?`, as they do on the topics of Kafka Streams."""
    try:
        return _pack(value)
    except UnicodeEncodeError:
        return _pack(cleaned(value))
