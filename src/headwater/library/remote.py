"""`RemoteServer`: a node behind a URL, or any ksqlDB server, over its REST API."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from headwater.core import types
from headwater.core.client_tls import why_not
from headwater.core.errors import ConfigError, HeadwaterError, StartupError
from headwater.core.names import quote_if_needed
from headwater.core.schema import Column
from headwater.core.types import STRING, SqlType
from headwater.engine.entities import Entity, SourceDescriptionEntity, SourceDescriptionsList
from headwater.engine.errors import StatementError
from headwater.engine.insert import InsertError
from headwater.http.values import compile_converter
from headwater.library import replies
from headwater.library.coercion import InsertRow, Target
from headwater.library.errors import ClosedError, UnsupportedError
from headwater.library.http2 import ConnectionLostError, Http2Connection, Http2Stream
from headwater.library.insert_text import insert_statement
from headwater.library.progress import STATEMENT, Progress, progress
from headwater.library.rows import Row
from headwater.library.server import Answer, Session
from headwater.library.values import from_json, row_maker
from headwater.sql.tokens import tokenize

_JSON = "application/vnd.ksql.v1+json"
_DELIMITED = "application/vnd.ksqlapi.delimited.v1"
_SUBSTITUTION = "ksql.variable.substitution.enable"
_POLL_SECONDS = 0.05
"""A person does not notice, and a server hardly."""
_TOKEN = b'{"continuationToken":'
_decode_values = msgspec.json.Decoder(list[Any], float_hook=Decimal).decode


class RemoteServer:
    """Speaks HTTP/2 over one connection, which is opened anew when it was lost. `url` may hold user and password."""

    def __init__(self, url: str, ca_file: str = "") -> None:
        self._address = _parse(url)
        self._ca_file = ca_file
        self.endpoints: Mapping[str, str] = {"ksqldb": f"{self._address.scheme}://{_host(self._address)}"}
        self._headers = _authorization(self._address)
        self._connection: Http2Connection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def start(self) -> None:
        """Connect, and ask for /info to see who is there."""
        try:
            await _whole_body(await self._send("GET", "/info", None, _JSON))
        except BaseException as error:
            await self.close()
            if isinstance(error, ConnectionLostError):
                raise self._unreachable(error.reason) from None
            raise

    async def close(self) -> None:
        """End the connection; the server ends what it carried."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def execute(self, text: str, session: Session) -> list[Entity]:
        """POST /ksql."""
        body = {"ksql": text, "streamsProperties": session.properties, "sessionVariables": session.variables}
        stream = await self._send("POST", "/ksql", msgspec.json.encode(body), _JSON)
        return replies.entities(await _whole_body(stream))

    async def query(self, text: str, session: Session) -> Answer:
        """POST /query-stream."""
        kinds = tokenize(text).kinds
        body = {"sql": text, "properties": session.properties, "sessionVariables": session.variables}
        stream = await self._send("POST", "/query-stream", msgspec.json.encode(body), _DELIMITED)
        try:
            lines = Lines(stream)
            if kinds[0] == "PRINT":
                return RemoteLines(stream, lines)
            query_id, columns = replies.header(await anext(lines, b""))
        except BaseException:
            await stream.close()
            raise
        if "EMIT" not in kinds:
            return RemoteAnswer(stream, lines, query_id, columns)
        return RemoteAnswer(stream, lines, query_id, columns, self._end)

    async def _end(self, query_id: str) -> None:
        """End a push query: when this returns the server has. One that has ended already is none of our business."""
        with contextlib.suppress(HeadwaterError):
            await _whole_body(
                await self._send("POST", "/close-query", msgspec.json.encode({"queryId": query_id}), _JSON)
            )

    async def target(self, name: str) -> Target:
        """DESCRIBE."""
        for entity in await self.execute(f"DESCRIBE {name};", Session()):
            if isinstance(entity, SourceDescriptionEntity):
                return replies.target(entity.source_description)
        raise UnsupportedError(f"The server does not describe {name} in a way that is understood here.")

    async def append(self, target: Target, rows: Sequence[InsertRow]) -> None:
        """POST /inserts-stream, or INSERT statements for rows that it does not take.

        Raises `InsertError` for the first row that is refused; those before it are in.
        """
        keys = [at for at, column in enumerate(target.columns) if column.name in target.key]
        if any(row.rowtime is not None or any(row.values[at] is None for at in keys) for row in rows):
            await self._insert_statements(target, rows)
        else:
            await self._insert_stream(target, rows)

    async def _insert_statements(self, target: Target, rows: Sequence[InsertRow]) -> None:
        text = "\n".join(insert_statement(target, row) for row in rows)
        # A text may have `${` in it, which is no variable then.
        session = Session({_SUBSTITUTION: "false"}) if "${" in text else Session()
        try:
            await self.execute(text, session)
        except StatementError as error:
            raise InsertError(str(error)) from None

    async def _insert_stream(self, target: Target, rows: Sequence[InsertRow]) -> None:
        names = [quote_if_needed(column.name) for column in target.columns]
        convert = compile_converter([_quoted(column.type) for column in target.columns])
        plain: Any = convert((row.values, False) for row in rows)
        objects = [dict(zip(names, values, strict=True)) for values in plain]
        body = msgspec.json.Encoder().encode_lines([{"target": quote_if_needed(target.name)}, *objects])
        stream = await self._send("POST", "/inserts-stream", body, _DELIMITED)
        async for line in Lines(stream):
            problem = replies.problem(line)
            if problem is not None:
                raise InsertError(f"{target.name}: {problem.message}")

    async def settle(self) -> None:
        """Ask until every query has consumed all there is, twice in a row."""
        before: Progress | None = None
        while True:
            answer = await self.execute(STATEMENT, Session())
            lists = [entity for entity in answer if isinstance(entity, SourceDescriptionsList)]
            now = progress(description for found in lists for description in found.source_descriptions)
            if now.is_done and now == before:
                return
            before = now
            if not now.is_done:
                await asyncio.sleep(_POLL_SECONDS)

    async def _send(self, method: str, path: str, body: bytes | None, accept: str) -> Http2Stream:
        """Send a request; the response is a success. Raises `StartupError`, `StatementError`, `RequestError`."""
        stream = await self._request(method, path, {**self._headers, "accept": accept, **_content_type(body)})
        try:
            await stream.send(body or b"", last=True)
            status = await stream.status()
            if status >= 400:
                raise replies.refusal(await _whole_body(stream), status)
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _request(self, method: str, path: str, headers: dict[str, str]) -> Http2Stream:
        if self._closed:
            raise ClosedError("The connection was closed.")
        async with self._connecting:
            if self._connection is None or self._connection.lost is not None:
                try:
                    self._connection = await Http2Connection.open(self._address, self._ca_file)
                except (OSError, TimeoutError) as error:
                    raise self._unreachable(error) from error
        return self._connection.request(method, path, headers)

    def _unreachable(self, reason: Exception | str) -> StartupError:
        url = self.endpoints["ksqldb"]
        return StartupError(f"no ksqlDB server answers at {url}: {why_not(url, reason)}")


