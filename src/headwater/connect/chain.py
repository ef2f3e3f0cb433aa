"""The port `Chain`: the transformations of one connector; `headwater.connect.transforms.steps` makes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from headwater.connect.record import SinkRecord, SourceRecord

R = TypeVar("R", SourceRecord, SinkRecord)


class Refused(NamedTuple):
    """A transformation failed over a record."""

    class_name: str
    error: Exception


class Chain(ABC):
    """Transformations one after the other, each where its predicate lets it (KIP-66, KIP-585)."""

    @abstractmethod
    def __bool__(self) -> bool:
        """Whether there are any."""

    @abstractmethod
    def apply_all(self, records: Sequence[R]) -> list[R | Refused | None]:
        """Each record changed, None where it was left out, or why a transformation refused it."""
