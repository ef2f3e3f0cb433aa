"""SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677): logging in without sending the password, as Kafka has it.

The broker keeps two keys derived from the password, which are of no use for logging in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

MIN_ITERATIONS, MAX_ITERATIONS = 4_096, 16_384
"""What Kafka accepts: below is too weak, above is a way to keep clients busy."""
_SALT_BYTES = 16
_NONCE_BYTES = 18
_MAX_MESSAGE = 4_096


class ScramMechanism(IntEnum):
    """The numbers are those of the admin API (KIP-554)."""

    SHA_256 = 1
    SHA_512 = 2

    @property
    def sasl_name(self) -> str:
        return "SCRAM-" + self.name.replace("_", "-")

    @property
    def hash_name(self) -> str:
        return self.name.replace("_", "").lower()


MECHANISMS = {mechanism.sasl_name: mechanism for mechanism in ScramMechanism}


class ScramError(Exception):
    """A message that breaks the rules or does not prove knowledge of the password."""


@dataclass(frozen=True, slots=True)
class ScramCredential:
    """What is kept of a user's password."""

    mechanism: ScramMechanism
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    @classmethod
    def from_salted_password(
        cls, mechanism: ScramMechanism, salt: bytes, iterations: int, salted: bytes
    ) -> ScramCredential:
        """From what admin clients send: the password is salted on their side."""
        client_key = hmac.digest(salted, b"Client Key", mechanism.hash_name)
        stored_key = hashlib.new(mechanism.hash_name, client_key).digest()
        server_key = hmac.digest(salted, b"Server Key", mechanism.hash_name)
        return cls(mechanism, salt, iterations, stored_key, server_key)

    @classmethod
    def from_password(
        cls, mechanism: ScramMechanism, password: str, salt: bytes | None = None, iterations: int = MIN_ITERATIONS
    ) -> ScramCredential:
        """Takes about 3 ms for the fewest iterations."""
        salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
        salted = hashlib.pbkdf2_hmac(mechanism.hash_name, password.encode(), salt, iterations)
        return cls.from_salted_password(mechanism, salt, iterations, salted)

    def matches(self, password: str) -> bool:
        """Whether this is the password; as slow as `from_password`."""
        other = self.from_password(self.mechanism, password, self.salt, self.iterations)
        return hmac.compare_digest(other.stored_key, self.stored_key)


class ScramExchange:
    """The server's side of one login: `first`, then `final`."""

    def __init__(
        self,
        mechanism: ScramMechanism,
        credential_of: Callable[[str, ScramMechanism], ScramCredential | None],
        nonce: Callable[[], str] = lambda: secrets.token_urlsafe(_NONCE_BYTES),
    ) -> None:
        self._mechanism = mechanism
        self._credential_of = credential_of
        self._server_nonce = nonce()
        self._credential: ScramCredential | None = None
        self._binding = ""
        self._client_nonce = self._nonce = ""
        self._signed = ""
        self.username = ""

    @property
    def began(self) -> bool:
        """Whether `first` has been answered."""
        return self._credential is not None

    def first(self, message: bytes) -> bytes:
        """Answer the client's first message with salt and iterations. Raises `ScramError`."""
        text = _text(message)
        parts = text.split(",", 2)
        if len(parts) != 3 or parts[0] not in ("n", "y"):
            raise ScramError("The first message has no channel binding flag of n or y")
        self._binding = f"{parts[0]},{parts[1]},"
        bare = parts[2]
        fields = _fields(bare)
        if "m" in fields:
            raise ScramError("Mandatory extensions are not known here")
        self.username = fields.get("n", "").replace("=2C", ",").replace("=3D", "=")
        if parts[1] and parts[1] != f"a={fields.get('n')}":
            raise ScramError("Nobody may act for another user")
        client_nonce = fields.get("r", "")
        if not client_nonce:
            raise ScramError("The first message has no nonce")
        credential = self._credential_of(self.username, self._mechanism)
        if credential is None:
            raise ScramError("The user is not known for this mechanism")
        self._credential = credential
        self._client_nonce, self._nonce = client_nonce, client_nonce + self._server_nonce
        answer = f"r={self._nonce},s={base64.b64encode(credential.salt).decode()},i={credential.iterations}"
        self._signed = f"{bare},{answer}"
        return answer.encode()

    def final(self, message: bytes) -> bytes:
        """Check the client's proof; the answer proves that we know the user too. Raises `ScramError`."""
        credential = self._credential
        if credential is None:
            raise ScramError("The final message came before the first")
        text = _text(message)
        without_proof, found, proof_text = text.rpartition(",p=")
        fields = _fields(without_proof)
        # librdkafka before 2.6.1 puts its own nonce in front of the combined one once more; Kafka took that until 4.0.
        nonces = (self._nonce, self._client_nonce + self._nonce)
        if not found or fields.get("r") not in nonces or _decoded(fields.get("c", "")) != self._binding.encode():
            raise ScramError("The final message does not continue the first")
        name = self._mechanism.hash_name
        signed = f"{self._signed},{without_proof}".encode()
        signature = hmac.digest(credential.stored_key, signed, name)
        proof = _decoded(proof_text)
        if len(proof) != len(signature):
            raise ScramError("The proof has a wrong length")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(hashlib.new(name, client_key).digest(), credential.stored_key):
            raise ScramError("The password is wrong")
        return b"v=" + base64.b64encode(hmac.digest(credential.server_key, signed, name))


def _text(message: bytes) -> str:
    if len(message) > _MAX_MESSAGE:
        raise ScramError(f"A message of {len(message)} bytes is too long")
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise ScramError("The message is not UTF-8") from None


def _fields(text: str) -> dict[str, str]:
    return {part[:1]: part[2:] for part in text.split(",") if part[1:2] == "="}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramError("The message has a field that is not base64") from None
