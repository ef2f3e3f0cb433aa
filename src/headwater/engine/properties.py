"""Session and server properties: which names exist, what values they take, who may change them.

A name has one canonical form, under which the rest of the engine asks for it: `ksql.…` for the engine's own, and the
bare name for Kafka Streams and client settings (`ksql.streams.auto.offset.reset` is `auto.offset.reset`). Values are
kept as text, as in a properties file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from headwater.core.errors import HeadwaterError
from headwater.core.javatext import parse_double, parse_int, parse_long
from headwater.engine import property_table as table

STREAMS_PREFIX = "ksql.streams."
REQUEST_PREFIX = "request.ksql."
_CLIENT_PREFIXES = ("consumer.", "producer.", "main.consumer.", "restore.consumer.", "global.consumer.", "admin.")


class PropertyError(HeadwaterError):
    """A property does not exist, may not be changed, or not to this value. The message names it."""


@dataclass(frozen=True)
class Property:
    """One known property. `default` None means it has none. `choices` empty means any value of the type."""

    name: str
    type: str
    default: str | None
    choices: tuple[str, ...] = ()
    least: int | None = None
    streams: bool = False
    """Whether `SHOW PROPERTIES` spells it with the `ksql.streams.` prefix."""

    @property
    def secret(self) -> bool:
        return self.type == "password" or is_secret_name(self.name)

    def check(self, value: str) -> str:
        """The value as kept; raises `PropertyError` when it does not fit."""
        problem = self._problem(value)
        if problem is None:
            return value
        raise PropertyError(f"Invalid value {value!r} for property '{self.name}': {problem}.")

    def _problem(self, value: str) -> str | None:
        if self.choices:
            allowed = ", ".join(self.choices)
            return None if value in self.choices else f"it must be one of {allowed}"
        if self.type == "boolean":
            return None if value.lower() in ("true", "false") else "it must be true or false"
        parse = _NUMBERS.get(self.type)
        if parse is None:
            return None
        try:
            number = parse(value)
        except ValueError:
            return f"it must be a number of type {self.type}"
        return None if self.least is None or number >= self.least else f"it must be at least {self.least}"


_NUMBERS = {"int": parse_int, "short": parse_int, "long": parse_long, "double": parse_double}


def is_secret_name(name: str) -> bool:
    """Whether values of a name that the table does not know are to be hidden."""
    lowered = name.lower()
    return any(word in lowered for word in ("password", "secret", "jaas", "user.info", "credential", "token"))


@cache
def known_properties() -> Mapping[str, Property]:
    """All properties of the table by canonical name."""
    groups = ((table.KSQL, False), (table.STREAMS, True), (table.CONSUMER, True), (table.PRODUCER, True),
              (table.SSL, False), (table.REQUEST, False))  # fmt: skip
    found: dict[str, Property] = {}
    for text, streams in groups:
        for entry in _parse_table(text, streams):
            found.setdefault(entry.name, entry)
    return found


def _parse_table(text: str, streams: bool) -> Iterator[Property]:
    for line in text.strip().splitlines():
        name, spec, *rest = line.split(None, 2)
        default = rest[0].strip() if rest else ""
        if default == "{system topics}":
            default = table.SYSTEM_TOPICS
        kind, _, least = spec.partition(">=")
        kind, _, choices = kind.partition("=")
        yield Property(
            name,
            kind,
            None if default == "-" else default,
            tuple(choices.split(",")) if choices else (),
            int(least) if least else None,
            streams,
        )


def canonical_name(name: str) -> str | None:
    """The canonical form of a known name, or of one below a free prefix; None for a name that means nothing."""
    known = known_properties()
    bare = name.removeprefix(STREAMS_PREFIX)
    if name in known:  # also ksql.streams.shutdown.timeout.ms, which is the engine's own
        return name
    if bare in known and known[bare].streams:
        return bare
    for prefix in _CLIENT_PREFIXES:
        rest = bare.removeprefix(prefix)
        if rest != bare and rest in known and known[rest].streams:
            return bare
    if bare.startswith("topic.") or name.startswith(table.FREE_PREFIXES):
        return bare
    return None


def describe(name: str) -> Property:
    """The property behind a canonical name; a free-form string property where the table has no line for it."""
    known = known_properties()
    if name in known:
        return known[name]
    for prefix in _CLIENT_PREFIXES:
        rest = name.removeprefix(prefix)
        if rest != name and rest in known:
            return known[rest]
    return Property(name, "string", None)


def check_override(name: str, value: object, server: Mapping[str, str]) -> tuple[str, str]:
    """(canonical name, value as text) of a session or request override; `server` are the server's properties.

    Raises `PropertyError` for an unknown name, one that may not be changed, or a value of the wrong type or range.
    """
    canonical = check_overridable(name, server)
    return canonical, describe(canonical).check(as_text(value))


def check_server_property(name: str, value: object) -> tuple[str, str]:
    """(canonical name, value as text) of a property of the server's own; raises `PropertyError` as `check_override`."""
    canonical = _known_name(name)
    return canonical, describe(canonical).check(as_text(value))


def _known_name(name: str) -> str:
    canonical = canonical_name(name)
    if canonical is None or canonical.startswith(REQUEST_PREFIX):
        near = difflib.get_close_matches(name, known_properties(), 1, 0.8)
        hint = f" Did you mean '{near[0]}'?" if near else " SHOW PROPERTIES lists the names."
        raise PropertyError(f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'.{hint}")
    return canonical


def check_overridable(name: str, server: Mapping[str, str]) -> str:
    """The canonical form of a name that a session may change; raises `PropertyError` for any other name."""
    canonical = _known_name(name)
    if _denied(canonical, server):
        raise PropertyError(
            f"Property '{name}' cannot be changed by a session or request: the server forbids overriding [{canonical}]."
        )
    return canonical


def check_request_property(name: str, value: object) -> tuple[str, str]:
    """The same for `requestProperties`, where only `request.ksql.` names are allowed."""
    known = known_properties().get(name)
    if known is None or not name.startswith(REQUEST_PREFIX):
        raise PropertyError(f"Not a request property: '{name}'. Only names that begin with {REQUEST_PREFIX} are.")
    return name, known.check(as_text(value))


def _denied(name: str, server: Mapping[str, str]) -> bool:
    if name in table.IMMUTABLE or name.startswith("ssl.") or name == "ksql.service.id":
        return True
    if name.startswith("ksql.properties.overrides."):
        return True
    if server.get("ksql.properties.overrides.validation.mode") == "allowlist":
        return name not in _names(server.get("ksql.properties.overrides.allowlist", ""))
    return name in _names(server.get("ksql.properties.overrides.denylist", ""))


def _names(text: str) -> set[str]:
    return {canonical_name(part.strip()) or part.strip() for part in text.split(",") if part.strip()}


def as_text(value: object) -> str:
    """A JSON value as properties files spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(as_text(item) for item in value)
    return str(value)


def shown_name(name: str) -> str:
    """How `SHOW PROPERTIES` spells a canonical name."""
    return STREAMS_PREFIX + name if describe(name).streams or name.startswith("topic.") else name
