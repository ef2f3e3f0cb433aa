"""Who may come in and what they may do: API keys, users made by clients, roles and ACLs. One `Access` serves the Kafka
listeners and every REST door."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.auth import Role, VerifiedSecrets, Verifier
from headwater.broker.scram import ScramCredential, ScramMechanism
from headwater.broker.security import SecurityStore

ANONYMOUS = "ANONYMOUS"
"""Kafka's name for a client that did not log in."""
READING = frozenset({Operation.READ, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS})
"""What `Role.READ_ONLY` may do to every resource. READ of a group is what committing positions needs."""


class Access:
    """Decides about names and secrets, operations and resources.

    `verifier` knows the operator's API keys, `security` the users and ACLs that clients administer (None where the log
    is an Apache Kafka cluster, which has its own). `required` says that clients have to log in; if not, whoever comes
    without a login may do everything. With `open_without_acl` everybody may do what no ACL is about, and nobody is
    above ACLs for having no login (Kafka's `allow.everyone.if.no.acl.found`).
    """

    def __init__(
        self,
        verifier: Verifier | None = None,
        security: SecurityStore | None = None,
        *,
        required: bool = False,
        super_users: AbstractSet[str] = frozenset(),
        open_without_acl: bool = False,
    ) -> None:
        self.verifier = verifier
        self.required = required
        self._security = security
        self._super_users = super_users
        self._open_without_acl = open_without_acl
        self._verified = VerifiedSecrets()

    def verify(self, username: str, password: str) -> bool:
        """Whether name and password belong together: of an API key, or of a user made through the admin API."""
        if self.verifier is not None and self.verifier.role(username) is not None:
            return self.verifier.verify(username, password)
        found = next(filter(None, (self._user(username, mechanism) for mechanism in ScramMechanism)), None)
        return found is not None and self._verified.matches(username, found, password)

    def credential(self, username: str, mechanism: ScramMechanism) -> ScramCredential | None:
        """What to check a user's SCRAM login with."""
        if self.verifier is not None and self.verifier.role(username) is not None:
            return self.verifier.credential(username, mechanism)
        return self._user(username, mechanism)

    def exists(self, username: str) -> bool:
        """Whether there is still such an API key or user: their connections end when they are gone."""
        if self.verifier is not None and self.verifier.role(username) is not None:
            return True
        return any(self._user(username, mechanism) for mechanism in ScramMechanism)

    def is_operators(self, username: str) -> bool:
        """Whether the name is an API key, which clients cannot change."""
        return self.verifier is not None and self.verifier.role(username) is not None

    def is_super(self, principal: str | None) -> bool:
        """Whether the client may do everything."""
        if principal is None:
            return False
        if principal == ANONYMOUS and not self.required and not self._open_without_acl:
            return True
        role = self.verifier.role(principal) if self.verifier is not None else None
        return role is Role.ADMIN or principal in self._super_users

    def allows(
        self, principal: str | None, host: str, operation: Operation, resource: Resource, name: str = CLUSTER_NAME
    ) -> bool:
        """Whether the principal (a bare name), coming from the address, may do it."""
        if self.is_super(principal):
            return True
        if principal is None:
            return False
        security = self._security
        who = f"User:{principal}"
        is_reader = self.is_reader(principal)
        if is_reader and operation in READING:
            return security is None or not security.acls.denies(who, host, operation, resource, name)
        if security is None:
            return False
        if self._open_without_acl and not is_reader and not security.acls.has_about(resource, name):
            return True
        return security.acls.allows(who, host, operation, resource, name)

    def is_reader(self, principal: str) -> bool:
        """Whether the name is a read-only API key."""
        return self.verifier is not None and self.verifier.role(principal) is Role.READ_ONLY

    def _user(self, username: str, mechanism: ScramMechanism) -> ScramCredential | None:
        return None if self._security is None else self._security.credential(username, mechanism)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a REST request, once that is known. `access` is behind `may`."""

    name: str
    host: str
    """The address it came from."""
    access: Access

    @property
    def read_only(self) -> bool:
        """Whether it has a read-only key: to be refused whatever changes something, whatever else ACLs say."""
        return self.access.is_reader(self.name)

    @property
    def is_super(self) -> bool:
        """Whether it may do everything."""
        return self.access.is_super(self.name)

    def may(self, operation: Operation, resource: Resource, name: str = CLUSTER_NAME) -> bool:
        """Whether it may do this to the resource of the name."""
        return self.access.allows(self.name, self.host, operation, resource, name)
