"""Keys of windowed topics: the key's bytes followed by the window's bounds (section 11 of the format rules)."""

from __future__ import annotations

import struct

from headwater.core.errors import DeserializationError

_TIME = struct.Struct(">q")
_SESSION = struct.Struct(">qq")


def time_key(key: bytes, start: int) -> bytes:
    """The key of a TUMBLING or HOPPING window that starts at `start` (ms)."""
    return key + _TIME.pack(start)


def session_key(key: bytes, start: int, end: int) -> bytes:
    """The key of a SESSION window; the end (ms, inclusive) comes first."""
    return key + _SESSION.pack(end, start)


def split_time_key(payload: bytes, size: int) -> tuple[bytes, int, int]:
    """(key, window start, window end) in ms. `size` is the window's size, which the bytes do not tell.

    Raises `DeserializationError` when there is no room for a window.
    """
    cut = len(payload) - _TIME.size
    if cut < 0:
        raise _too_short(payload, _TIME.size)
    (start,) = _TIME.unpack_from(payload, cut)
    return payload[:cut], start, start + size


def split_session_key(payload: bytes) -> tuple[bytes, int, int]:
    """(key, window start, window end) in ms. Raises `DeserializationError` when there is no room for a window."""
    cut = len(payload) - _SESSION.size
    if cut < 0:
        raise _too_short(payload, _SESSION.size)
    end, start = _SESSION.unpack_from(payload, cut)
    return payload[:cut], start, end


def _too_short(payload: bytes, needed: int) -> DeserializationError:
    return DeserializationError(
        f"Not a windowed key: {len(payload)} bytes, but the window alone takes {needed}. "
        "Was the topic written without a window, or with another WINDOW_TYPE?"
    )
