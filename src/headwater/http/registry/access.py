"""Who may do what at the registry's door: subjects and the registry, as the node's one authorizer knows them."""

from __future__ import annotations

from enum import Enum

from headwater.broker.access import Principal
from headwater.broker.acls import Operation, Resource
from headwater.registry.errors import Code, RegistryError

EVERYTHING = "__REGISTRY"
"""The name under which the registry itself is a subject to the authorizer."""


class Action(Enum):
    """What a request does to a subject, or to the registry where it is about none; with the name that errors have."""

    READ = "Read"
    WRITE = "Write"
    DELETE = "Delete"
    READ_COMPATIBILITY = "ReadCompatibility"
    WRITE_COMPATIBILITY = "WriteCompatibility"


_OPERATIONS = {
    Action.READ: Operation.READ,
    Action.WRITE: Operation.WRITE,
    Action.DELETE: Operation.DELETE,
    Action.READ_COMPATIBILITY: Operation.DESCRIBE_CONFIGS,
    Action.WRITE_COMPATIBILITY: Operation.ALTER_CONFIGS,
}


def allows(principal: Principal, action: Action, subject: str | None) -> bool:
    """Whether the principal may; a subject of None is the registry itself."""
    return principal.may(_OPERATIONS[action], Resource.SUBJECT, EVERYTHING if subject is None else subject)


def require(principal: Principal, action: Action, subject: str | None) -> None:
    """Raise `RegistryError` (40301), with what grants it, unless the principal may."""
    if allows(principal, action, subject):
        return
    what = "the registry" if subject is None else f"Subject: {subject}"
    name = EVERYTHING if subject is None else subject
    operation = _OPERATIONS[action].name
    raise RegistryError(
        Code.FORBIDDEN,
        f"User is denied operation {action.value} on {what}. {principal.name} needs {operation} on "
        f"{Resource.SUBJECT.name} {name}: see `headwater acls add --subject`, or use another API key",
    )
