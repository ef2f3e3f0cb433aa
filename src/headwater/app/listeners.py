"""The Kafka listeners that settings ask for: name, address, security protocol, advertised address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from headwater.core.errors import ConfigError
from headwater.core.settings import MAX_PORT, Settings

MAIN = "kafka"
"""Name of the listener on `kafka.port`."""
TLS = "tls"
"""Name of the listener on `kafka.tls_port`."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_KEYS = ("port", "host", "security_protocol", "advertised_host", "advertised_port")


class SecurityProtocol(StrEnum):
    """Kafka's four."""

    PLAINTEXT = "PLAINTEXT"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SSL = "SSL"
    SASL_SSL = "SASL_SSL"

    @property
    def has_login(self) -> bool:
        """Whether clients log in with SASL."""
        return self.value.startswith("SASL")

    @property
    def has_tls(self) -> bool:
        return self.value.endswith("SSL")


@dataclass(frozen=True)
class Listener:
    """One listener. Port 0 takes a free one; empty and 0 in what is advertised mean the address the client came to."""

    name: str
    host: str
    port: int
    protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    advertised_host: str = ""
    advertised_port: int = 0
    setting: str = "kafka.port"
    """What to change to have it on another port."""

    @property
    def endpoint(self) -> str:
        """What the node calls it where it says where it listens."""
        return self.name if self.name == MAIN else f"{MAIN}-{self.name}"


def login_required(settings: Settings) -> bool:
    """Whether clients have to log in, at every door that does not say otherwise."""
    return bool(settings.node.api_keys) or settings.node.authentication == "required"


def listeners(settings: Settings) -> list[Listener]:
    """All of them, the main one first. Raises `ConfigError` naming the setting."""
    kafka, host = settings.kafka, settings.node.host
    protocol = kafka.security_protocol
    if protocol == "auto":
        protocol = SecurityProtocol.SASL_PLAINTEXT if login_required(settings) else SecurityProtocol.PLAINTEXT
    found = [Listener(MAIN, host, kafka.port, SecurityProtocol(protocol), kafka.advertised_host, kafka.advertised_port)]
    if kafka.tls_port >= 0:
        found.append(
            Listener(
                TLS, host, kafka.tls_port, SecurityProtocol.SASL_SSL, kafka.advertised_host, 0, setting="kafka.tls_port"
            )
        )
    found += _more(kafka.listeners, host)
    names = [listener.name.lower() for listener in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two Kafka listeners are named `{twice}`: rename the one in [kafka.listeners.{twice}]")
    return found


def _more(entries: Mapping[str, str], host: str) -> Iterator[Listener]:
    tables: dict[str, dict[str, str]] = {}
    for key, value in entries.items():
        name, dot, entry = key.partition(".")
        if not dot or not _NAME.fullmatch(name):
            raise ConfigError(f"`{key}` in the setting kafka.listeners is not `NAME.port` or the like")
        if entry not in _KEYS:
            raise ConfigError(f"unknown setting `kafka.listeners.{key}`; a listener has {', '.join(_KEYS)}")
        tables.setdefault(name, {})[entry] = value
    for name, table in tables.items():
        where = f"kafka.listeners.{name}"
        if "port" not in table:
            raise ConfigError(f"the Kafka listener `{name}` has no port: set {where}.port")
        wanted = table.get("security_protocol", "PLAINTEXT").upper()
        if wanted not in SecurityProtocol.__members__:
            known = ", ".join(SecurityProtocol)
            raise ConfigError(f"setting `{where}.security_protocol` must be one of {known}, not `{wanted}`")
        yield Listener(
            name,
            table.get("host", host),
            _port(table["port"], f"{where}.port"),
            SecurityProtocol[wanted],
            table.get("advertised_host", ""),
            _port(table.get("advertised_port", "0"), f"{where}.advertised_port"),
            setting=f"{where}.port",
        )


def _port(text: str, where: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise ConfigError(f"setting `{where}` must be a whole number from 0 to {MAX_PORT}, not `{text}`")
    return int(text)
