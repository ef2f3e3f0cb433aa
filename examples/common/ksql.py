"""A few lines of client for ksqlDB's REST API, with nothing but the standard library."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any


class StatementError(RuntimeError):
    """The server refused a statement; the message is the server's."""


class Client:
    """Talks to one server, such as http://127.0.0.1:8088."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def execute(self, sql: str, properties: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Run statements; returns the server's answers."""
        with self._post("/ksql", {"ksql": sql, "streamsProperties": properties or {}}) as response:
            answers: list[dict[str, Any]] = json.load(response)
            return answers

    def query(self, sql: str, properties: dict[str, str] | None = None) -> Iterator[list[Any]]:
        """Rows of a SELECT as they come; the first item is the list of column names."""
        with self._post("/query-stream", {"sql": sql, "properties": properties or {}}) as response:
            yield json.loads(response.readline())["columnNames"]
            for line in response:
                row = json.loads(line)
                if isinstance(row, dict):
                    if "message" in row:
                        raise StatementError(row["message"])
                    continue
                yield row

    def rows(self, sql: str, properties: dict[str, str] | None = None) -> list[list[Any]]:
        """All rows of a SELECT that ends: a pull query, or one with LIMIT."""
        return list(self.query(sql, properties))[1:]

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self._url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            return urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            try:
                message = json.loads(text)["message"]
            except (ValueError, KeyError):
                message = text
            raise StatementError(message) from None
        except urllib.error.URLError as error:
            raise StatementError(f"No server answers at {self._url}: {error.reason}") from None
