"""The check of REST clients, one for all doors: HTTP Basic credentials to a principal."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import HTTPConnection

from headwater.broker.access import ANONYMOUS, Access, Principal
from headwater.http.identity import address_of


class RestAccess:
    """Asks the node's one `Access`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def identify(self, connection: HTTPConnection) -> Principal | None:
        """Who sent the request: is one for `Identify`.

        None without credentials where they are needed, and with wrong ones where any are checked: on a node without a
        single key, clients may send what they like, as many do that are configured for another server.
        """
        address = address_of(connection)
        pair = _basic(connection.headers.get("authorization", ""))
        if pair is not None and self._access.verify(*pair):
            return Principal(pair[0], address, self._access)
        if self._access.required or (pair is not None and self._access.exists(pair[0])):
            return None
        return Principal(ANONYMOUS, address, self._access)


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if colon else None
