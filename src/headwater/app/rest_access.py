"""The check of REST clients, one for all doors: HTTP Basic credentials to a principal, and what that may do.

A door of its own error shapes asks `identify`; doors that answer ksqlDB's errors take `authorize` or `authorize_ksql`.
"""

from __future__ import annotations

import base64
import binascii

from starlette.requests import HTTPConnection

from headwater.broker.access import ANONYMOUS, Access, Principal
from headwater.broker.acls import CLUSTER_NAME, KSQL_NAME, Operation, Resource
from headwater.engine.errors import ErrorCode, RequestError
from headwater.http.identity import address_of

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class RestAccess:
    """Asks the node's one `Access`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def identify(self, connection: HTTPConnection) -> Principal | None:
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

    def authorize(self, connection: HTTPConnection) -> None:
        """Raises `RequestError`: 401 without a login; 403 for a request that changes something, from someone who may
        not change the cluster."""
        principal = self._principal(connection)
        if connection.scope.get("method", "GET") in _SAFE_METHODS:
            return
        _demand(principal, Operation.ALTER, Resource.CLUSTER, CLUSTER_NAME)

    def authorize_ksql(self, connection: HTTPConnection) -> None:
        """Raises `RequestError`: 401 without a login; 403 for someone who may not use the SQL engine, or only ask it
        and wants more. That is known here by the path; of /ksql, by its statements."""
        principal = self._principal(connection)
        _demand(principal, Operation.READ, Resource.KSQL, KSQL_NAME)
        if connection.url.path in _CHANGING:
            _demand(principal, Operation.WRITE, Resource.KSQL, KSQL_NAME)

    def _principal(self, connection: HTTPConnection) -> Principal:
        """Also kept in the request's state, for endpoints that look closer."""
        principal = self.identify(connection)
        if principal is None:
            raise RequestError("Unauthorized: give an API key with HTTP Basic authentication", ErrorCode.UNAUTHORIZED)
        connection.state.principal = principal
        return principal


_CHANGING = frozenset({"/inserts-stream", "/ksql/terminate"})


def _demand(principal: Principal, operation: Operation, resource: Resource, name: str) -> None:
    if not principal.may(operation, resource, name):
        raise RequestError(
            f"Forbidden: {principal.name} may not do this. It takes {operation.name} on {resource.name} {name}: "
            "see `headwater acls add`, or use another API key",
            ErrorCode.FORBIDDEN,
        )


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if colon else None
