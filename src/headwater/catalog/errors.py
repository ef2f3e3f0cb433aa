"""Refusals of the catalog, with the statuses and codes that clients of a stream catalog know.

A code is the HTTP status and the number of the refusal within it, as Apache Atlas numbers them: 40400 and 9 is 4040009.
"""

from __future__ import annotations

from enum import IntEnum

from headwater.core.errors import HeadwaterError


class CatalogCode(IntEnum):
    """`error_code` of an answer; the first three digits are the HTTP status."""

    BAD_REQUEST = 400
    TYPE_NAME_INVALID = 4000020
    INVALID_PARAMETERS = 4000029
    ATTRIBUTE_INVALID = 4000089
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    TYPE_NOT_FOUND = 4040001
    ENTITY_NOT_FOUND = 4040009
    NOT_ASSOCIATED = 4040014
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    TYPE_EXISTS = 4090001
    ALREADY_ASSOCIATED = 4090002
    TOO_LARGE = 413
    SERVER_ERROR = 500
    NOT_READY = 503

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(str(int(self))[:3])


class CatalogError(HeadwaterError):
    """The catalog refused a request; nothing has changed."""

    def __init__(self, code: CatalogCode, message: str) -> None:
        super().__init__(message)
        self.code = code
