"""One root for every error that Headwater raises on purpose.

Each front door maps these classes to its protocol's codes in one table. A message says what happened, to what, and what
to do about it. Anything that is not a `HeadwaterError` and reaches a front door is a defect.
"""

from __future__ import annotations

from dataclasses import dataclass


class HeadwaterError(Exception):
    """Root of all expected errors. `str(error)` is the full message for a person."""

    position: Position | None = None
    """The place in the SQL text that the error is about, where there is one and it is known."""

    @property
    def message(self) -> str:
        """The same as `str(error)`."""
        return str(self)


class ConfigError(HeadwaterError):
    """A setting, command line option or environment is wrong: the message names it. Exit code 2."""


class StartupError(HeadwaterError):
    """A port in use, a locked or unwritable data folder, an unreachable Kafka. Exit code 2."""


class LogError(HeadwaterError):
    """The log refused or could not do something: unknown topic, offset out of range, corrupt batch, disk full."""


class ClusterError(HeadwaterError):
    """A topic operation failed on the cluster, embedded or remote."""


class UnknownTopicError(ClusterError):
    """The topic or partition does not exist."""


class TopicExistsError(ClusterError):
    """The topic to create exists already."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in SQL text. Lines count from 1, columns from 0; `length` is in characters."""

    line: int
    column: int
    length: int = 1


class SqlError(HeadwaterError):
    """A statement was refused (ksqlDB code 40001), with the place in the text where that is known."""

    def __init__(self, message: str, position: Position | None = None) -> None:
        super().__init__(message)
        self.position = position


class ParseError(SqlError):
    """The text is not SQL: the message has line, column, the offending line with a marker, and what was expected."""


class AnalysisError(SqlError):
    """The statement is well-formed but cannot mean anything: unknown names, wrong types, forbidden combinations."""


class DataError(HeadwaterError):
    """One record or value is bad. Never stops a query: it goes to the processing log."""


class DeserializationError(DataError):
    """A payload does not fit its format or schema; `path` is where in the payload (`$.A.B[2]`)."""

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message if path == "$" else f"{message}, path: {path}")
        self.path = path


class SerializationError(DataError):
    """A row cannot be written in the sink's format."""


class FunctionError(DataError):
    """A SQL function refuses its arguments at run time: the expression becomes NULL and the reason is logged."""
