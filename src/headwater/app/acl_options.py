"""From the options of `headwater acls` to entries and filters of the protocol, and back to words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from headwater.broker.acls import (
    ANY_NAME,
    CLUSTER_NAME,
    KSQL_NAME,
    OWN_RESOURCES,
    Operation,
    Pattern,
    Permission,
    Resource,
)
from headwater.cluster.admin import AclEntry, AclSelection
from headwater.core.errors import ConfigError


@dataclass(frozen=True)
class Resources:
    """What the options name; a name ending in `*` is a prefix, `*` alone is every name."""

    topic: str | None = None
    group: str | None = None
    transactional_id: str | None = None
    cluster: bool = False
    subject: str | None = None
    connector: str | None = None
    ksql: bool = False

    @property
    def named(self) -> list[tuple[Resource, str]]:
        """Those given."""
        found = [
            (Resource.TOPIC, self.topic),
            (Resource.GROUP, self.group),
            (Resource.TRANSACTIONAL_ID, self.transactional_id),
            (Resource.CLUSTER, CLUSTER_NAME if self.cluster else None),
            (Resource.SUBJECT, self.subject),
            (Resource.CONNECTOR, self.connector),
            (Resource.KSQL, KSQL_NAME if self.ksql else None),
        ]
        return [(resource, name) for resource, name in found if name is not None]


def named(principal: str | None) -> str | None:
    """With the kind that Kafka wants in front."""
    return principal if principal is None or ":" in principal else f"User:{principal}"


def pattern_of(name: str) -> tuple[str, Pattern]:
    """
    >>> pattern_of("orders-*")
    ('orders-', <Pattern.PREFIXED: 4>)
    """
    if name != ANY_NAME and name.endswith("*"):
        return name[:-1], Pattern.PREFIXED
    return name, Pattern.LITERAL


def operation_of(word: str) -> Operation:
    """Raises `ConfigError`."""
    try:
        found = Operation[word.upper().replace("-", "_")]
    except KeyError:
        found = Operation.ANY
    if found is Operation.ANY:
        known = ", ".join(o.name.lower().replace("_", "-") for o in Operation if o is not Operation.ANY)
        raise ConfigError(f"--operation must be one of {known}, not `{word}`")
    return found


def entries(
    resources: Resources, principal: str | None, operations: Sequence[str], host: str, *, deny: bool
) -> list[AclEntry]:
    """To add. Raises `ConfigError` saying what is missing."""
    if principal is None or not operations or not resources.named:
        raise ConfigError("give --principal, --operation and a resource, for example --topic orders")
    permission = Permission.DENY if deny else Permission.ALLOW
    return [
        AclEntry(resource, *pattern_of(name), principal, host, operation_of(word), permission)
        for resource, name in resources.named
        for word in operations
    ]


def selections(
    resources: Resources, principal: str | None, operations: Sequence[str], *, deny: bool | None
) -> list[AclSelection]:
    """To list or remove. Without a resource: of every kind, ours one by one (Kafka has no "any" for them)."""
    permission = {None: Permission.ANY, True: Permission.DENY, False: Permission.ALLOW}[deny]
    words = [operation_of(word) for word in operations] or [Operation.ANY]
    kinds: Iterable[tuple[Resource, str | None, Pattern]] = [
        (resource, *pattern_of(name)) for resource, name in resources.named
    ] or [(resource, None, Pattern.ANY) for resource in (Resource.ANY, *sorted(OWN_RESOURCES))]
    return [
        AclSelection(resource, name, pattern, principal, None, operation, permission)
        for resource, name, pattern in kinds
        for operation in words
    ]


def rows(found: Iterable[AclEntry]) -> list[list[object]]:
    """For people: names instead of numbers."""
    return list(_rows(found))


def _rows(found: Iterable[AclEntry]) -> Iterator[list[object]]:
    for entry in found:
        name = f"{entry.name}*" if entry.pattern == Pattern.PREFIXED else entry.name
        kind, operation = _word(Resource, entry.resource), _word(Operation, entry.operation)
        yield [kind, name, entry.principal, entry.host, operation, _word(Permission, entry.permission)]


def _word(kind: type[Resource | Operation | Permission], number: int) -> str:
    try:
        return kind(number).name.lower().replace("_", "-")
    except ValueError:
        return str(number)
