"""Requests with JSON, with nothing but the standard library."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any


class RestError(RuntimeError):
    """A server refused a request, or does not answer (`status` 0); the message is the server's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def call(method: str, url: str, body: object = None) -> Any:
    """The answer's JSON; None if it has no body. Raises `RestError`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        said = error.read().decode()
        try:
            said = json.loads(said)["message"]
        except (ValueError, KeyError, TypeError):
            pass
        raise RestError(error.code, f"{method} {url}: {said}") from None
    except urllib.error.URLError as error:
        raise RestError(0, f"No server answers at {url}: {error.reason}") from None
    return json.loads(text) if text else None


def quoted(name: str) -> str:
    """A name as part of a path."""
    return urllib.parse.quote(name, safe="")
