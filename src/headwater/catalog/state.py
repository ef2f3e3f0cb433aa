"""What people have said about entities: definitions, tags, business metadata, descriptions, rules. The sum of records.

A record is a key and a value (None: no longer so), both JSON; applying one twice changes nothing, and the last one of a
key is all that counts: so the topic that they are kept in may be compacted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from headwater.catalog.definition import BusinessMetadataDef, TagDef
from headwater.catalog.entity import EntityKey


class Binding(Struct, rename="camel", omit_defaults=True):
    """A tag or a group of business metadata on an entity, with its attributes. Times are ms since the epoch."""

    attributes: dict[str, Any] = {}
    incarnation: str = ""
    create_time: int = 0
    update_time: int = 0


class Edit(Struct, rename="camel", omit_defaults=True):
    """Attributes of an entity that people have set: description, owner, ownerEmail."""

    attributes: dict[str, Any] = {}
    incarnation: str = ""
    update_time: int = 0


class Rule(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Data tagged `tag` must not reach topics whose names match the glob `topic`."""

    name: str
    tag: str
    topic: str
    description: str = ""
    create_time: int = 0


class Element(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """A node or an edge of the lineage graph, and when it was there; `until` None: it still is. `data` describes it."""

    id: str
    since: int
    until: int | None = None
    seen: int = 0
    data: dict[str, Any] = {}


Key = tuple[str, ...]
"""Kind of the record and what it is about: `("TAG", type, name, tag)`."""
Change = tuple[Key, Struct | None]

_KINDS: dict[str, tuple[int, type[Struct]]] = {
    "TAGDEF": (1, TagDef),
    "BMDEF": (1, BusinessMetadataDef),
    "TAG": (3, Binding),
    "BM": (3, Binding),
    "EDIT": (2, Edit),
    "RULE": (1, Rule),
    "LINEAGE": (2, Element),
}
"""Of each kind of record: how many parts its key has after the kind, and what its value is."""


@dataclass
class State:
    """`tags` and `metadata` are by entity and then by definition."""

    tag_defs: dict[str, TagDef] = field(default_factory=dict)
    metadata_defs: dict[str, BusinessMetadataDef] = field(default_factory=dict)
    tags: dict[EntityKey, dict[str, Binding]] = field(default_factory=dict)
    metadata: dict[EntityKey, dict[str, Binding]] = field(default_factory=dict)
    edits: dict[EntityKey, Edit] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    elements: dict[tuple[str, str], Element] = field(default_factory=dict)
    """Of lineage, by id and start."""
    said: int = 0
    """Counts what has been said about single entities."""

    def apply(self, change: Change) -> None:
        """Take over one record."""
        (kind, *rest), value = change
        self.said += kind in ("TAG", "BM", "EDIT")
        match kind, value:
            case "TAGDEF", _:
                _put(self.tag_defs, rest[0], value)
            case "BMDEF", _:
                _put(self.metadata_defs, rest[0], value)
            case "TAG", _:
                _bind(self.tags, EntityKey(rest[0], rest[1]), rest[2], value)
            case "BM", _:
                _bind(self.metadata, EntityKey(rest[0], rest[1]), rest[2], value)
            case "EDIT", _:
                _put(self.edits, EntityKey(rest[0], rest[1]), value)
            case "RULE", _:
                _put(self.rules, rest[0], value)
            case "LINEAGE", _:
                _put(self.elements, (rest[0], rest[1]), value)

    def about(self) -> Iterator[tuple[Key, EntityKey, str]]:
        """(record key, entity, incarnation) of everything that is said about single entities."""
        for kind, bindings in (("TAG", self.tags), ("BM", self.metadata)):
            for entity, found in bindings.items():
                for name, binding in found.items():
                    yield (kind, *entity, name), entity, binding.incarnation
        for entity, edit in self.edits.items():
            yield ("EDIT", *entity), entity, edit.incarnation

    def users_of(self, kind: str, name: str) -> list[Key]:
        """Record keys of the bindings of a definition; `kind` is TAG or BM."""
        bindings = self.tags if kind == "TAG" else self.metadata
        return [(kind, *entity, name) for entity, found in bindings.items() if name in found]


def _put(table: dict[Any, Any], key: Any, value: Any) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _bind(table: dict[EntityKey, dict[str, Binding]], entity: EntityKey, name: str, value: Any) -> None:
    found = table.setdefault(entity, {})
    _put(found, name, value)
    if not found:
        del table[entity]


def encode(change: Change) -> tuple[bytes, bytes | None]:
    """A record's key and value."""
    key, value = change
    return msgspec.json.encode(key), None if value is None else msgspec.json.encode(value)


def decode(key: bytes, value: bytes | None) -> Change | None:
    """The change that a record is; None for one that this version does not know. Raises `msgspec.MsgspecError`."""
    parts = msgspec.json.decode(key, type=tuple[str, ...])
    known = _KINDS.get(parts[0]) if parts else None
    if known is None or len(parts) != known[0] + 1:
        return None
    return parts, None if value is None else msgspec.json.decode(value, type=known[1])
