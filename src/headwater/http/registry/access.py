"""Who may do what at the registry's door: subjects and the registry, as the node's one authorizer knows them."""

from __future__ import annotations

from enum import Enum

from headwater.broker.access import Principal
from headwater.broker.acls import Operation, Resource

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
