"""What the broker remembers about one connection, and about one request on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headwater.broker.access import ANONYMOUS
from headwater.broker.scram import ScramExchange


@dataclass(slots=True)
class Session:
    """One client connection. `principal` is None until the client has authenticated where that is required."""

    peer: str
    """Address the client came from, as group descriptions show it."""
    local_host: str
    local_port: int
    """Where the client reached us: what Metadata advertises unless the listener or settings say otherwise."""
    principal: str | None = ANONYMOUS
    login: bool = False
    """Whether clients of this listener log in with SASL."""
    advertised_host: str = ""
    advertised_port: int = 0
    """Where this listener's clients are told to connect to; empty and 0: see `Broker.advertised`."""
    sasl_mechanism: str | None = None
    """Set by a successful SaslHandshake; stays, because logging in again must use the same one (KIP-368)."""
    sasl_pending: bool = False
    """Between SaslHandshake and the end of the login."""
    sasl_raw: bool = False
    """The next frame is a bare SASL token: the client began with SaslHandshake v0."""
    scram: ScramExchange | None = None
    """A login that has begun and needs another message."""
    expires: float | None = None
    """On the monotonic clock, in seconds: from then on the client may do nothing but log in again (KIP-368)."""
    by_secret: bool = False
    """Whether the login was with the secret of an API key or user, which may be taken away."""
    mute: Callable[[float], None] | None = None
    """Makes the connection take no more requests for so many seconds; set by the listener (KIP-219)."""
    closing: bool = False
    """Set by a handler that wants the connection closed once its answer is sent."""


@dataclass(slots=True)
class Context:
    """One request: who sends it, in which version."""

    session: Session
    version: int
    client_id: str
