"""Records to bulk actions, and the answers to them to outcomes: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from headwater.connect.embedded.documents import plain
from headwater.connect.record import SinkRecord

_LATER = frozenset({429, 502, 503, 504})
"""Statuses of an index that is busy or away."""
_CONFLICT = 409


@dataclass(frozen=True)
class Action:
    """One line pair of a bulk request. `operation` is index, create, update or delete."""

    operation: str
    index: str
    id: str
    document: Mapping[str, Any] | None = None
    version: int | None = None
    """External version: an index keeps the highest it has seen."""

    def header(self) -> dict[str, Any]:
        """The first line."""
        about: dict[str, Any] = {"_index": self.index, "_id": self.id}
        if self.version is not None:
            about |= {"version": self.version, "version_type": "external"}
        return {self.operation: about}

    def body(self) -> dict[str, Any] | None:
        """The second line; None for a deletion."""
        if self.document is None:
            return None
        if self.operation == "update":
            return {"doc": self.document, "doc_as_upsert": True}
        return dict(self.document)


class Outcome(Enum):
    """What an item's answer means."""

    DONE = "done"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True)
class Item:
    """The answer to one action."""

    status: int
    reason: str = ""

    @property
    def outcome(self) -> Outcome:
        """An older version, and the deletion of what is not there, are done already."""
        if self.status < 300 or self.status in (404, _CONFLICT):
            return Outcome.DONE
        return Outcome.LATER if self.status in _LATER else Outcome.REFUSED


def items(answer: Mapping[str, Any]) -> list[Item]:
    """The items of a bulk answer, in the order of the actions."""
    found = []
    for entry in answer["items"]:
        (about,) = entry.values()
        error = about.get("error")
        reason = f"{error.get('type')}: {error.get('reason')}" if isinstance(error, Mapping) else str(error or "")
        found.append(Item(int(about["status"]), reason))
    return found


def index_name(topic: str) -> str:
    """The index of a topic: lower case, as indexes have to be."""
    return topic.lower().lstrip("_-+")


def document_id(record: SinkRecord, *, ignore_key: bool) -> str:
    """The key as text, or the record's place, which no other record has. Raises `ValueError` for a null key."""
    if ignore_key:
        return f"{record.original_topic}+{record.partition}+{record.offset}"
    if record.key is None:
        raise ValueError("the key is null; set key.ignore=true to use topic, partition and offset instead")
    if isinstance(record.key, dict | list):
        raise ValueError("the key is a structure; take one field of it with the transform ExtractField$Key")
    if isinstance(record.key, bool):
        return str(record.key).lower()
    return record.key.decode("utf-8", "replace") if isinstance(record.key, bytes) else str(record.key)


def document(value: Any, *, compact_maps: bool) -> dict[str, Any]:
    """A record's value as JSON. Raises `ValueError` for what is no structure."""
    if not isinstance(value, Mapping):
        raise ValueError(f"the value is no structure but {type(value).__name__}")
    return {str(name): plain(one, compact_maps=compact_maps) for name, one in value.items()}
