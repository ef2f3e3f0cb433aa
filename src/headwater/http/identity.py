"""Who sent a request: the seam between the REST doors and the one authorizer of the node.

Every door asks `Identify`; None means that the client has to log in, which each door says in its protocol's words (401,
`WWW-Authenticate: Basic`). What the client may do is asked of the `Principal`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from headwater.broker.access import ANONYMOUS, Access, Principal

Identify = Callable[[HTTPConnection], Awaitable[Principal | None]]
"""A request to who sent it; None if it has no credentials, or wrong ones, where they are needed."""

_OPEN = Access()


async def anybody(connection: HTTPConnection) -> Principal:
    """Nobody has to log in, and everybody may do everything: for a listener bound to loopback."""
    return Principal(ANONYMOUS, address_of(connection), _OPEN)


def address_of(connection: HTTPConnection) -> str:
    """The address that a request came from."""
    return connection.client.host if connection.client is not None else "127.0.0.1"
