"""A client of ksqlDB's REST API over the standard library's HTTP/1.1: statements, and queries row by row.

It blocks on purpose: a person's Ctrl-C interrupts the read, the connection is closed, and the server ends the query.
"""

from __future__ import annotations

import base64
import select
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from headwater.core.client_tls import client_context, why_not
from headwater.core.errors import ConfigError, HeadwaterError, StartupError

DEFAULT_SERVER = "http://127.0.0.1:8088"
CONNECT_SECONDS = 10.0
STOP_SECONDS = 1.0
"""How long a stopping server may take to close a connection whose response it has just ended."""
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


class ConnectionLost(ServerError):
    """The server went away in the middle of a response."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(
            f"The connection to the server was lost while the query ran ({server}: {reason}). "
            "The rows so far may not be all there are."
        )


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


class Stream:
    """The lines of a streamed response as they come. Closing it ends the query on the server."""

    def __init__(self, server: str, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._server = server
        self._connection = connection
        self._response = response
        self._pending = b""

    def lines(self) -> Iterator[bytes]:
        """Every line without its line break. Raises `ConnectionLost` unless the transfer ends as HTTP has it.

        `read1` tells a broken transfer from a finished one; `readline` of the standard library does not.
        """
        while chunk := self._read():
            *complete, self._pending = (self._pending + chunk).split(b"\n")
            yield from complete
        if self._pending:
            yield self._pending

    def _read(self) -> bytes:
        try:
            return self._response.read1()
        except (OSError, HTTPException) as error:
            raise ConnectionLost(self._server, getattr(error, "strerror", None) or "it was closed") from error

    def require_alive(self) -> None:
        """Raises `ConnectionLost` if the server closes the connection after the response, as it does when it stops."""
        sock = self._connection.sock  # None where something between us and the server uses a connection only once
        if sock is not None and select.select([sock], [], [], STOP_SECONDS)[0]:
            raise ConnectionLost(self._server, "it has stopped")

    def close(self) -> None:
        """End the query."""
        self._connection.close()


class Rows:
    """The rows of a running query, each a list of JSON texts as the server wrote them. Closing ends the query."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._lines = (line for line in stream.lines() if line.strip())
        first = next(self._lines, None)
        if first is None:
            stream.require_alive()
            raise ServerError("The server answered the query with nothing at all.")
        self.header = _header.decode(first)

    def __iter__(self) -> Iterator[list[bytes]]:
        """Raises `ServerError` for an error in mid-stream, `ConnectionLost` when the server goes away."""
        for line in self._lines:
            if line.startswith(b"["):
                yield [bytes(cell) for cell in _cells.decode(line)]
            else:
                problem = _problem.decode(line)
                if problem.error_code:
                    raise ServerError(problem.message)

    def close(self) -> None:
        self.stream.close()


class Lines:
    """The lines that PRINT answers."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def __iter__(self) -> Iterator[str]:
        """Raises `ConnectionLost` when the server goes away."""
        for line in self.stream.lines():
            yield line.decode("utf-8", "replace")

    def close(self) -> None:
        self.stream.close()


class Client:
    """Talks to one server. Every method raises `ServerError` for what the server refuses and `StartupError` when it
    cannot be reached."""

    def __init__(self, server: str, ca_file: str = "") -> None:
        """`ca_file`: as for `client_context`. Raises `ConfigError` for what is no URL or no such file."""
        self.server = server
        self._address = _parse(server)
        self._tls = client_context(ca_file) if self._address.scheme == "https" else None
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
        stream = self._stream(text, properties, variables)
        try:
            return Rows(stream)
        except BaseException:
            stream.close()
            raise

    def print_topic(self, text: str, properties: Mapping[str, str], variables: Mapping[str, str]) -> Lines:
        """Start one PRINT."""
        return Lines(self._stream(text, properties, variables))

    def _stream(self, text: str, properties: Mapping[str, str], variables: Mapping[str, str]) -> Stream:
        body = {"sql": text, "properties": properties, "sessionVariables": variables}
        connection, response = self._send("POST", "/query-stream", body, _DELIMITED)
        if connection.sock is not None:
            connection.sock.settimeout(None)  # a push query may be silent for hours
        return Stream(self.server, connection, response)

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
        if self._tls is not None:
            return HTTPSConnection(host, port or 443, timeout=CONNECT_SECONDS, context=self._tls)
        return HTTPConnection(host, port or 80, timeout=CONNECT_SECONDS)

    def _unreachable(self, error: Exception) -> StartupError:
        return StartupError(f"no ksqlDB server answers at {self.server}: {why_not(self.server, error)}")


def _parse(server: str) -> SplitResult:
    address = urlsplit(server if "://" in server else f"http://{server}")
    try:
        valid = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"--server must be a URL such as {DEFAULT_SERVER}, not `{server}`")
    return address


def _refusal(response: HTTPResponse) -> ServerError:
    body = response.read()
    try:
        problem = _problem.decode(body)
    except msgspec.DecodeError:
        problem = _Problem()
    text = problem.message or body.decode("utf-8", "replace").strip() or response.reason
    return ServerError(text, problem.entities)
