"""Frames of the protocol, without their four length bytes: headers in front of requests and responses.

Request header v1 (v2 adds tagged fields for flexible requests) and response header v0 (v1 likewise). The one exception
is ApiVersions, whose response header stays at v0 so that clients can read it before they know anything (KIP-511).
"""

from __future__ import annotations

import struct
from functools import cache
from struct import Struct as Packer
from typing import NamedTuple

from headwater.wire.codec import Encode, WireError, encoder
from headwater.wire.decoding import skip_tags
from headwater.wire.definitions import Buffer, Struct
from headwater.wire.messages import api_names, definition

API_VERSIONS = 18

_REQUEST = Packer(">hhih")
_FRAME = Packer(">ii")
_FLEXIBLE_FRAME = Packer(">iix")
_TLS_RECORDS = (21, 22)
"""An alert, which servers refuse with, and a handshake (RFC 8446 section 5.1)."""
_TLS_MAJOR_VERSION = 3
_HTTP_STARTS = frozenset((b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN", b"PRI ", b"HTTP"))
"""The methods, HTTP/2's preface, and answers."""


class RequestHeader(NamedTuple):
    """What stands before a request's body; `body_at` is the byte where the body begins."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str | None
    body_at: int


def read_request_header(frame: memoryview) -> RequestHeader:
    """The header of a request. Raises `WireError`; the API or version may well be unknown."""
    try:
        key, version, correlation, size = _REQUEST.unpack_from(frame, 0)
        at = _REQUEST.size + max(size, 0)
        if at > len(frame):
            raise WireError(f"Malformed request header: a client id of {size} bytes in a frame of {len(frame)}")
        client = None if size < 0 else str(frame[_REQUEST.size : at], "utf-8")
        if is_flexible_request(key, version):
            at = skip_tags(frame, at) if frame[at] else at + 1
    except (struct.error, ValueError, IndexError) as error:
        raise WireError(f"Malformed request header in a frame of {len(frame)} bytes: {error}") from None
    return RequestHeader(key, version, correlation, client, at)


def other_protocol(length: Buffer) -> str:
    """What the sender of a frame's impossible length speaks instead of Kafka's protocol: TLS, HTTP, or "" if unknown.

    >>> [other_protocol(length) for length in (bytes([22, 3, 1, 2]), b"GET ", b"HTTP", bytes(4))]
    ['TLS', 'HTTP', 'HTTP', '']
    """
    start = bytes(length)
    if start[0] in _TLS_RECORDS and start[1] == _TLS_MAJOR_VERSION:
        return "TLS"
    return "HTTP" if start in _HTTP_STARTS else ""


@cache
def is_flexible_request(api_key: int, version: int) -> bool:
    """Whether requests of this version have tagged fields in their header; False for an unknown API."""
    name = api_names().get(api_key)
    return name is not None and definition(f"{name}Request").is_flexible(version)


@cache
def has_flexible_header(api_key: int, version: int) -> bool:
    """Whether responses of this version have tagged fields in their header."""
    return api_key != API_VERSIONS and definition(f"{api_names()[api_key]}Response").is_flexible(version)


def response_frame(api_key: int, version: int, correlation_id: int, response: Struct) -> list[Buffer]:
    """The response as buffers to send, length bytes included. Record batches inside are not copied."""
    encode = encoder(type(response).__name__, version)
    return frame_response(encode, has_flexible_header(api_key, version), correlation_id, response)


def frame_response(encode: Encode, tagged_header: bool, correlation_id: int, response: Struct) -> list[Buffer]:
    """As `response_frame`, for a caller that keeps the encoder at hand."""
    parts: list[Buffer] = [b""]
    encode(response, parts.append)
    size = sum(map(len, parts)) + 4
    parts[0] = _FLEXIBLE_FRAME.pack(size + 1, correlation_id) if tagged_header else _FRAME.pack(size, correlation_id)
    return parts


def request_frame(api_key: int, version: int, correlation_id: int, client_id: str | None, request: Struct) -> bytes:
    """A request as bytes to send, length bytes included: the client's side, for tools and tests."""
    client = client_id.encode() if client_id is not None else b""
    head = _REQUEST.pack(api_key, version, correlation_id, -1 if client_id is None else len(client)) + client
    parts: list[Buffer] = [head + b"\0" if is_flexible_request(api_key, version) else head]
    encoder(type(request).__name__, version)(request, parts.append)
    body = b"".join(parts)
    return len(body).to_bytes(4, "big") + body
