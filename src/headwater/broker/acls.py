"""Access control lists: who may do what to which resource, decided as Apache Kafka's authorizer does (KIP-11, KIP-290).

Pure: a set of entries and questions about it. A deny wins over every allow; what nothing allows is denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

ANY_NAME = "*"
ANY_PRINCIPAL = "User:*"
ANY_HOST = "*"
CLUSTER_NAME = "kafka-cluster"
KSQL_NAME = "ksql-cluster"


class Resource(IntEnum):
    """What an entry is about; numbers of the protocol."""

    ANY = 1
    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7
    # Ours, far above Kafka's own. Kafka's clients do not know them, so they are listed only to who asks for them.
    SUBJECT = 100
    """A subject of the schema registry."""
    CONNECTOR = 101
    KSQL = 102
    """The SQL engine; its one name is `ksql-cluster`."""


OWN_RESOURCES = frozenset({Resource.SUBJECT, Resource.CONNECTOR, Resource.KSQL})
"""Kinds of resource that Kafka does not have."""


class Pattern(IntEnum):
    """How an entry's name is compared; ANY and MATCH are for filters only."""

    ANY = 1
    MATCH = 2
    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What is done; numbers of the protocol."""

    ANY = 1
    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12
    CREATE_TOKENS = 13
    DESCRIBE_TOKENS = 14
    TWO_PHASE_COMMIT = 15


OPERATIONS = {
    Resource.TOPIC: (
        Operation.READ,
        Operation.WRITE,
        Operation.CREATE,
        Operation.DELETE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    Resource.GROUP: (
        Operation.READ,
        Operation.DELETE,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    Resource.CLUSTER: (
        Operation.CREATE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.CLUSTER_ACTION,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
        Operation.IDEMPOTENT_WRITE,
    ),
}
"""What can be done with resources that clients ask to have described."""


class Permission(IntEnum):
    """Whether an entry allows or denies."""

    ANY = 1
    DENY = 2
    ALLOW = 3


_IMPLIED_BY = {
    Operation.DESCRIBE: {Operation.DESCRIBE, Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER},
    Operation.DESCRIBE_CONFIGS: {Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS},
}
"""Being allowed one of these is being allowed the operation; a deny does not spread so."""


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One entry. `principal` is `User:name` or `User:*`, `host` an address or `*`."""

    resource: Resource
    name: str
    pattern: Pattern
    principal: str
    host: str
    operation: Operation
    permission: Permission

    def covers(self, resource: Resource, name: str) -> bool:
        """Whether it is about the resource."""
        if self.resource is not resource:
            return False
        if self.pattern is Pattern.PREFIXED:
            return name.startswith(self.name)
        return self.name in (name, ANY_NAME)

    def concerns(self, principal: str, host: str) -> bool:
        """Whether it is about who asks."""
        return self.principal in (principal, ANY_PRINCIPAL) and self.host in (host, ANY_HOST)


@dataclass(frozen=True, slots=True)
class AclFilter:
    """Selects entries; None and ANY select all."""

    resource: Resource
    name: str | None
    pattern: Pattern
    principal: str | None
    host: str | None
    operation: Operation
    permission: Permission

    def selects(self, acl: Acl) -> bool:
        kinds = (acl.resource,) if acl.resource in OWN_RESOURCES else (Resource.ANY, acl.resource)
        return (
            self.resource in kinds
            and self._selects_name(acl)
            and self.principal in (None, acl.principal)
            and self.host in (None, acl.host)
            and self.operation in (Operation.ANY, acl.operation)
            and self.permission in (Permission.ANY, acl.permission)
        )

    def _selects_name(self, acl: Acl) -> bool:
        if self.pattern not in (Pattern.ANY, Pattern.MATCH, acl.pattern):
            return False
        if self.name is None:
            return True
        return acl.covers(acl.resource, self.name) if self.pattern is Pattern.MATCH else acl.name == self.name


class Acls:
    """All entries, found by the name they are about: with thousands of them a decision looks at a few."""

    def __init__(self, entries: Iterable[Acl] = ()) -> None:
        self._literal: dict[tuple[Resource, str], set[Acl]] = {}
        self._prefixed: dict[Resource, dict[str, set[Acl]]] = {}
        for acl in entries:
            self.add(acl)

    def __iter__(self) -> Iterator[Acl]:
        for entries in self._literal.values():
            yield from entries
        for prefixes in self._prefixed.values():
            for entries in prefixes.values():
                yield from entries

    def add(self, acl: Acl) -> None:
        """Nothing happens if it is there."""
        self._entries(acl).add(acl)

    def remove(self, acl: Acl) -> None:
        """Nothing happens if it is not there."""
        self._entries(acl).discard(acl)

    def _entries(self, acl: Acl) -> set[Acl]:
        if acl.pattern is Pattern.PREFIXED:
            return self._prefixed.setdefault(acl.resource, {}).setdefault(acl.name, set())
        return self._literal.setdefault((acl.resource, acl.name), set())

    def allows(self, principal: str, host: str, operation: Operation, resource: Resource, name: str) -> bool:
        """Whether the principal (`User:name`), coming from the address, may do it."""
        implied_by = _IMPLIED_BY.get(operation, {operation})
        allowed = False
        for acl in self._about(resource, name):
            if not acl.concerns(principal, host):
                continue
            if acl.permission is Permission.DENY:
                if acl.operation in (operation, Operation.ALL):
                    return False
            elif acl.operation is Operation.ALL or acl.operation in implied_by:
                allowed = True
        return allowed

    def denies(self, principal: str, host: str, operation: Operation, resource: Resource, name: str) -> bool:
        """Whether an entry forbids it; if not, it may still be that nothing allows it."""
        return any(
            acl.permission is Permission.DENY
            and acl.operation in (operation, Operation.ALL)
            and acl.concerns(principal, host)
            for acl in self._about(resource, name)
        )

    def has_about(self, resource: Resource, name: str) -> bool:
        """Whether any entry, for whomever, is about the resource."""
        return any(True for _ in self._about(resource, name))

    def _about(self, resource: Resource, name: str) -> Iterator[Acl]:
        """The entries about a resource."""
        yield from self._literal.get((resource, name), ())
        if name != ANY_NAME:
            yield from self._literal.get((resource, ANY_NAME), ())
        for prefix, entries in self._prefixed.get(resource, {}).items():
            if name.startswith(prefix):
                yield from entries
