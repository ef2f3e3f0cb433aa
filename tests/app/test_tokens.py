"""Signed tokens: keys from a JWKS file, when they are read again, and what a wrong signature is."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from headwater.app.tokens import EARLIEST_AGAIN_SECONDS, JwksError, parse_jwks, token_validator
from headwater.broker.oauth import TokenError, TokenValidator
from headwater.core.errors import ConfigError
from headwater.core.settings import OauthbearerSettings
from headwater.testing.clock import START_MS, ManualClock

RSA = rsa.generate_private_key(65_537, 2_048)
OTHER_RSA = rsa.generate_private_key(65_537, 2_048)
EC = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {"sub": "anna", "exp": START_MS // 1000 + 100, "iss": "us", "aud": "kafka"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_entry(key: rsa.RSAPrivateKey, key_id: str = "r") -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": key_id, "use": "sig", "n": number(numbers.n), "e": number(numbers.e)}


def ec_entry() -> dict[str, Any]:
    numbers = EC.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": "e", "x": number(numbers.x), "y": number(numbers.y)}


def signed(algorithm: str, key_id: str | None = None, key: rsa.RSAPrivateKey = RSA, **claims: object) -> str:
    header = {"alg": algorithm} | ({"kid": key_id} if key_id else {})
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(CLAIMS | claims).encode())}"
    if algorithm == "RS256":
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(EC.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{text}.{b64(signature)}"


def validator(file: Path, clock: ManualClock, *entries: dict[str, Any], **settings: Any) -> TokenValidator:
    file.write_text(json.dumps({"keys": entries}))
    made = token_validator(OauthbearerSettings(jwks_endpoint_url=str(file), **settings), clock)
    assert made is not None
    return made


async def refusal(validator: TokenValidator, token: str) -> str:
    with pytest.raises(TokenError) as caught:
        await validator.validate(token)
    return str(caught.value)


async def test_tokens_signed_with_known_keys_are_taken(tmp_path: Path) -> None:
    found = validator(
        tmp_path / "jwks", ManualClock(), rsa_entry(RSA), ec_entry(), expected_issuer="us", expected_audience="a,kafka"
    )
    for token in (signed("RS256", "r"), signed("ES256", "e")):
        assert (await found.validate(token)).principal == "anna"
        assert "signature is wrong" in await refusal(found, token[:-8] + "AAAAAAAA")
    assert "issuer" in await refusal(found, signed("RS256", "r", iss="them"))
    assert "audience" in await refusal(found, signed("RS256", "r", aud="web"))
    assert "expired" in await refusal(found, signed("RS256", "r", exp=START_MS // 1000 - 60))
    assert "not known" in await refusal(found, signed("RS256", "x"))
    assert "signature is wrong" in await refusal(found, signed("RS256", "r", OTHER_RSA))
    none = f"{b64(json.dumps({'alg': 'none'}).encode())}.{b64(json.dumps(CLAIMS).encode())}."
    assert "algorithm" in await refusal(found, none)


async def test_the_only_key_needs_no_id(tmp_path: Path) -> None:
    found = validator(tmp_path / "jwks", ManualClock(), rsa_entry(RSA))
    assert (await found.validate(signed("RS256"))).principal == "anna"


async def test_keys_are_read_again_for_an_unknown_one_but_not_for_every_token(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "jwks"
    found = validator(file, clock, rsa_entry(RSA, "1"))
    await found.validate(signed("RS256", "1"))
    file.write_text(json.dumps({"keys": [rsa_entry(OTHER_RSA, "2")]}))
    assert "not known" in await refusal(found, signed("RS256", "2", OTHER_RSA))
    clock.advance(int(EARLIEST_AGAIN_SECONDS * 1000))
    assert (await found.validate(signed("RS256", "2", OTHER_RSA))).principal == "anna"
    assert "not known" in await refusal(found, signed("RS256", "1"))


async def test_while_the_keys_cannot_be_read_the_old_ones_serve(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "jwks"
    found = validator(file, clock, rsa_entry(RSA), jwks_endpoint_refresh_ms=60_000)
    await found.validate(signed("RS256", "r"))
    file.unlink()
    clock.advance(61_000)
    assert (await found.validate(signed("RS256", "r"))).principal == "anna"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"keys": 5}',
        b'{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}',
        b'{"keys": [{"kty": "RSA"}]}',
        b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}]}',
    ],
)
def test_what_is_no_jwks(text: bytes) -> None:
    with pytest.raises(JwksError):
        parse_jwks(text)


def test_unsecured_tokens_are_taken_only_where_that_was_enabled_and_alone() -> None:
    assert token_validator(OauthbearerSettings(), ManualClock()) is None
    assert token_validator(OauthbearerSettings(unsecured_validator=True), ManualClock()) is not None
    with pytest.raises(ConfigError, match="set one of them"):
        token_validator(OauthbearerSettings(unsecured_validator=True, jwks_endpoint_url="x"), ManualClock())
