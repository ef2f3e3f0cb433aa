"""OAUTHBEARER: what of a message and of a token is taken, and a login over a socket that ends with its token."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headwater.broker.auth import ApiKeys
from headwater.broker.oauth import Rules, TokenError, UnsecuredValidator, parse_bearer, split
from headwater.broker.settings import BrokerSettings
from headwater.testing.clock import ManualClock
from headwater.wire.messages import (
    ApiVersionsRequest,
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)
from tests.broker.server import RawClient, running_broker
from tests.broker.support import ManualTime

NOW_S = 1_700_000_000
GOOD: dict[str, Any] = {"sub": "anna", "exp": NOW_S + 100, "iat": NOW_S}


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsecured(claims: object, header: object = None) -> str:
    return f"{part(header or {'alg': 'none'})}.{part(claims)}."


def bearer(token: str) -> bytes:
    return f"n,,\x01auth=Bearer {token}\x01\x01".encode()


@pytest.mark.parametrize(
    ("message", "token"),
    [
        (b"n,,\x01auth=Bearer abc\x01\x01", "abc"),
        (b"n,a=anna,\x01auth=bearer abc\x01traceId=1\x01\x01", "abc"),
        (b"n,,\x01traceId=1\x01auth=Bearer abc\x01\x01", "abc"),
        (b"", None),
        (b"\0anna\0secret", None),
        (b"n,,\x01\x01", None),
        (b"n,,\x01auth=Basic abc\x01\x01", None),
        (b"n,,\x01auth=Bearer \x01\x01", None),
        (b"y,,\x01auth=Bearer abc\x01\x01", None),
        (b"n,,\x01auth=Bearer \xff\x01\x01", None),
        (b"n,,\x01auth=Bearer " + b"a" * 20_000 + b"\x01\x01", None),
    ],
)
def test_the_token_in_a_message(message: bytes, token: str | None) -> None:
    if token is not None:
        assert parse_bearer(message) == token
    else:
        with pytest.raises(TokenError):
            parse_bearer(message)


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c.d", "!.!.!", f"{part([1])}.{part({})}.", f"{part(b'x')}.e30."]
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(TokenError):
        split(token)


@pytest.mark.parametrize(
    ("claims", "rules", "problem"),
    [
        (GOOD, Rules(), ""),
        (GOOD | {"exp": NOW_S - 29}, Rules(), ""),
        (GOOD | {"exp": NOW_S - 31}, Rules(), "expired"),
        (GOOD | {"exp": "soon"}, Rules(), "exp is not a moment"),
        (GOOD | {"exp": True}, Rules(), "exp is not a moment"),
        (GOOD | {"exp": 1e300}, Rules(), "exp is not a moment"),
        ({"sub": "anna"}, Rules(), "no expiry"),
        (GOOD | {"nbf": NOW_S + 31}, Rules(), "not valid yet"),
        (GOOD | {"iat": NOW_S + 31}, Rules(), "not valid yet"),
        (GOOD | {"sub": " "}, Rules(), "names nobody"),
        (GOOD | {"sub": 5}, Rules(), "names nobody"),
        (GOOD | {"name": "bert"}, Rules(principal_claim="name"), ""),
        (GOOD, Rules(issuer="us"), "another issuer"),
        (GOOD | {"iss": "us"}, Rules(issuer="us"), ""),
        (GOOD, Rules(audiences=["kafka"]), "another audience"),
        (GOOD | {"aud": "kafka"}, Rules(audiences=["kafka"]), ""),
        (GOOD | {"aud": ["web", "kafka"]}, Rules(audiences=["kafka"]), ""),
        (GOOD | {"scope": "read"}, Rules(required_scopes=["read", "write"]), "lacks the scope write"),
        (GOOD | {"scope": "write read"}, Rules(required_scopes=["read", "write"]), ""),
        (GOOD | {"scp": ["write", "read"]}, Rules(required_scopes=["read"], scope_claim="scp"), ""),
    ],
)
async def test_what_a_token_has_to_say(claims: dict[str, Any], rules: Rules, problem: str) -> None:
    validator = UnsecuredValidator(rules, ManualClock(NOW_S * 1000))
    if problem:
        with pytest.raises(TokenError, match=problem):
            await validator.validate(unsecured(claims))
    else:
        token = await validator.validate(unsecured(claims))
        assert token.principal == claims[rules.principal_claim]
        assert token.expires_ms == claims["exp"] * 1000


async def test_an_unsecured_validator_takes_no_signed_token() -> None:
    validator = UnsecuredValidator(Rules(), ManualClock(NOW_S * 1000))
    for token in (unsecured(GOOD, {"alg": "RS256"}), unsecured(GOOD) + "c2ln"):
        with pytest.raises(TokenError, match="signed"):
            await validator.validate(token)


async def test_a_login_with_a_token_ends_when_the_token_does() -> None:
    time = ManualTime(NOW_S)
    async with running_broker(clock=time, timers=time, tokens=UnsecuredValidator(Rules(), time), login=True) as running:
        client = await RawClient.connect(running.port)
        shaken = await client.ask(SaslHandshakeRequest(mechanism="OAUTHBEARER"), 1, SaslHandshakeResponse)
        assert (shaken.error_code, "OAUTHBEARER" in shaken.mechanisms) == (0, True)
        request = SaslAuthenticateRequest(auth_bytes=bearer(unsecured(GOOD)))
        login = await client.ask(request, 2, SaslAuthenticateResponse)
        assert (login.error_code, login.session_lifetime_ms) == (0, 100_000)
        (connection,) = running.listener._connections
        assert connection.session.principal == "anna"
        time.advance(101)
        client.send(ApiVersionsRequest(), 0)
        assert await client.closed_by_server()
        await client.close()


async def test_tokens_are_not_offered_unless_they_can_be_checked() -> None:
    async with running_broker(login=True) as running:
        client = await RawClient.connect(running.port)
        shaken = await client.ask(SaslHandshakeRequest(mechanism="OAUTHBEARER"), 1, SaslHandshakeResponse)
        assert shaken.error_code == 33
        assert "OAUTHBEARER" not in shaken.mechanisms
        await client.close()


async def test_a_token_makes_nobody_an_api_key() -> None:
    """A key may do what its role says; who gives out tokens has not given out keys."""
    tokens = UnsecuredValidator(Rules(), ManualClock(NOW_S * 1000))
    settings = BrokerSettings(failed_login_delay_ms=0)
    async with running_broker(
        settings=settings, tokens=tokens, login=True, verifier=ApiKeys({"anna": "secret"})
    ) as running:
        client = await RawClient.connect(running.port)
        await client.ask(SaslHandshakeRequest(mechanism="OAUTHBEARER"), 1, SaslHandshakeResponse)
        request = SaslAuthenticateRequest(auth_bytes=bearer(unsecured(GOOD)))
        refusal = await client.ask(request, 2, SaslAuthenticateResponse)
        assert (refusal.error_code, refusal.error_message) == (
            58, "Authentication failed: it names an API key of this node",
        )  # fmt: skip
        assert await client.closed_by_server()
        await client.close()
