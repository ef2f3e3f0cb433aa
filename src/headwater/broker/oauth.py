"""OAUTHBEARER: bearer tokens (JWT) checked without a signature, where that is enabled, or with keys from a JWKS.

KIP-255 has the mechanism and the unsecured tokens, KIP-768 the signed ones; settings are named after theirs. Nothing
here does I/O except through the `KeySource` given.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from headwater.core.clock import Clock

MECHANISM = "OAUTHBEARER"
MAX_TOKEN = 16 << 10
"""Bytes; tokens with many claims have 2 to 4 KB."""
_MESSAGE = re.compile(rb"n,(?:a=([^,\x01]*))?,\x01((?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)+)\x01?", re.ASCII)
_PARTS = 3


class TokenError(Exception):
    """The token is not to be trusted; says why, without the token."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a valid token says. `expires_ms` is a moment of the wall clock."""

    principal: str
    expires_ms: int
    scopes: frozenset[str]


class TokenValidator(Protocol):
    """Decides about tokens."""

    async def validate(self, token: str) -> Token:
        """Raises `TokenError`."""
        ...


class KeySource(Protocol):
    """Where the public keys come from."""

    async def key(self, key_id: str | None, algorithm: str) -> Callable[[bytes, bytes], bool]:
        """A function (signed bytes, signature) to whether it is right. Raises `TokenError` if there is no such key."""
        ...


def parse_bearer(message: bytes) -> str:
    """The token in a client's first message (RFC 7628). Raises `TokenError`."""
    if len(message) > MAX_TOKEN:
        raise TokenError(f"a message of {len(message)} bytes is too long")
    found = _MESSAGE.fullmatch(message)
    if found is None:
        raise TokenError("the message is not that of OAUTHBEARER")
    pairs = dict(pair.split(b"=", 1) for pair in found[2].split(b"\x01") if pair)
    scheme, _, token = pairs.get(b"auth", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise TokenError("the message has no bearer token")
    return token.decode("ascii")


@dataclass(frozen=True)
class Rules:
    """What a token must say. Empty means that it does not matter."""

    issuer: str = ""
    audiences: Collection[str] = ()
    required_scopes: Collection[str] = ()
    principal_claim: str = "sub"
    scope_claim: str = "scope"
    skew_ms: int = 30_000
    """How far clocks may differ."""

    def check(self, claims: dict[str, Any], now_ms: int) -> Token:
        """The token of these claims. Raises `TokenError`."""
        expires = _moment(claims, "exp")
        if expires is None:
            raise TokenError("it has no expiry (claim exp)")
        if now_ms > expires + self.skew_ms:
            raise TokenError("it has expired")
        for claim in ("nbf", "iat"):
            moment = _moment(claims, claim)
            if moment is not None and moment - self.skew_ms > now_ms:
                raise TokenError(f"it is not valid yet (claim {claim})")
        if self.issuer and claims.get("iss") != self.issuer:
            raise TokenError("it has another issuer")
        audience = claims.get("aud")
        if self.audiences and not set(self.audiences) & set(_texts(audience)):
            raise TokenError("it is for another audience")
        scopes = frozenset(scope for text in _texts(claims.get(self.scope_claim)) for scope in text.split())
        missing = sorted(set(self.required_scopes) - scopes)
        if missing:
            raise TokenError(f"it lacks the scope {missing[0]}")
        principal = claims.get(self.principal_claim)
        if not isinstance(principal, str) or not principal.strip():
            raise TokenError(f"it names nobody (claim {self.principal_claim})")
        return Token(principal, expires, scopes)


class UnsecuredValidator:
    """Takes tokens without a signature (`alg` none): for development, and only where it was enabled."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def validate(self, token: str) -> Token:
        header, claims, _, signature = split(token)
        if header.get("alg") != "none" or signature:
            raise TokenError("it is signed; only unsecured tokens are taken here")
        return self._rules.check(claims, self._clock.now_ms())


class SignedValidator:
    """Takes tokens signed with a key of the `KeySource`."""

    ALGORITHMS = ("RS256", "ES256")

    def __init__(self, rules: Rules, clock: Clock, keys: KeySource) -> None:
        self._rules = rules
        self._clock = clock
        self._keys = keys

    async def validate(self, token: str) -> Token:
        header, claims, signed, signature = split(token)
        algorithm = header.get("alg")
        if algorithm not in self.ALGORITHMS:
            raise TokenError(f"its algorithm is none of {', '.join(self.ALGORITHMS)}")
        key_id = header.get("kid")
        if key_id is not None and not isinstance(key_id, str):
            raise TokenError("its key id is not text")
        is_right = await self._keys.key(key_id, algorithm)
        if not is_right(signed, signature):
            raise TokenError("its signature is wrong")
        return self._rules.check(claims, self._clock.now_ms())


def split(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, the bytes that are signed, and the signature of a compact JWS (RFC 7515). Raises `TokenError`."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise TokenError("it is not a JWT")
    signed = f"{parts[0]}.{parts[1]}".encode()
    return _json(parts[0]), _json(parts[1]), signed, base64url(parts[2])


def base64url(text: str) -> bytes:
    """Raises `TokenError`."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TokenError("it is not base64url") from None


def _json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(base64url(text))
    except (ValueError, RecursionError):
        raise TokenError("it is not JSON inside") from None
    if not isinstance(document, dict):
        raise TokenError("it is not a JSON object inside")
    return document


def _moment(claims: dict[str, Any], name: str) -> int | None:
    """A claim in seconds as ms."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise TokenError(f"its claim {name} is not a moment")
    return int(value * 1000)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
