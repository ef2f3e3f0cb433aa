"""A client of ksqlDB's REST API over the standard library's HTTP/1.1: statements, and queries row by row.

It blocks on purpose: a person's Ctrl-C interrupts the read, the connection is closed, and the server ends the query.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from headwater.core.errors import ConfigError, HeadwaterError, StartupError

DEFAULT_SERVER = "http://127.0.0.1:8088"
CONNECT_SECONDS = 10.0
_DELIMITED = "application/vnd.ksqlapi.delimited.v1"
_JSON = "application/vnd.ksql.v1+json"
T = TypeVar("T")

Entity = dict[str, Any]
"""One answer to a statement, as JSON: `@type` says which."""


class ServerError(HeadwaterError):
    """The server refused a statement or a query failed; the message is the server's own."""

    def __init__(self, message: str, entities: list[Entity] | None = None) -> None:
        super().__init__(message)
        self.entities = entities or []
        """What statements before the failing one answered."""


class Header(msgspec.Struct, rename="camel"):
    """What comes before the rows of a query."""

    column_names: list[str]
    column_types: list[str]
    query_id: str | None = None


class _Problem(msgspec.Struct):
    """Either kind of error body."""

    message: str = ""
    error_code: int = 0
    entities: list[Entity] = msgspec.field(default_factory=list)


_problem = msgspec.json.Decoder(_Problem)
_header = msgspec.json.Decoder(Header)
_cells = msgspec.json.Decoder(list[msgspec.Raw])


class Rows:
    """The rows of a running query, each a list of JSON texts as the server wrote them. Closing ends the query."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.header = _header.decode(_line(response) or b"{}")

    def __iter__(self) -> Iterator[list[bytes]]:
        """Raises `ServerError` for an error in mid-stream."""
        while line := _line(self._response):
            if line.startswith(b"["):
                yield [bytes(cell) for cell in _cells.decode(line)]
            else:
                problem = _problem.decode(line)
                if problem.error_code:
                    raise ServerError(problem.message)

    def close(self) -> None:
        self._connection.close()


class Lines:
    """The lines that PRINT answers."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection = connection
        self._response = response

    def __iter__(self) -> Iterator[str]:
        while line := self._response.readline():
            yield line.decode("utf-8", "replace").rstrip("\n")

    def close(self) -> None:
        self._connection.close()


class Client:
    """Talks to one server. Every method raises `ServerError` for what the server refuses and `StartupError` when it
    cannot be reached."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._address = _parse(server)
        self._headers = {"Content-Type": "application/json"}
        if self._address.username is not None:
            pair = f"{unquote(self._address.username)}:{unquote(self._address.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def info(self) -> Mapping[str, str]:
        """Version, ids and status of the server."""
        answer = self._read("GET", "/info", None, dict[str, dict[str, str]])
        return answer.get("KsqlServerInfo", {})

    def execute(self, text: str, properties: Mapping[str, str], variables: Mapping[str, str]) -> list[Entity]:
        """Run statements that are neither SELECT nor PRINT."""
        body = {"ksql": text, "streamsProperties": properties, "sessionVariables": variables}
        return self._read("POST", "/ksql", body, list[Entity])

    def query(self, text: str, properties: Mapping[str, str], variables: Mapping[str, str]) -> Rows:
        """Start one SELECT."""
        connection, response = self._stream(text, properties, variables)
        try:
            return Rows(connection, response)
        except BaseException:
            connection.close()
            raise

    def print_topic(self, text: str, properties: Mapping[str, str], variables: Mapping[str, str]) -> Lines:
        """Start one PRINT."""
        return Lines(*self._stream(text, properties, variables))

    def _stream(
        self, text: str, properties: Mapping[str, str], variables: Mapping[str, str]
    ) -> tuple[HTTPConnection, HTTPResponse]:
        body = {"sql": text, "properties": properties, "sessionVariables": variables}
        connection, response = self._send("POST", "/query-stream", body, _DELIMITED)
        if connection.sock is not None:
            connection.sock.settimeout(None)  # a push query may be silent for hours
        return connection, response

    def _read(self, method: str, path: str, body: object, kind: type[T]) -> T:
        connection, response = self._send(method, path, body, _JSON)
        try:
            return msgspec.json.decode(response.read(), type=kind)
        except (OSError, HTTPException, msgspec.DecodeError) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _send(self, method: str, path: str, body: object, accept: str) -> tuple[HTTPConnection, HTTPResponse]:
        connection = self._connect()
        payload = None if body is None else msgspec.json.encode(body)
        try:
            connection.connect()
            if connection.sock is not None:
                connection.sock.settimeout(None)  # statements may take long; connecting may not
            connection.request(method, path, payload, {**self._headers, "Accept": accept})
            response = connection.getresponse()
            if response.status >= 400:
                raise _refusal(response)
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        except BaseException:
            connection.close()
            raise
        return connection, response

    def _connect(self) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, port or 443, timeout=CONNECT_SECONDS, context=context)
        return HTTPConnection(host, port or 80, timeout=CONNECT_SECONDS)

    def _unreachable(self, error: Exception) -> StartupError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return StartupError(f"no ksqlDB server answers at {self.server}: {reason}. Start one with `headwater up`")


def _parse(server: str) -> SplitResult:
    address = urlsplit(server if "://" in server else f"http://{server}")
    try:
        valid = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"--server must be a URL such as {DEFAULT_SERVER}, not `{server}`")
    return address


def _line(response: HTTPResponse) -> bytes:
    """The next line that is not empty; b"" at the end."""
    while line := response.readline():
        if line := line.strip():
            return line
    return b""


def _refusal(response: HTTPResponse) -> ServerError:
    body = response.read()
    try:
        problem = _problem.decode(body)
    except msgspec.DecodeError:
        problem = _Problem()
    text = problem.message or body.decode("utf-8", "replace").strip() or response.reason
    return ServerError(text, problem.entities)