class Lines:
    """The lines of a streamed answer that are not empty."""

    def __init__(self, stream: Http2Stream) -> None:
        self._stream = stream
        self._complete: deque[bytes] = deque()
        self._rest = b""

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> bytes:
        while not self._complete:
            if not await self._fill():
                raise StopAsyncIteration
        return self._complete.popleft()

    async def more(self) -> list[bytes]:
        """The next line and all that have arrived with it; [] at the end."""
        while not self._complete:
            if not await self._fill():
                return []
        lines = list(self._complete)
        self._complete.clear()
        return lines

    async def _fill(self) -> bool:
        data = await self._stream.read()
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest if data else b""
        if not data and rest.strip():
            lines.append(rest)
        self._complete.extend(line for line in lines if line.strip())
        return bool(data or self._complete)


class RemoteAnswer:
    """Rows of a SELECT; `end` is what ends a push query on the server."""

    def __init__(
        self,
        stream: Http2Stream,
        lines: Lines,
        query_id: str,
        columns: tuple[Column, ...],
        end: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self.columns = columns
        self.query_id = query_id
        self.is_push = end is not None
        self._end = end
        self._stream = stream
        self._lines = lines
        self._make = row_maker(columns, from_json)
        self._failure: replies.Problem | None = None

    async def next_rows(self) -> list[Row]:
        """The rows that have arrived. An error in mid-stream comes after the rows before it."""
        try:
            while self._failure is None:
                lines = await self._lines.more()
                values = self._values(lines)
                if values:
                    return self._make(values)
                if not lines:
                    break
            if self._failure is not None:
                raise replies.failure(self._failure)
        except BaseException:
            await self.close()
            raise
        await self.close()
        return []

    def _values(self, lines: Sequence[bytes]) -> list[list[Any]]:
        values: list[list[Any]] = []
        for line in lines:
            if line.startswith(b"["):
                values.append(_decode_values(line))
            elif not line.startswith(_TOKEN):
                self._failure = replies.problem(line)
        return values

    async def close(self) -> None:
        """End the query, and give up the request."""
        end, self._end = self._end, None
        if end is not None and not self._stream.ended:
            await end(self.query_id)
        await self._stream.close()


class RemoteLines:
    """Lines of a PRINT, as rows of one column."""

    is_push = True
    query_id = ""
    columns: tuple[Column, ...] = (Column("LINE", STRING),)

    def __init__(self, stream: Http2Stream, lines: Lines) -> None:
        self._stream = stream
        self._lines = lines
        self._make = row_maker(self.columns, from_json)

    async def next_rows(self) -> list[Row]:
        """The lines that have arrived."""
        return self._make([(line.decode("utf-8", "replace"),) for line in await self._lines.more()])

    async def close(self) -> None:
        """Give up the request."""
        await self._stream.close()


def _quoted(sql_type: SqlType) -> SqlType:
    """The type with its fields named as /inserts-stream must be given them: in quotes unless they are plain."""
    match sql_type:
        case types.Struct(fields):
            return types.Struct(tuple(types.Field(quote_if_needed(f.name), _quoted(f.type)) for f in fields))
        case types.Array(element):
            return types.Array(_quoted(element))
        case types.Map(key, value):
            return types.Map(key, _quoted(value))
    return sql_type


async def _whole_body(stream: Http2Stream) -> bytes:
    parts: list[bytes] = []
    while part := await stream.read():
        parts.append(part)
    return b"".join(parts)


def _parse(url: str) -> SplitResult:
    address = urlsplit(url if "://" in url else f"http://{url}")
    try:
        valid = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"connect() takes a URL such as http://127.0.0.1:8088, not `{url}`")
    return address


def _host(address: SplitResult) -> str:
    return address.netloc.rpartition("@")[2]


def _authorization(address: SplitResult) -> dict[str, str]:
    if address.username is None:
        return {}
    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _content_type(body: bytes | None) -> dict[str, str]:
    return {} if body is None else {"content-type": "application/json"}
