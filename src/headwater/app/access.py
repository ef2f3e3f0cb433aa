"""Which addresses may be listened on: without a login or a client's certificate, those of this machine only."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from headwater.app.listeners import Listener, login_required
from headwater.core.errors import ConfigError
from headwater.core.settings import Settings


def check_exposure(settings: Settings, listeners: Iterable[Listener]) -> None:
    """Raise `ConfigError` for listeners that anybody on the network could use, or on an address that is not ours."""
    host = settings.node.host
    check_address(host, "node.host")
    if not settings.node.insecure and not login_required(settings) and not is_loopback(host):
        raise ConfigError(
            f"refusing to listen on {host}: it is not a loopback address and clients need no password. Set "
            'node.api_keys, or node.authentication = "required" and make keys with `headwater keys create`; or give '
            "--insecure if everybody who can reach this machine may read and write everything"
        )
    for listener in listeners:
        check_address(listener.host, f"host of the Kafka listener `{listener.name}`")
        is_guarded = listener.protocol.has_login or (
            listener.protocol.has_tls and settings.tls.client_auth == "required"
        )
        if not is_guarded and not settings.node.insecure and not is_loopback(listener.host):
            raise ConfigError(
                f"refusing to listen on {listener.host} for the Kafka listener `{listener.name}`: it is not a loopback "
                f"address and clients of {listener.protocol} need no password. Use SASL_SSL, or SSL with "
                'tls.client_auth = "required"; or give --insecure'
            )


def check_address(host: str, setting: str) -> None:
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
    raise ConfigError(f"the setting {setting}, `{host}`, is not an address of this machine: {reason}") from reason


def is_loopback(host: str) -> bool:
    """Whether every address of the host is reachable from this machine only. Raises `ConfigError` for no host."""
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(host or None, None)}
    except OSError as error:
        raise ConfigError(f"the setting node.host, `{host}`, is not an address of this machine: {error}") from error
    return bool(host) and all(ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)


def advertised_url(given: str, host: str, port: int, scheme: str = "http") -> str:
    """Where other nodes reach a REST door at `host` and `port`: as `given`, if it is. Raises `ConfigError`."""
    if given:
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ConfigError(f"the advertised_url `{given}` is not `http://host:port` or `https://host:port`")
        return given.rstrip("/")
    everywhere = host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
    return f"{scheme}://{address(socket.gethostname() if everywhere else host, port)}"


def address(host: str, port: int) -> str:
    """`host:port`, as clients write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
