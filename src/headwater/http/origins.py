"""Which web pages may use a listener: none but those the node was told of.

A browser lets every page send requests to `localhost`, though not read the answers, and a page may give its own name
this machine's address (DNS rebinding). Browsers say in `Origin` which page a request comes from, and in `Host` under
which name it was sent; other clients send no `Origin`.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from headwater.engine.settings import EngineSettings
from headwater.http.errors import HttpError

ALLOWED_ORIGINS = "access.control.allow.origin"
ADVERTISED = "ksql.advertised.listener"
WHERE = "under [ksql.properties] in the node's config file (see Web pages in docs/security.md)"


@dataclass(frozen=True)
class Origins:
    """The rule of one listener. `hosts` None takes requests under any name."""

    allowed: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = None

    @classmethod
    def of(cls, settings: EngineSettings, bound_host: str) -> Origins:
        """The rule for a listener bound to a host: only one that others cannot reach knows all its names."""
        allowed = frozenset(part.strip() for part in settings.text(ALLOWED_ORIGINS).split(",") if part.strip())
        hosts = cls.at(bound_host).hosts
        return cls(
            allowed, None if hosts is None else hosts | {_host_of(settings.text(ADVERTISED).rpartition("//")[2])}
        )

    @classmethod
    def at(cls, bound_host: str) -> Origins:
        """The rule for a listener that has no settings about web pages."""
        return cls(hosts=frozenset({bound_host.lower()}) if _is_loopback(bound_host) else None)

    def check(self, connection: HTTPConnection) -> None:
        """Raise `HttpError` (403) for a request that a page of another origin made."""
        hosts = connection.headers.getlist("host")
        for host in hosts:
            name = _host_of(host)
            if not self._knows(name):
                raise HttpError(
                    403,
                    f"This server is not called {name}: requests must name localhost or a loopback address as their "
                    f"host. If it is reached under this name on purpose, set {ADVERTISED}=http://{host} {WHERE}.",
                )
        for origin in connection.headers.getlist("origin"):
            if not self.allowed & {"*", origin} and urlsplit(origin).netloc.lower() not in map(str.lower, hosts):
                raise HttpError(
                    403,
                    f"Pages of {origin} may not use this server. If they are trusted with everything on it, set "
                    f"{ALLOWED_ORIGINS}={origin} {WHERE}.",
                )

    def _knows(self, host: str) -> bool:
        return self.hosts is None or host in self.hosts or is_loopback_name(host)


def for_pages(app: ASGIApp, settings: EngineSettings) -> ASGIApp:
    """The application, telling browsers which pages may read its answers (CORS), if any may."""
    origin = settings.text(ALLOWED_ORIGINS)
    if not origin:
        return app
    listed = {
        name: [part.strip() for part in settings.text(f"access.control.allow.{name}").split(",") if part.strip()]
        for name in ("methods", "headers")
    }
    return CORSMiddleware(
        app,
        allow_origins=[part.strip() for part in origin.split(",")],
        allow_methods=listed["methods"] or ["GET", "POST", "HEAD"],
        allow_headers=listed["headers"],
    )


def is_loopback_name(host: str) -> bool:
    """Whether a host as URLs spell it can only mean the machine it is used on.

    >>> [is_loopback_name(host) for host in ("localhost", "a.localhost", "127.0.0.5", "::1", "evil.example")]
    [True, True, True, True, False]
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(netloc: str) -> str:
    """The host of `host:port` or `[address]:port`, in lower case."""
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0].lower()
    return netloc.partition("/")[0].partition(":")[0].rstrip(".").lower()


def _is_loopback(host: str) -> bool:
    try:
        addresses = [str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)]
    except OSError:
        return False  # binding will say what is wrong with it
    return all(map(is_loopback_name, addresses))
