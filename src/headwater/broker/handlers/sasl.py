"""Authentication: SaslHandshake and SaslAuthenticate, mechanisms PLAIN and SCRAM."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from headwater.broker.auth import parse_plain
from headwater.broker.errors import Code
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

MECHANISMS = ["PLAIN", *SCRAM]
REFUSAL_DELAY = 0.1
"""Seconds before a client learns that its secret is wrong: slows down guessing, and clients that retry at once (Kafka's
`connection.failed.authentication.delay.ms`)."""
_REFUSED = "Authentication failed: invalid credentials"


def sasl_handshake(broker: Broker, context: Context, request: SaslHandshakeRequest) -> SaslHandshakeResponse:
    """Agree on a mechanism. After version 0 the client sends bare tokens, no SaslAuthenticate (KIP-43, KIP-152)."""
    session = context.session
    if broker.verifier is None or session.principal is not None:
        return SaslHandshakeResponse(error_code=Code.ILLEGAL_SASL_STATE, mechanisms=MECHANISMS)
    if request.mechanism not in MECHANISMS:
        return SaslHandshakeResponse(error_code=Code.UNSUPPORTED_SASL_MECHANISM, mechanisms=MECHANISMS)
    session.sasl_mechanism = request.mechanism
    session.sasl_raw = context.version == 0
    return SaslHandshakeResponse(mechanisms=MECHANISMS)


def sasl_authenticate(
    broker: Broker, context: Context, request: SaslAuthenticateRequest
) -> SaslAuthenticateResponse | Awaitable[SaslAuthenticateResponse]:
    """Verify the client's token. A wrong one gets an answer, then the connection is closed."""
    session = context.session
    if session.sasl_mechanism is None or session.principal is not None:
        session.closing = True
        return SaslAuthenticateResponse(
            error_code=Code.ILLEGAL_SASL_STATE, error_message="SaslAuthenticate must follow one SaslHandshake"
        )
    answer = authenticate(broker, session, request.auth_bytes)
    return _refuse_slowly(broker) if answer is None else SaslAuthenticateResponse(auth_bytes=answer)


async def _refuse_slowly(broker: Broker) -> SaslAuthenticateResponse:
    refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    broker.timers.call_later(REFUSAL_DELAY, lambda: None if refused.done() else refused.set_result(None))
    await refused
    return SaslAuthenticateResponse(error_code=Code.SASL_AUTHENTICATION_FAILED, error_message=_REFUSED)


def authenticate(broker: Broker, session: Session, token: bytes) -> bytes | None:
    """What to answer to the client's token. Sets the session's principal when the login is complete; None, and the
    session is marked as closing, if it has failed."""
    verifier = broker.verifier
    answer: bytes | None = None
    if verifier is not None and session.sasl_mechanism in SCRAM:
        answer = _scram(broker, session, token)
    elif verifier is not None:
        credentials = parse_plain(token)
        if credentials is not None and broker.verify(*credentials):
            session.principal = credentials[0]
            answer = b""
    if answer is None:
        session.closing = True
        logger.warning("Refused a login from %s: the API key or secret is wrong", session.peer)
    return answer


def _scram(broker: Broker, session: Session, token: bytes) -> bytes | None:
    mechanism = SCRAM[session.sasl_mechanism or ""]
    exchange = session.scram or ScramExchange(mechanism, broker.credential)
    session.scram = None
    try:
        if exchange.began:
            answer = exchange.final(token)
            session.principal = exchange.username
        else:
            answer = exchange.first(token)
            session.scram = exchange
    except ScramError as error:
        logger.info("SCRAM login from %s: %s", session.peer, error)
        return None
    return answer
