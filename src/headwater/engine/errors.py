"""What can be wrong with a request, as the REST API tells it apart (section 9 of its sheet)."""

from __future__ import annotations

from enum import IntEnum

from headwater.core.errors import FunctionError, HeadwaterError, Position, SqlError
from headwater.engine.entities import Entity
from headwater.engine.properties import PropertyError
from headwater.formats.failures import RegistryMissingError


class ErrorCode(IntEnum):
    """`error_code` of the REST API; the HTTP status is the code divided by 100."""

    BAD_REQUEST = 40000
    BAD_STATEMENT = 40001
    QUERY_ENDPOINT = 40002
    TOO_MANY_PUSH_QUERIES = 40003
    HTTP2_ONLY = 40004
    UNAUTHORIZED = 40100
    FORBIDDEN = 40300
    NOT_FOUND = 40400
    METHOD_NOT_ALLOWED = 40500
    NOT_ACCEPTABLE = 40600
    CONFLICT = 40900
    TOO_LARGE = 41300
    ASSERTION_FAILED = 41700
    REGISTRY_MISSING = 42801
    RATE_LIMIT = 42900
    SERVER_ERROR = 50000
    COMMAND_TIMEOUT = 50301
    NOT_READY = 50302
    SHUTTING_DOWN = 50303


class RequestError(HeadwaterError):
    """A request is refused with a given code."""

    def __init__(self, message: str, code: ErrorCode = ErrorCode.BAD_REQUEST) -> None:
        super().__init__(message)
        self.code = code


class StatementError(RequestError):
    """One statement of a request was refused: with its masked text, and the entities of the statements before it."""

    def __init__(
        self,
        message: str,
        code: ErrorCode = ErrorCode.BAD_STATEMENT,
        statement: str = "",
        entities: tuple[Entity, ...] = (),
        position: Position | None = None,
    ) -> None:
        super().__init__(message, code)
        self.position = position
        self.statement = statement
        self.entities = entities


class AssertionFailedError(HeadwaterError):
    """An ASSERT statement did not hold in time."""


class NotReadyError(RequestError):
    """The engine is still reading its command topic."""

    def __init__(self) -> None:
        super().__init__("Server not yet ready: it is still reading its command topic.", ErrorCode.NOT_READY)


def code_of(error: HeadwaterError) -> ErrorCode:
    """The code for an error met while a statement was checked or carried out."""
    if isinstance(error, RequestError):
        return error.code
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return ErrorCode.SERVER_ERROR


_CODES: dict[type[HeadwaterError], ErrorCode] = {
    RegistryMissingError: ErrorCode.REGISTRY_MISSING,
    SqlError: ErrorCode.BAD_STATEMENT,
    FunctionError: ErrorCode.BAD_STATEMENT,
    PropertyError: ErrorCode.BAD_STATEMENT,
    AssertionFailedError: ErrorCode.ASSERTION_FAILED,
}
"""The first class that fits counts."""


def message_of(error: BaseException) -> str:
    """The error and its causes: first line the error, then a `Caused by:` line for each cause that says more."""
    lines = [str(error)]
    cause = error.__cause__
    while cause is not None and len(lines) < 10:
        text = str(cause)
        if text and not any(text in line for line in lines):
            lines.append(f"Caused by: {text}")
        cause = cause.__cause__
    return "\n".join(lines)
