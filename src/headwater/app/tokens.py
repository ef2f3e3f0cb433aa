"""The keys that tokens are signed with: a JWKS document (RFC 7517), read from a file or URL and kept for a while."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headwater.app.tls_authority import require_library
from headwater.broker.oauth import (
    KeySource,
    Rules,
    SignedValidator,
    TokenError,
    TokenValidator,
    UnsecuredValidator,
    base64url,
)
from headwater.core.clock import Clock
from headwater.core.errors import ConfigError, HeadwaterError
from headwater.core.settings import OauthbearerSettings

logger = logging.getLogger(__name__)

FETCH_SECONDS = 10.0
MAX_BYTES = 1 << 20
EARLIEST_AGAIN_SECONDS = 10.0
"""A token with an unknown key makes us look for new keys, but not more often: anybody can make up such tokens."""
_RSA_BITS = 2048

Check = Callable[[bytes, bytes], bool]


class JwksError(HeadwaterError):
    """The keys cannot be read; says from where and why."""


def token_validator(settings: OauthbearerSettings, clock: Clock) -> TokenValidator | None:
    """What the settings ask for; None if tokens are not taken. Raises `ConfigError`."""
    rules = Rules(
        issuer=settings.expected_issuer,
        audiences=[part.strip() for part in settings.expected_audience.split(",") if part.strip()],
        required_scopes=settings.unsecured_validator_required_scope.split(),
        principal_claim=settings.sub_claim_name,
        scope_claim=settings.scope_claim_name,
        skew_ms=settings.clock_skew_seconds * 1000,
    )
    if settings.unsecured_validator and settings.jwks_endpoint_url:
        raise ConfigError(
            "oauthbearer.unsecured_validator would let anybody in past oauthbearer.jwks_endpoint_url: set one of them"
        )
    if settings.unsecured_validator:
        return UnsecuredValidator(rules, clock)
    if not settings.jwks_endpoint_url:
        return None
    require_library()
    url = settings.jwks_endpoint_url
    return SignedValidator(rules, clock, Jwks(url, clock, settings.jwks_endpoint_refresh_ms / 1000))


class Jwks(KeySource):
    """The keys of one place, read when first needed, when they are old, and when a token names a key not among them."""

    def __init__(self, url: str, clock: Clock, refresh_seconds: float) -> None:
        self._url = url
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._keys: dict[tuple[str | None, str], Check] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._reading = asyncio.Lock()

    async def key(self, key_id: str | None, algorithm: str) -> Check:
        if not self._is_fresh() or (key_id, algorithm) not in self._keys:
            await self._read(key_id, algorithm)
        try:
            return self._keys[key_id, algorithm]
        except KeyError:
            raise TokenError("it is signed with a key that is not known") from None

    def _is_fresh(self) -> bool:
        return self._read_at is not None and self._clock.monotonic() - self._read_at < self._refresh_seconds

    async def _read(self, key_id: str | None, algorithm: str) -> None:
        async with self._reading:
            now = self._clock.monotonic()
            if self._is_fresh() and (key_id, algorithm) in self._keys:
                return  # whoever had the lock before has read it
            if self._tried_at is not None and now - self._tried_at < EARLIEST_AGAIN_SECONDS:
                return
            self._tried_at = now
            try:
                text = await asyncio.to_thread(fetch, self._url)
                self._keys = parse_jwks(text)
            except JwksError as error:
                # Old keys go on being used: an issuer that is away for an hour must not lock everybody out.
                logger.warning("Cannot read the keys of tokens: %s", error)
            else:
                self._read_at = now


def fetch(url: str) -> bytes:
    """The document at an http, https or file URL, or a path; blocks. Raises `JwksError`."""
    import urllib.request  # most nodes check no tokens, and it would lengthen their start

    try:
        if "://" not in url:
            return Path(url).expanduser().read_bytes()
        if not url.startswith(("https://", "http://", "file://")):
            raise JwksError(f"{url} is not an https, http or file URL")
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:  # noqa: S310 - the scheme was checked
            data: bytes = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise JwksError(f"{url}: {error}") from error
    if len(data) > MAX_BYTES:
        raise JwksError(f"{url} has more than {MAX_BYTES} bytes")
    return data


def parse_jwks(text: bytes) -> dict[tuple[str | None, str], Check]:
    """Checks by key id and algorithm; a document's only key also without an id. Keys of other kinds are skipped.

    Raises `JwksError`.
    """
    try:
        document = json.loads(text)
        entries = [entry for entry in document["keys"] if isinstance(entry, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JwksError(f"it is not a JWKS document ({error!r})") from error
    found: dict[tuple[str | None, str], Check] = {}
    for entry in entries:
        if entry.get("use", "sig") != "sig":
            continue
        try:
            made = _check(entry)
        except (TokenError, KeyError, ValueError, TypeError) as error:
            raise JwksError(f"its key `{entry.get('kid')}` is malformed: {error}") from error
        if made is not None:
            algorithm, check = made
            found[entry.get("kid"), algorithm] = check
            if len(entries) == 1:
                found[None, algorithm] = check
    return found


def _check(entry: dict[str, Any]) -> tuple[str, Check] | None:
    if entry.get("kty") == "RSA" and entry.get("alg", "RS256") == "RS256":
        return "RS256", _rs256(_number(entry["n"]), _number(entry["e"]))
    if entry.get("kty") == "EC" and entry.get("crv") == "P-256":
        return "ES256", _es256(_number(entry["x"]), _number(entry["y"]))
    return None


def _number(text: str) -> int:
    return int.from_bytes(base64url(text), "big")


def _rs256(modulus: int, exponent: int) -> Check:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    if modulus.bit_length() < _RSA_BITS:
        raise ValueError(f"an RSA key needs at least {_RSA_BITS} bits")
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()

    def is_right(signed: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    return is_right


def _es256(x: int, y: int) -> Check:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    half = 32  # bytes of each of the two numbers of a signature

    def is_right(signed: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * half:
            return False
        numbers = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        try:
            key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    return is_right
