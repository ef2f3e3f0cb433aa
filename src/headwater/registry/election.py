"""Which of several registries on one Kafka cluster writes: elected in a group of Kafka, as Confluent's registries do.

Every member says who it is; the one that Kafka chose to assign names the writer: the eligible one with the smallest
URL, as Confluent's does, so that both kinds of registry can be members of one group.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec import field as member

PROTOCOL_TYPE = "sr"
PROTOCOL = "v0"
GROUP = "schema-registry"
HTTP_PORT, HTTPS_PORT = 80, 443


class Identity(Struct, frozen=True):
    """A registry, as the members of the group know it."""

    host: str
    port: int
    eligible: bool = member(default=True, name="master_eligibility")
    scheme: str = "http"
    version: int = 1

    @property
    def url(self) -> str:
        """Where it is asked."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @classmethod
    def at(cls, url: str) -> Identity:
        """The registry at `http://host:port` or `https://host:port`."""
        parts = urlsplit(url)
        default = HTTPS_PORT if parts.scheme == "https" else HTTP_PORT
        return cls(parts.hostname or "", parts.port or default, scheme=parts.scheme)


@dataclass(frozen=True)
class Peers:
    """How this registry asks the one that writes: with which `Authorization`, if not with its clients' own, and (https)
    trusting which authorities, a PEM file, or the system's."""

    authorization: str | None = field(default=None, repr=False)
    ca_file: str = ""

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """What https is spoken with: made once, as reading the system's authorities takes long. Raises `OSError`."""
        return ssl.create_default_context(cafile=self.ca_file or None)


class Assignment(Struct, frozen=True, omit_defaults=True):
    """What every member is told. `error` 1: two members have one URL."""

    version: int = 1
    error: int = 0
    writer_id: str | None = member(default=None, name="master")
    writer: Identity | None = member(default=None, name="master_identity")


DUPLICATE_URLS = 1


def metadata(identity: Identity) -> bytes:
    """What a member says of itself."""
    return msgspec.json.encode(identity)


def assign(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same for every member: who writes."""
    known = {member: msgspec.json.decode(said, type=Identity) for member, said in members.items()}
    candidates = sorted((identity.url, member) for member, identity in known.items() if identity.eligible)
    writer = candidates[0][1] if candidates else None
    error = DUPLICATE_URLS if len({identity.url for identity in known.values()}) < len(known) else 0
    said = {"version": 1, "error": error, "master": writer, "master_identity": known[writer] if writer else None}
    encoded = msgspec.json.encode({name: value for name, value in said.items() if value is not None})
    return dict.fromkeys(members, encoded)


def assignment(told: bytes) -> Assignment:
    """What this member was told. Raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(told, type=Assignment)
