"""What the checks find, and the levels at which it matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CompatibilityLevel(Enum):
    """Which versions a new one is checked against, and whether it reads them (backward) or they read it (forward)."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def transitive(self) -> bool:
        return self.value.endswith("_TRANSITIVE")

    @property
    def backward(self) -> bool:
        return self.value.startswith(("BACKWARD", "FULL"))

    @property
    def forward(self) -> bool:
        return self.value.startswith(("FORWARD", "FULL"))


@dataclass(frozen=True)
class Difference:
    """One thing in which a reader's schema differs from a writer's, at a path: `kind` is its name in the registry."""

    kind: str
    path: str
    detail: str = ""

    def under(self, path: str) -> Difference:
        return Difference(self.kind, path + self.path, self.detail) if path else self


@dataclass(frozen=True)
class Incompatibility:
    """A difference that a level forbids. `str` of it is what the registry answers, in the form of the schemas' type."""

    kind: str
    path: str
    description: str
    detail: str = ""
    schema_type: str = "AVRO"

    def __str__(self) -> str:
        if self.schema_type != "AVRO":
            return f'{{errorType:"{self.kind}", description:"{self.description}"}}'
        return (
            f"{{errorType:'{self.kind}', description:'{self.description}', "
            f"additionalInfo:'{self.detail or self.path}'}}"
        )
