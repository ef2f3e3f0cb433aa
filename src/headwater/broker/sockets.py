"""What a listener needs of sockets: binding them, counting connections, the name in a client's certificate."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.broker.settings import BrokerSettings

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted: clients of a restarted node come all at once."""


def bind_all(host: str, port: int) -> list[socket.socket]:
    """Listening sockets, one for each address of the host, on the same port; 0 takes a free one. Raises `OSError`."""
    listening: list[socket.socket] = []
    addresses = dict.fromkeys(
        (family, str(address[0])) for family, _, _, _, address in socket.getaddrinfo(host or None, port, type=_STREAM)
    )
    try:
        for family, address in addresses:
            made = socket.create_server((address, port), family=family, backlog=BACKLOG)
            made.setblocking(False)
            listening.append(made)
            port = made.getsockname()[1]
    except OSError:
        for made in listening:
            made.close()
        raise
    return listening


_STREAM = socket.SOCK_STREAM


@dataclass
class ConnectionCounts:
    """How many connections there are, in all and by address, against their limits."""

    limit: int
    limit_per_address: int
    total: int = 0
    by_address: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, settings: BrokerSettings) -> ConnectionCounts:
        """With the limits of the settings."""
        return cls(settings.max_connections, settings.max_connections_per_ip)

    def take(self, address: str) -> str | None:
        """Count one more; or say why not."""
        if self.total >= self.limit:
            return f"there are {self.total} connections, the most allowed (kafka.max_connections)"
        if self.by_address[address] >= self.limit_per_address:
            return f"it has {self.limit_per_address} connections, the most allowed (kafka.max_connections_per_ip)"
        self.total += 1
        self.by_address[address] += 1
        return None

    def give_back(self, address: str) -> None:
        """One has ended."""
        self.total -= 1
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]


_SHORT = {
    "commonName": "CN",
    "organizationalUnitName": "OU",
    "organizationName": "O",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "countryName": "C",
    "domainComponent": "DC",
    "userId": "UID",
    "streetAddress": "STREET",
    "emailAddress": "1.2.840.113549.1.9.1",
}
_SPECIAL = re.compile(r'([,+"\\<>;])')


def distinguished_name(certificate: Mapping[str, Any]) -> str:
    """The subject of a certificate, as `SSLSocket.getpeercert` gives it, in the form of RFC 2253 and so of Kafka's
    principals: the most specific part first, `CN=app,OU=team,O=example`."""
    parts: Iterable[Iterable[tuple[str, str]]] = reversed(certificate.get("subject", ()))
    return ",".join("+".join(f"{_SHORT.get(name, name)}={_escaped(value)}" for name, value in part) for part in parts)


def _escaped(value: str) -> str:
    text = _SPECIAL.sub(r"\\\1", value)
    if text[:1] in (" ", "#"):
        text = f"\\{text}"
    return f"{text[:-1]}\\ " if text.endswith(" ") and len(text) > 1 else text
