"""The errors that Headwater raises on purpose, for programs that use it as a library.

All are `HeadwaterError`s: `str(error)` and `error.message` are the message for a person, `error.position` the place
in the SQL text (line from 1, column from 0) where there is one.
"""

from headwater.core.errors import (
    ClusterError,
    ConfigError,
    DataError,
    HeadwaterError,
    LogError,
    Position,
    SqlError,
    StartupError,
    UnknownTopicError,
)
from headwater.engine.errors import ErrorCode, RequestError, StatementError
from headwater.engine.insert import InsertError
from headwater.engine.properties import PropertyError
from headwater.library.errors import ClosedError, MissingPackageError, UnsupportedError

__all__ = [
    "ClosedError",
    "ClusterError",
    "ConfigError",
    "DataError",
    "ErrorCode",
    "HeadwaterError",
    "InsertError",
    "LogError",
    "MissingPackageError",
    "Position",
    "PropertyError",
    "RequestError",
    "SqlError",
    "StartupError",
    "StatementError",
    "UnknownTopicError",
    "UnsupportedError",
]
