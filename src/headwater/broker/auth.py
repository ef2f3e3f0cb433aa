"""Who a client is: verifying names and secrets, which are kept only in forms that are no use elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from headwater.broker.scram import ScramCredential, ScramMechanism


class Role(StrEnum):
    """What an API key may do before any ACL is looked at."""

    ADMIN = "admin"
    """Everything."""
    READ_ONLY = "read-only"
    """Read and describe everything, commit positions; change nothing else."""
    USER = "user"
    """Only what ACLs allow, as users have it that are made through Kafka's admin API."""


class Verifier(Protocol):
    """The API keys that the node's operator has made."""

    def verify(self, username: str, password: str) -> bool:
        """Whether a user name (API key) and password (API secret) belong together."""
        ...

    def credential(self, username: str, mechanism: ScramMechanism) -> ScramCredential | None:
        """What to check the user's SCRAM login with; None if there is no such user."""
        ...

    def role(self, username: str) -> Role | None:
        """What the user may do; None if there is no such user."""
        ...


class ApiKeys:
    """A fixed set of API keys that may do everything. The secrets are forgotten: only their hashes under random salts
    are kept."""

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

    def role(self, username: str) -> Role | None:
        return Role.ADMIN if username in self._hashes else None

    def _hash(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode(), key=self._salt).digest()


class VerifiedSecrets:
    """Remembers which secrets were found right, so that a client that logs in with every request (REST) does not cost
    a slow hash (3 ms) each time. What is kept is a hash under a key that only this process has."""

    LIMIT = 10_000
    """Entries; beyond, all are forgotten: that costs a slow hash each, nothing else."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._seen: dict[str, tuple[ScramCredential, bytes]] = {}

    def matches(self, username: str, credential: ScramCredential, password: str) -> bool:
        """Whether the password is the credential's."""
        digest = hashlib.blake2b(password.encode(), key=self._key).digest()
        known = self._seen.get(username)
        if known is not None and known[0] == credential and hmac.compare_digest(known[1], digest):
            return True
        if not credential.matches(password):
            return False
        if len(self._seen) >= self.LIMIT:
            self._seen.clear()
        self._seen[username] = credential, digest
        return True


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
