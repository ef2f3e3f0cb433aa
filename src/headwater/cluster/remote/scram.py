"""SCRAM-SHA-256 and -512 from the client's side (RFC 5802): logging in without sending the password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable

MECHANISMS = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_MOST_ITERATIONS = 1_000_000
"""A server that asks for more wants to keep us busy: it would take over half a second."""


class ScramLoginError(Exception):
    """What the server says is not part of a login, or proves that it does not know the password."""


class ScramLogin:
    """One login: `first`, then `final` with the server's answer, then `verify` with its last."""

    def __init__(
        self,
        mechanism: str,
        username: str,
        password: str,
        nonce: Callable[[], str] = lambda: secrets.token_urlsafe(18),
    ) -> None:
        self._hash = MECHANISMS[mechanism]
        self._password = password
        self._nonce = nonce()
        name = username.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, answer: bytes) -> bytes:
        """Raises `ScramLoginError`."""
        text = answer.decode("utf-8", "replace")
        fields = {part[:1]: part[2:] for part in text.split(",")}
        try:
            salt, iterations = base64.b64decode(fields["s"]), int(fields["i"])
            nonce = fields["r"]
        except (KeyError, ValueError) as error:
            raise ScramLoginError("its first answer has no salt, iterations or nonce") from error
        if not nonce.startswith(self._nonce) or not 0 < iterations <= _MOST_ITERATIONS:
            raise ScramLoginError("its first answer does not fit the question")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password.encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        without_proof = f"c=biws,r={nonce}"
        signed = f"{self._bare},{text},{without_proof}".encode()
        signature = hmac.digest(hashlib.new(self._hash, client_key).digest(), signed, self._hash)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), signed, self._hash)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, answer: bytes) -> None:
        """Raises `ScramLoginError` unless the server knows the password too."""
        if not hmac.compare_digest(answer, b"v=" + base64.b64encode(self._signature)):
            raise ScramLoginError("it does not know the password itself")
