"""A customer at the web application: fills in its forms and looks at its pages, as a browser does."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import asdict
from typing import Any

from data import Pizza


class Refused(RuntimeError):
    """The shop did not take a form; `status` is HTTP's."""

    def __init__(self, status: int, page: str) -> None:
        super().__init__(f"{status}: {page[:200]}")
        self.status = status


class Stay(urllib.request.HTTPRedirectHandler):
    """Shows redirects in place of following them."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Customer:
    """Logged in by name, at a shop such as http://127.0.0.1:8000."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._opener = urllib.request.build_opener(Stay, urllib.request.HTTPCookieProcessor())
        self.post("/login", {"username": name})

    def order(self, pizza: Pizza) -> str:
        """Order it; returns the order's id. Raises `Refused`."""
        chosen = {name: value for name, value in asdict(pizza).items() if name not in ("username", "customer_id")}
        return self.post("/order", chosen).rpartition("/")[2]

    def status(self, order_id: str) -> int:
        return int(json.loads(self.get(f"/orders/{order_id}/status"))["status"])

    def post(self, path: str, form: dict[str, Any]) -> str:
        """Where a form leads to. Raises `Refused` where it leads nowhere."""
        data = urllib.parse.urlencode(form, doseq=True).encode()
        status, headers, page = self._send(urllib.request.Request(self._url + path, data))
        if status not in (302, 303):
            raise Refused(status, page)
        return str(headers["Location"])

    def get(self, path: str) -> str:
        """A page. Raises `Refused` where there is none."""
        status, _, page = self._send(urllib.request.Request(self._url + path))
        if status != 200:
            raise Refused(status, page)
        return page

    def _send(self, request: urllib.request.Request) -> tuple[int, Any, str]:
        try:
            with self._opener.open(request) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()
