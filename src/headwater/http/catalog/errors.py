"""Refusals of the catalog as its clients read them."""

from __future__ import annotations

import logging
from typing import Any

from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.core.errors import HeadwaterError
from headwater.http.errors import HttpError

_LOGGER = logging.getLogger(__name__)


def error_body(error: Exception) -> dict[str, Any]:
    """`{error_code, message}`; the first three digits of the code are the status. What nobody expected is logged."""
    if isinstance(error, CatalogError):
        return {"error_code": int(error.code), "message": str(error)}
    if isinstance(error, HttpError):
        return {"error_code": error.status, "message": str(error)}
    if isinstance(error, HeadwaterError):
        return {"error_code": int(CatalogCode.NOT_READY), "message": str(error)}
    _LOGGER.error("Unexpected error while answering a request", exc_info=error)
    return {"error_code": int(CatalogCode.SERVER_ERROR), "message": "The server encountered an internal error."}
