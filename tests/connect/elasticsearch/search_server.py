"""A stand-in for Elasticsearch: the bulk API with versions, merging, a strict field and a login, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API_KEY = "a2V5OnNlY3JldA=="


class SearchServer(ThreadingHTTPServer):
    """What was written is in `indexes`; `busy` is how many requests are answered 429 before the next that is not."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.indexes: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {}
        self.busy = 0
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def documents(self, index: str) -> dict[str, dict[str, Any]]:
        """By id."""
        return {key: body for key, (_, body) in self.indexes.get(index, {}).items()}

    def apply(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The items of a bulk request."""
        rest = iter(lines)
        return [
            self._one(kind, about, None if kind == "delete" else next(rest))
            for line in rest
            for kind, about in line.items()
        ]

    def _one(self, kind: str, about: dict[str, Any], body: dict[str, Any] | None) -> dict[str, Any]:
        index, key = self.indexes.setdefault(about["_index"], {}), about["_id"]
        version, held = index.get(key, (-1, {}))
        if body is None:
            return {kind: {"status": 404 if index.pop(key, None) is None else 200}}
        document = {**held, **body["doc"]} if kind == "update" else body
        if not isinstance(document.get("number", 0), int):
            error = {"type": "document_parsing_exception", "reason": "failed to parse field [number] of type [long]"}
            return {kind: {"status": 400, "error": error}}
        if about.get("version", version + 1) <= version:
            return {kind: {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "older"}}}
        index[key] = about.get("version", version + 1), document
        return {kind: {"status": 200}}


class _Handler(BaseHTTPRequestHandler):
    server: SearchServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, {"tagline": "You Know, for Search"})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.requests += 1
        if self.server.busy:
            self.server.busy -= 1
            self._answer(429, {})
            return
        self._answer(200, {"items": self.server.apply([json.loads(line) for line in data.splitlines()])})

    def _answer(self, status: int, body: object) -> None:
        if self.headers.get("authorization") != f"ApiKey {API_KEY}":
            status, body = 401, {"error": "security_exception"}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests look at what was written."""


@contextmanager
def search_server() -> Iterator[SearchServer]:
    """A running one."""
    with SearchServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="search")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
