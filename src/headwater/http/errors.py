"""Refusals of any door, and the table of ksqlDB's from errors to answers (section 9 of the REST sheet)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from headwater.core.errors import HeadwaterError
from headwater.engine.entities import Entity
from headwater.engine.errors import ErrorCode, RequestError, StatementError, code_of, message_of
from headwater.engine.properties import PropertyError

_LOGGER = logging.getLogger(__name__)
_HEADERS = {
    ErrorCode.NOT_READY: {"Retry-After": "10"},
    ErrorCode.UNAUTHORIZED: {"WWW-Authenticate": 'Basic realm="headwater"'},
}
"""What goes with some codes besides the body."""


class HttpError(HeadwaterError):
    """A request is refused with a status of HTTP. Without a message it says what Jersey says, as the originals do."""

    def __init__(self, status: int, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message or f"HTTP {status} {HTTPStatus(status).phrase}")
        self.status = status
        self.headers = dict(headers or {})


class GenericError(msgspec.Struct, tag_field="@type", tag="generic_error"):
    error_code: ErrorCode
    message: str


class StatementErrorBody(
    msgspec.Struct, tag_field="@type", tag="statement_error", rename={"statement": "statementText"}
):
    error_code: ErrorCode
    message: str
    statement: str
    entities: list[Entity]


def error_body(error: Exception) -> GenericError | StatementErrorBody:
    """The error as clients read it. A defect becomes a generic text: its details are in the server's log only."""
    if isinstance(error, StatementError):
        return StatementErrorBody(error.code, message_of(error), error.statement, list(error.entities))
    if isinstance(error, RequestError):
        return GenericError(error.code, message_of(error))
    if isinstance(error, HttpError):
        return GenericError(ErrorCode(error.status * 100), str(error))
    if isinstance(error, PropertyError):
        return GenericError(ErrorCode.BAD_REQUEST, message_of(error))
    if isinstance(error, HeadwaterError):
        return GenericError(code_of(error), message_of(error))
    _LOGGER.error("Unexpected error while answering a request", exc_info=error)
    return GenericError(ErrorCode.SERVER_ERROR, "The server encountered an internal error when processing the request.")


def error_response(error: Exception) -> Response:
    """The answer to a request that failed before the first byte of its result."""
    body = error_body(error)
    status = body.error_code // 100
    headers = error.headers if isinstance(error, HttpError) else _HEADERS.get(body.error_code)
    return Response(msgspec.json.encode(body), status_code=status, headers=headers, media_type="application/json")
