"""What the broker remembers about one connection, and about one request on it."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.broker.scram import ScramExchange

ANONYMOUS = "ANONYMOUS"


@dataclass(slots=True)
class Session:
    """One client connection. `principal` is None until the client has authenticated where that is required."""

    peer: str
    """Address the client came from, as group descriptions show it."""
    local_host: str
    local_port: int
    """Where the client reached us: what Metadata advertises unless settings say otherwise."""
    principal: str | None = ANONYMOUS
    sasl_mechanism: str | None = None
    """Set by a successful SaslHandshake."""
    sasl_raw: bool = False
    """The next frame is a bare SASL token: the client began with SaslHandshake v0."""
    scram: ScramExchange | None = None
    """A login that has begun and needs another message."""
    closing: bool = False
    """Set by a handler that wants the connection closed once its answer is sent."""


@dataclass(slots=True)
class Context:
    """One request: who sends it, in which version."""

    session: Session
    version: int
    client_id: str
