"""The transformations of one connector, one after the other, each where its predicate lets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from headwater.connect.record import SinkRecord, SourceRecord

R = TypeVar("R", SourceRecord, SinkRecord)


class Refused(NamedTuple):
    """A transformation failed over a record."""

    class_name: str
    error: Exception


class Chain:
    """No transformations at all, in its empty form."""

    def __bool__(self) -> bool:
        return False

    def apply_all(self, records: Sequence[R]) -> list[R | Refused | None]:
        """Each record changed, None where it was filtered out, or why a transformation refused it."""
        return list(records)
