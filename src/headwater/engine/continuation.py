"""Continuation tokens of scalable push queries: where a query had come to, for one that goes on from there."""

from __future__ import annotations

import base64

import msgspec

from headwater.engine.errors import ErrorCode, RequestError

ENABLED = "ksql.query.push.v2.continuation.tokens.enabled"
CONTINUED = "request.ksql.query.push.continuation.token"


class _Token(msgspec.Struct):
    offsets: list[int]
    """The next one of each partition."""


def token_of(offsets: list[int]) -> str:
    return base64.b64encode(msgspec.json.encode(_Token(offsets))).decode()


def offsets_of(token: str) -> list[int]:
    """Raises `RequestError` for what is no token."""
    try:
        return msgspec.json.decode(base64.b64decode(token, validate=True), type=_Token).offsets
    except (ValueError, msgspec.MsgspecError):
        raise RequestError(f"Not a continuation token: {token}", ErrorCode.BAD_REQUEST) from None
