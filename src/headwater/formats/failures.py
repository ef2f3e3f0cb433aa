"""The errors of reading and writing payloads, worded as ksqlDB words them."""

from __future__ import annotations

from headwater.core.errors import AnalysisError, DeserializationError, HeadwaterError, SerializationError


def side(is_key: bool) -> str:
    """`key` or `value`, as messages name the side of a record."""
    return "key" if is_key else "value"


def unreadable(topic: str, is_key: bool, reason: str, path: str = "$") -> DeserializationError:
    """The error for a payload that cannot be read; `path` is where in the payload."""
    return DeserializationError(f"Failed to deserialize {side(is_key)} from topic: {topic}. {reason}", path)


def unwritable(topic: str, is_key: bool, reason: str) -> SerializationError:
    """The error for a row that cannot be written."""
    return SerializationError(f"Error serializing {side(is_key)} to topic: {topic}. {reason}")


class Refused(Exception):
    """A value that does not fit its type, raised deep inside a payload; each level adds its step to the path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []

    def at(self, step: str) -> Refused:
        """This error seen one level further out: `step` is `.NAME` or `[3]`."""
        self.steps.append(step)
        return self

    @property
    def path(self) -> str:
        """From the root of the payload: `$.A.B[2]`."""
        return "$" + "".join(reversed(self.steps))


class SchemaError(HeadwaterError):
    """A schema of the registry cannot be used: not valid, or of a kind that columns cannot hold."""


class RegistryMissingError(AnalysisError):
    """A format needs a schema registry, but none is configured (ksqlDB code 42801)."""
