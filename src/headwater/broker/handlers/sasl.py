"""Authentication: SaslHandshake, SaslAuthenticate; PLAIN, SCRAM and OAUTHBEARER; logging in again (KIP-368)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from headwater.broker.access import ANONYMOUS
from headwater.broker.auth import parse_plain
from headwater.broker.errors import Code
from headwater.broker.oauth import MECHANISM as OAUTHBEARER
from headwater.broker.oauth import TokenError, parse_bearer
from headwater.broker.scram import MECHANISMS as SCRAM
from headwater.broker.scram import ScramError, ScramExchange
from headwater.broker.session import Context, Session
from headwater.wire.messages import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

logger = logging.getLogger(__name__)

_REFUSED = "Authentication failed: invalid credentials"
_NO_LIFETIME = 0


def mechanisms(broker: Broker) -> list[str]:
    """What clients may choose from."""
    return ["PLAIN", *SCRAM, *([OAUTHBEARER] if broker.tokens is not None else [])]


def sasl_handshake(broker: Broker, context: Context, request: SaslHandshakeRequest) -> SaslHandshakeResponse:
    """Agree on a mechanism. After version 0 the client sends bare tokens, no SaslAuthenticate (KIP-43, KIP-152)."""
    session, offered = context.session, mechanisms(broker)
    again = session.principal is not None
    if not session.login or session.sasl_pending or (again and context.version == 0):
        return SaslHandshakeResponse(error_code=Code.ILLEGAL_SASL_STATE, mechanisms=offered)
    if again and request.mechanism != session.sasl_mechanism:
        return SaslHandshakeResponse(error_code=Code.ILLEGAL_SASL_STATE, mechanisms=offered)
    if request.mechanism not in offered or (request.mechanism == OAUTHBEARER and context.version == 0):
        return SaslHandshakeResponse(error_code=Code.UNSUPPORTED_SASL_MECHANISM, mechanisms=offered)
    session.sasl_mechanism = request.mechanism
    session.sasl_pending = True
    session.sasl_raw = context.version == 0
    return SaslHandshakeResponse(mechanisms=offered)


def sasl_authenticate(
    broker: Broker, context: Context, request: SaslAuthenticateRequest
) -> SaslAuthenticateResponse | Awaitable[SaslAuthenticateResponse]:
    """Verify the client's token. A wrong one gets an answer, then the connection is closed."""
    session = context.session
    if not session.sasl_pending:
        session.closing = True
        return SaslAuthenticateResponse(
            error_code=Code.ILLEGAL_SASL_STATE, error_message="SaslAuthenticate must follow one SaslHandshake"
        )
    if session.sasl_mechanism == OAUTHBEARER:
        return _bearer(broker, session, bytes(request.auth_bytes))
    answer = authenticate(broker, session, request.auth_bytes)
    if answer is None:
        return _refuse_slowly(broker)
    return SaslAuthenticateResponse(auth_bytes=answer, session_lifetime_ms=_lifetime_ms(broker, session))


async def _refuse_slowly(broker: Broker, reason: str = _REFUSED) -> SaslAuthenticateResponse:
    """Answer after a while: it slows down guessing, and clients that retry at once (Kafka's
    `connection.failed.authentication.delay.ms`)."""
    refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    delay = broker.settings.failed_login_delay_ms / 1000
    broker.timers.call_later(delay, lambda: None if refused.done() else refused.set_result(None))
    await refused
    return SaslAuthenticateResponse(error_code=Code.SASL_AUTHENTICATION_FAILED, error_message=reason)


def _lifetime_ms(broker: Broker, session: Session) -> int:
    """For how long the login holds, in ms, for the answer; 0 without a limit, or while it is not complete."""
    if session.expires is None or session.sasl_pending:
        return _NO_LIFETIME
    return max(int((session.expires - broker.clock.monotonic()) * 1000), 1)


def authenticate(broker: Broker, session: Session, token: bytes) -> bytes | None:
    """What to answer to the client's PLAIN or SCRAM token. Sets the session's principal when the login is complete;
    None, and the session is marked as closing, if it has failed."""
    answer: bytes | None = None
    if session.sasl_mechanism in SCRAM:
        answer = _scram(broker, session, token)
    else:
        credentials = parse_plain(token)
        if credentials is not None and broker.access.verify(*credentials):
            answer = b"" if _complete(broker, session, credentials[0]) else None
    if answer is None:
        session.closing = True
        logger.warning("Refused a login from %s: the API key or secret is wrong", session.peer)
    return answer


def _complete(broker: Broker, session: Session, principal: str, lifetime: float | None = None) -> bool:
    """The client has proved who it is; `lifetime` is what its token has left, in seconds.

    False, and nothing is changed, if it may not be that now.
    """
    if principal == ANONYMOUS or (session.principal is not None and session.principal != principal):
        return False  # who logs in again has to stay the same (KIP-368)
    limit_ms = broker.settings.connections_max_reauth_ms
    limits = [limit for limit in (lifetime, limit_ms / 1000 if limit_ms else None) if limit is not None]
    session.expires = broker.clock.monotonic() + min(limits) if limits else None
    session.principal = principal
    session.by_secret = session.sasl_mechanism != OAUTHBEARER
    session.sasl_pending = False
    return True


def _scram(broker: Broker, session: Session, token: bytes) -> bytes | None:
    mechanism = SCRAM[session.sasl_mechanism or ""]
    exchange = session.scram or ScramExchange(mechanism, broker.access.credential)
    session.scram = None
    try:
        if exchange.began:
            answer = exchange.final(token)
            return answer if _complete(broker, session, exchange.username) else None
        answer = exchange.first(token)
        session.scram = exchange
    except ScramError as error:
        logger.info("SCRAM login from %s: %s", session.peer, error)
        return None
    return answer


async def _bearer(broker: Broker, session: Session, message: bytes) -> SaslAuthenticateResponse:
    """OAUTHBEARER (KIP-255). A refusal is an error at once, not the two steps of RFC 7628: clients understand both."""
    try:
        if broker.tokens is None:
            raise TokenError("tokens are not taken here")
        token = await broker.tokens.validate(parse_bearer(message))
        if broker.access.is_operators(token.principal):
            # Keys have roles; whoever may choose a name where tokens are given must not come to one that way.
            raise TokenError("it names an API key of this node")
        lifetime = token.expires_ms / 1000 - broker.clock.now_ms() / 1000
        if not _complete(broker, session, token.principal, max(lifetime, 0.0)):
            raise TokenError("logging in again must not change the principal")
    except TokenError as error:
        session.closing = True
        logger.warning("Refused a token from %s: %s", session.peer, error)
        return await _refuse_slowly(broker, f"Authentication failed: {error}")
    return SaslAuthenticateResponse(session_lifetime_ms=_lifetime_ms(broker, session))
