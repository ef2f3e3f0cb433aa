"""`Entity`: a thing that the catalog knows, and the key by which everything about it is kept."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_NAMESPACE = uuid.UUID("6f0f4f1e-4f0b-5b0e-9a64-0d3c7f1f9a10")
"""Of the entities' guids: any fixed UUID will do."""


class EntityKey(NamedTuple):
    """Type and local name: stable over restarts and over whatever ids clients use."""

    type: str
    name: str


@dataclass(frozen=True)
class Entity:
    """`incarnation` tells a topic from an earlier one of its name; empty where a name is never used again.

    `parent` is what holds the entity: the schema of a record, the stream of a column, the cluster of a topic. `tags` it
    has by itself: those that its schema gives it.
    """

    key: EntityKey
    qualified_name: str
    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parent: EntityKey | None = None
    incarnation: str = ""
    internal: bool = False
    tags: frozenset[str] = frozenset()

    @property
    def guid(self) -> str:
        """The same whenever and wherever it is asked for."""
        return guid_of(self.key.type, self.qualified_name, self.incarnation)


def guid_of(*parts: str) -> str:
    """A guid that is the same for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "|".join(parts)))
