"""What the parsers give: a schema of one kind, in the texts by which it is compared and stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.core.errors import HeadwaterError

MAX_DEPTH = 100
"""Levels of nesting in one text: Protobuf's own limit. People stay under ten; a level costs a few stack frames."""

References = Mapping[str, tuple[str, str]]
"""Kind and text of every schema that is referred to, by the name it is referred to; what others need comes first."""


class ParseError(HeadwaterError):
    """A text is not a schema of its kind: the message has the reason and the place, a path or a line."""


@dataclass(frozen=True)
class Parsed(ABC):
    """A valid schema. `text` is what was given."""

    kind: str
    text: str

    @abstractmethod
    def canonical(self) -> str:
        """Equal for schemas that differ in layout only; what a registry stores."""

    @abstractmethod
    def normalised(self) -> str:
        """Equal also for schemas whose parts stand in another order that means nothing."""

    def meaning(self) -> str:
        """Equal for schemas that are found by one another: differences of writing do not matter where they cannot."""
        return self.canonical()

    def top_level(self) -> frozenset[str]:
        """Names of the fields at the top."""
        return frozenset()

    @property
    def bad_name(self) -> str | None:
        """A name that Avro forbids and readers get along with, if there is one: which, and where."""
        return None

    @property
    def bad_default(self) -> str | None:
        """A default that is no value of its field's type, if there is one: which, and where."""
        return None

    def formatted(self, name: str) -> str:
        """The text in a format that a client asks for; an unknown one is the canonical text."""
        return self.canonical()


def show(value: Any) -> str:
    """A value of a document in an error: short."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
