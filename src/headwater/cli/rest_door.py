"""Questions to one of a node's REST doors: JSON in, JSON or text out, refusals as errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from headwater.core.client_tls import client_context, why_not
from headwater.core.errors import ConfigError, HeadwaterError, StartupError

_SECONDS = 30.0


class RefusedError(HeadwaterError):
    """The server refused the request; `status` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RestDoor:
    """`server` is a URL, with `user:password@` where the server asks. `what` names the door in errors. Paths are as in
    URLs: names in them are quoted."""

    def __init__(self, server: str, what: str) -> None:
        self._what = what
        self._server, self._headers = _parsed(server)
        self._tls = client_context() if self._server.startswith("https:") else None

    def get(self, path: str, params: Mapping[str, str]) -> Any:
        """The JSON that a GET is answered with. Raises `RefusedError`, `StartupError`."""
        try:
            return json.loads(self.text(path, params))
        except ValueError as error:
            raise StartupError(f"what answers at {self._server} is not {self._what}: it does not speak JSON") from error

    def text(self, path: str, params: Mapping[str, str]) -> str:
        """The text that a GET is answered with. Raises `RefusedError`, `StartupError`."""
        return self._ask("GET", path, params)

    def send(self, method: str, path: str, body: object = None, params: Mapping[str, str] | None = None) -> Any:
        """The JSON that a request with a body in JSON is answered with; None for no answer. Raises `RefusedError`,
        `StartupError`."""
        answer = self._ask(method, path, params or {}, None if body is None else json.dumps(body).encode())
        return json.loads(answer) if answer else None

    def _ask(self, method: str, path: str, params: Mapping[str, str], body: bytes | None = None) -> str:
        query = f"?{urlencode(params)}" if params else ""
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        url = f"{self._server}{path}{query}"
        request = Request(url, body, headers, method=method)  # noqa: S310 - checked: http(s)
        try:
            with urlopen(request, timeout=_SECONDS, context=self._tls) as response:  # noqa: S310
                return str(response.read().decode("utf-8", "replace"))
        except HTTPError as error:
            with error:
                raise RefusedError(_message(error), error.code) from None
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", None)
            told = why_not(self._server, reason if isinstance(reason, Exception) else error)
            raise StartupError(f"{self._what} does not answer at {self._server}: {told}") from error


def _message(error: HTTPError) -> str:
    body = error.read().decode("utf-8", "replace")
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.strip() or str(error.reason)


def _parsed(server: str) -> tuple[str, dict[str, str]]:
    """The URL without credentials, and the headers with them."""
    try:
        address = urlsplit(server if "://" in server else f"http://{server}")
        valid = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"--server must be a URL such as http://127.0.0.1:8081, not `{server}`")
    host = address.netloc.rpartition("@")[2]
    headers = {"Accept": "application/json"}
    if address.username is not None:
        pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return urlunsplit((address.scheme, host, address.path.rstrip("/"), "", "")), headers
