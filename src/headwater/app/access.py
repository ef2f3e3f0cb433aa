"""Who may connect: which addresses may be listened on without a password, and the check of REST clients."""

from __future__ import annotations

import base64
import binascii
import socket
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from headwater.broker.auth import ApiKeys
from headwater.core.errors import ConfigError
from headwater.core.settings import NodeSettings
from headwater.engine.errors import ErrorCode, RequestError
from headwater.http.guard import Authorize, allow_all


def check_exposure(settings: NodeSettings) -> None:
    """Raise `ConfigError` for listeners that anybody on the network could use, or on an address that is not ours."""
    check_address(settings.host)
    if settings.insecure or settings.api_keys or is_loopback(settings.host):
        return
    raise ConfigError(
        f"refusing to listen on {settings.host}: it is not a loopback address and clients need no password. Set "
        "node.api_keys, or give --insecure if everybody who can reach this machine may read and write everything"
    )


def check_address(host: str) -> None:
    """Raise `ConfigError` if this machine has none of the host's addresses, whatever the port."""
    reason: OSError | None = None
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM):
            try:
                with socket.socket(family, kind) as probe:
                    probe.bind(address)
            except OSError as error:
                reason = error
            else:
                return
    except OSError as error:
        reason = error
    raise ConfigError(f"the setting node.host, `{host}`, is not an address of this machine: {reason}") from reason


def is_loopback(host: str) -> bool:
    """Whether every address of the host is reachable from this machine only. Raises `ConfigError` for no host."""
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(host or None, None)}
    except OSError as error:
        raise ConfigError(f"the setting node.host, `{host}`, is not an address of this machine: {error}") from error
    return bool(host) and all(ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)


def rest_authorizer(keys: ApiKeys | None) -> Authorize:
    """The check of a REST request's Basic credentials; without keys everybody passes."""
    if keys is None:
        return allow_all

    def authorize(connection: HTTPConnection) -> None:
        pair = _basic(connection.headers.get("authorization", ""))
        if pair is None or not keys.verify(*pair):
            raise RequestError("Unauthorized: give an API key with HTTP Basic authentication", ErrorCode.UNAUTHORIZED)

    return authorize


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if colon else None


def address(host: str, port: int) -> str:
    """`host:port`, as clients write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
