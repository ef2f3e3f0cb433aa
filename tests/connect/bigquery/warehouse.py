"""A stand-in for BigQuery over real HTTP: logins with a service account's key, datasets, tables, `insertAll` with its
errors by row, and MERGE statements of the sink."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from google.auth import jwt

PROJECT = "abc-project"
EMAIL = "writer@abc-project.iam.gserviceaccount.com"
_TOKEN = "ya29.token"
_PATH = re.compile(rf"/bigquery/v2/projects/{PROJECT}/datasets/(?P<dataset>[^/]+)(/tables(/(?P<table>[^/]+))?)?$")
_CHECKS: dict[str, Any] = {"INTEGER": int, "FLOAT": (int, float, str), "BOOLEAN": bool, "STRING": str, "RECORD": dict}


@dataclass
class WarehouseTable:
    """`resource` is what the API gives; `rows` are those added, in order, each id once."""

    resource: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    decorators: list[str] = field(default_factory=list)

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {one["name"]: one for one in self.resource["schema"]["fields"]}


class Warehouse(ThreadingHTTPServer):
    """`busy` is how many requests for rows are answered 503 before the next that is not, `slow` how many times a new
    column is not seen by streams; `largest` is how many rows one request may have."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.datasets: dict[str, dict[str, WarehouseTable]] = {"workshop": {}}
        self.busy = self.slow = 0
        self.largest = 10_000
        self.requests: list[str] = []
        self.statements: list[str] = []
        self.needs_login = True
        self._private = _account_key()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def table(self, name: str) -> WarehouseTable | None:
        """Of the one dataset."""
        return self.datasets["workshop"].get(name)

    def keyfile(self) -> str:
        """The key of its service account, as the Cloud Console gives it."""
        return self._key_text(self._private)

    def wrong_keyfile(self) -> str:
        """The key of another one."""
        return self._key_text(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def _key_text(self, private: rsa.RSAPrivateKey) -> str:
        text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps({
            "type": "service_account", "project_id": PROJECT, "private_key_id": "1", "private_key": text.decode(),
            "client_email": EMAIL, "client_id": "1", "token_uri": f"{self.url}/token",
        })  # fmt: skip

    def token(self, assertion: str) -> str | None:
        """A token for a signed assertion; None if another key signed it."""
        claims = jwt.decode(assertion, verify=False)  # type: ignore[no-untyped-call]
        signed, _, signature = assertion.rpartition(".")
        try:
            self._private.public_key().verify(
                base64.urlsafe_b64decode(signature + "=="), signed.encode(), padding.PKCS1v15(), SHA256()
            )
        except InvalidSignature:
            return None
        return _TOKEN if claims["iss"] == EMAIL else None

    def insert(self, dataset: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """`tabledata.insertAll`."""
        plain, _, decorator = name.partition("$")
        table = self.datasets[dataset].get(plain)
        if table is None:
            return 404, _error(404, "notFound", f"Not found: Table {PROJECT}:{dataset}.{plain}")
        if self.busy:
            self.busy -= 1
            return 503, _error(503, "backendError", "try again")
        if len(body["rows"]) > self.largest:
            return 413, _error(413, "uploadTooLarge", "Request payload size exceeds the limit")
        wrong = [self._problem(table, row["json"]) for row in body["rows"]]
        if any(wrong):
            stopped = {"reason": "stopped", "location": "", "message": ""}
            return 200, {"insertErrors": [{"index": at, "errors": [one or stopped]} for at, one in enumerate(wrong)]}
        for row in body["rows"]:
            if row.get("insertId") not in table.ids:
                table.ids.add(row["insertId"])
                table.rows.append(row["json"])
                table.decorators.append(decorator)
        return 200, {}

    def _problem(self, table: WarehouseTable, row: dict[str, Any]) -> dict[str, str] | None:
        columns = {name.lower(): one for name, one in table.columns.items()}
        for name, value in row.items():
            column = columns.get(name.lower())
            if column is None or (self.slow and name == "added"):
                self.slow = max(0, self.slow - 1)
                return {"reason": "invalid", "location": name, "message": f"no such field: {name}."}
            repeated = column.get("mode") == "REPEATED"
            expected = list if repeated else _CHECKS.get(column["type"], object)
            if not isinstance(value, expected) or (isinstance(value, bool) and column["type"] != "BOOLEAN"):
                return {"reason": "invalid", "location": name, "message": f"Cannot convert value to {column['type']}"}
        return None

    def merge(self, text: str, rows: list[dict[str, Any]]) -> str | None:
        """Carry out a MERGE of the sink; why not, if not."""
        self.statements.append(text)
        head = re.match(rf"MERGE `{PROJECT}\.(?P<dataset>[^.`]+)\.(?P<table>[^`]+)` AS t\nUSING ", text)
        on = re.search(r"^ON (.*)$", text, re.M)
        insert = re.search(r"THEN INSERT \((.*?)\) VALUES", text)
        if head is None or on is None or insert is None:
            return "Syntax error"
        table = self.datasets[head["dataset"]][head["table"]]
        keys, names = re.findall(r"t\.`([^`]+)`", on[1]), set(re.findall(r"`([^`]+)`", insert[1]))
        for one in rows:
            if "row" in one and (problem := self._problem(table, one["row"])) is not None:
                return f"Bad value: {problem['message']}"
        for one in rows:
            table.rows = [held for held in table.rows if any(held.get(k) != one["key"].get(k) for k in keys)]
            if "row" in one:
                table.rows.append({name: value for name, value in one["row"].items() if name in names})
        return None


class _Handler(BaseHTTPRequestHandler):
    server: Warehouse
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._allowed():
            self._answer(*self._get(urlsplit(self.path).path))

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"])).decode()
        path = urlsplit(self.path).path
        if path == "/token":
            token = self.server.token(parse_qs(data)["assertion"][0])
            if token is None:
                self._answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
            else:
                self._answer(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})
        elif self._allowed():
            self._answer(*self._post(path, json.loads(data)))

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self._allowed():
            return
        found = self._found(urlsplit(self.path).path)
        assert isinstance(found, WarehouseTable)
        held = found.columns
        lost = [name for name in held if name not in {one["name"] for one in body["schema"]["fields"]}]
        strict = [one for one in body["schema"]["fields"] if one["name"] not in held and one["mode"] == "REQUIRED"]
        if lost or strict:
            self._answer(400, _error(400, "invalid", f"Provided Schema does not match: {lost or strict}"))
            return
        found.resource.update(body)
        self._answer(200, found.resource)

    def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        if match := re.fullmatch(rf"/bigquery/v2/projects/{PROJECT}/(queries|jobs)/([^/]+)", path):
            job = {"jobReference": {"projectId": PROJECT, "jobId": match[2]}, "jobComplete": True, "totalRows": "0"}
            return 200, {**job, "status": {"state": "DONE"}, "schema": {"fields": []}}
        found = self._found(path)
        if isinstance(found, str):
            return 404, _error(404, "notFound", f"Not found: {found}")
        return 200, found.resource if isinstance(found, WarehouseTable) else found

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path.endswith("/insertAll"):
            dataset, name = path.split("/")[-4], path.split("/")[-2]
            return self.server.insert(dataset, name, body)
        if path.endswith("/jobs"):
            query = body["configuration"]["query"]
            (rows,) = [one["parameterValue"]["value"] for one in query["queryParameters"]]
            problem = self.server.merge(query["query"], json.loads(rows))
            if problem is not None:
                return 400, _error(400, "invalidQuery", problem)
            return 200, {**body, "status": {"state": "DONE"}, "statistics": {"query": {"statementType": "MERGE"}}}
        match = _PATH.fullmatch(path)
        assert match is not None
        name = body["tableReference"]["tableId"]
        tables = self.server.datasets[match["dataset"]]
        if name in tables:
            return 409, _error(409, "duplicate", f"Already Exists: Table {name}")
        tables[name] = WarehouseTable({**body, "etag": "1"})
        return 200, tables[name].resource

    def _found(self, path: str) -> WarehouseTable | dict[str, Any] | str:
        """A table, a dataset, or what is not there."""
        match = _PATH.fullmatch(path)
        if match is None or match["dataset"] not in self.server.datasets:
            return f"Dataset {PROJECT}:{path.split('/')[6] if path.count('/') > 5 else path}"
        dataset = match["dataset"]
        if match["table"] is None:
            return {"datasetReference": {"projectId": PROJECT, "datasetId": dataset}}
        return self.server.datasets[dataset].get(match["table"]) or f"Table {PROJECT}:{dataset}.{match['table']}"

    def _allowed(self) -> bool:
        self.server.requests.append(f"{self.command} {urlsplit(self.path).path}")
        if self.server.needs_login and self.headers.get("authorization") != f"Bearer {_TOKEN}":
            self._answer(401, _error(401, "authError", "Request had invalid authentication credentials."))
            return False
        return True

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests look at what was written."""


@cache
def _account_key() -> rsa.RSAPrivateKey:
    """Made once: it takes a moment."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _error(status: int, reason: str, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


@contextmanager
def warehouse() -> Iterator[Warehouse]:
    """A running one."""
    with Warehouse() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="warehouse")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
