"""Who a client is: verifying user names and passwords, with secrets kept only in forms that are no use elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Protocol

from headwater.broker.scram import ScramCredential, ScramMechanism


class Verifier(Protocol):
    """The users that the node's operator has set up: they may do everything."""

    def verify(self, username: str, password: str) -> bool:
        """Whether a user name (API key) and password (API secret) belong together."""
        ...

    def credential(self, username: str, mechanism: ScramMechanism) -> ScramCredential | None:
        """What to check the user's SCRAM login with; None if there is no such user."""
        ...

    def knows(self, username: str) -> bool: ...


class ApiKeys:
    """A fixed set of API keys. The secrets are forgotten: only their hashes under random salts are kept."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._salt = secrets.token_bytes(16)
        self._hashes = {name: self._hash(secret) for name, secret in keys.items()}
        self._nobody = self._hash(secrets.token_hex(16))
        self._scram = {
            (name, mechanism): ScramCredential.from_password(mechanism, secret)
            for name, secret in keys.items()
            for mechanism in ScramMechanism
        }

    def verify(self, username: str, password: str) -> bool:
        """Takes the same time for an unknown name as for a wrong secret."""
        expected = self._hashes.get(username, self._nobody)
        return hmac.compare_digest(expected, self._hash(password)) and username in self._hashes

    def credential(self, username: str, mechanism: ScramMechanism) -> ScramCredential | None:
        return self._scram.get((username, mechanism))

    def knows(self, username: str) -> bool:
        return username in self._hashes

    def _hash(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode(), key=self._salt).digest()


def parse_plain(token: bytes) -> tuple[str, str] | None:
    """User name and password of a PLAIN token (RFC 4616: identity, NUL, user, NUL, password); None if malformed."""
    parts = token.split(b"\0")
    if len(parts) != 3:
        return None
    try:
        identity, username, password = (part.decode() for part in parts)
    except UnicodeDecodeError:
        return None
    if not username or (identity and identity != username):
        return None
    return username, password
