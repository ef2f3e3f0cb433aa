"""What the registry decides about a request: the records to write and the answer. Deciding changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from headwater.registry.records import Change, Metadata, Reference, RuleSet

T = TypeVar("T")

KINDS = ("JSON", "PROTOBUF", "AVRO")
"""Kinds of schema, in the order in which /schemas/types has them."""
NEW_ID = -1
NEXT_VERSION = 0
LATEST = -1


@dataclass(frozen=True)
class Decision(Generic[T]):
    """The answer, which is true once the changes are durable."""

    answer: T
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A schema as a request brings it. `version` and `id` are what it asks to be given."""

    schema: str
    kind: str = "AVRO"
    references: tuple[Reference, ...] = ()
    metadata: Metadata | None = None
    rules: RuleSet | None = None
    version: int = NEXT_VERSION
    id: int = NEW_ID
