"""The check of REST clients, one for all doors: HTTP Basic credentials to a principal."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import HTTPConnection

from headwater.broker.access import ANONYMOUS, Access, Principal
from headwater.core.clock import Clock, SystemClock
from headwater.http.errors import HttpError
from headwater.http.identity import address_of

_LOGGER = logging.getLogger(__name__)
FAILED_LOGIN_MS = 100
_MOST_WAITING = 10
"""Logins of one name from one address that are checked one after the other."""
_MOST_KNOWN = 10_000
"""Secrets that are remembered as right; beyond, all are forgotten, which costs a slow check each."""


class RestAccess:
    """Asks the node's one `Access`.

    A wrong secret is told after `failed_login_ms`, and meanwhile no other is checked for the same name and address: so
    guessing is as slow as on the Kafka listeners, and cannot keep the node busy with slow hashes. Secrets that were
    right before do not wait. Where too many wait, one more at a time is checked beside them, so that a right secret
    can come in from an address that others, behind the same proxy, guess from.
    """

    def __init__(self, access: Access, clock: Clock | None = None, failed_login_ms: int = FAILED_LOGIN_MS) -> None:
        self._access = access
        self._clock = clock or SystemClock()
        self._failed_login = failed_login_ms / 1000
        self._key = secrets.token_bytes(32)
        self._known: set[bytes] = set()
        self._waiting: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._beside: set[tuple[str, str]] = set()
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def identify(self, connection: HTTPConnection) -> Principal | None:
        """Who sent the request: is one for `Identify`.

        None without credentials where they are needed, and with wrong ones where any are checked: on a node without a
        single key, clients may send what they like, as many do that are configured for another server. Raises
        `HttpError` (429) while too many logins wait.
        """
        address = address_of(connection)
        pair = basic_login(connection)
        if pair is not None and await self._verified(*pair, address):
            return Principal(pair[0], address, self._access)
        if self._access.required or (pair is not None and self._access.exists(pair[0])):
            return None
        return Principal(ANONYMOUS, address, self._access)

    async def _verified(self, name: str, secret: str, address: str) -> bool:
        digest = hashlib.blake2b(f"{name}\0{secret}".encode(), key=self._key).digest()
        if digest in self._known and self._access.verify(name, secret):
            return True
        self._known.discard(digest)
        if not self._access.exists(name) and not self._access.required:
            return False
        place = address, name
        async with self._turn(place):
            return await self._check(name, secret, address, digest)

    @asynccontextmanager
    async def _turn(self, place: tuple[str, str]) -> AsyncIterator[None]:
        """Wait for the place's next check. Raises `HttpError` (429) where too many wait."""
        if self._waiting[place] >= _MOST_WAITING:
            if place in self._beside:
                raise HttpError(429, f"Too many logins of {place[1]} fail. Try again in a moment", {"Retry-After": "1"})
            self._beside.add(place)
            try:
                yield
            finally:
                self._beside.discard(place)
            return
        self._waiting[place] += 1
        try:
            async with self._turns[place]:
                yield
        finally:
            self._waiting[place] -= 1
            if not self._waiting[place]:
                del self._waiting[place], self._turns[place]

    async def _check(self, name: str, secret: str, address: str, digest: bytes) -> bool:
        if self._access.verify(name, secret):
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known.add(digest)
            return True
        _LOGGER.warning("Refused a REST login from %s: the API key or secret is wrong", address)
        await self._clock.sleep(self._failed_login)
        return False


def basic_login(connection: HTTPConnection) -> tuple[str, str] | None:
    """Name and secret that a request gives (RFC 7617); None if it gives none that can be read."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if colon else None
