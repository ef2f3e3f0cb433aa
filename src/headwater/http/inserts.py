"""POST /inserts-stream: rows in, one acknowledgement per row out, both while the request is open (section 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headwater.broker.acls import Operation
from headwater.core.errors import DataError, HeadwaterError, SqlError
from headwater.engine.engine import Engine
from headwater.engine.errors import ErrorCode, RequestError, message_of
from headwater.engine.insert import InsertChannel, OutputRecord
from headwater.http.bodies import DEFAULT_LIMIT_BYTES, too_large
from headwater.http.door import Call
from headwater.http.framing import DELIMITED, JSON
from headwater.http.negotiation import choose
from headwater.http.requests import InsertsStreamArgs, decode
from headwater.http.routes import Route


class InsertEndpoints:
    """Endpoints over one engine."""

    def __init__(self, engine: Engine, line_limit: int = DEFAULT_LIMIT_BYTES) -> None:
        self._engine = engine
        self._line_limit = line_limit

    async def inserts_stream(self, call: Call) -> Response:
        request = call.request
        content_type = choose(request.headers.get("accept"), (DELIMITED, JSON))
        if request.scope["http_version"] != "2":
            raise RequestError("/inserts-stream needs HTTP/2.", ErrorCode.HTTP2_ONLY)
        lines = _Lines(request, self._line_limit)
        first = await lines.first()
        if first is None:
            raise RequestError('The first line must name the target: {"target": "name"}', ErrorCode.BAD_REQUEST)
        arguments = decode(first, InsertsStreamArgs)
        channel = self._engine.open_inserts(arguments.target, arguments.properties)
        return _InsertResponse(lines, channel, content_type)

    def routes(self) -> list[Route]:
        about = "Insert rows: the target in the first line, a row in each further one (HTTP/2 only)"
        return [
            Route("POST", "/inserts-stream", self.inserts_stream, about, Operation.WRITE, body=InsertsStreamArgs,
                  takes=(DELIMITED,), answers=(DELIMITED, JSON), streamed=True)
        ]  # fmt: skip


class _Lines:
    """The lines of a request body in batches: as many as have arrived. A line of more than `limit` bytes raises
    `RequestError`."""

    def __init__(self, request: Request, limit: int) -> None:
        self._chunks = request.stream()
        self._limit = limit
        self._rest = b""

    async def first(self) -> bytes | None:
        """The first line that is not blank."""
        async for chunk in self._chunks:
            self._rest += chunk
            line, found, rest = self._rest.lstrip().partition(b"\n")
            if found:
                self._rest = rest
                return line
            self._check()
        line, self._rest = self._rest.strip(), b""
        return line or None

    async def batches(self) -> AsyncIterator[list[bytes]]:
        """The lines after the first; blank ones are left out."""
        *lines, self._rest = self._rest.split(b"\n")
        if lines:
            yield [line for line in lines if line.strip()]
        async for chunk in self._chunks:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if lines:
                yield [line for line in lines if line.strip()]
            self._check()
        if self._rest.strip():
            yield [self._rest]

    def _check(self) -> None:
        if len(self._rest) > self._limit:
            raise too_large(self._limit)


class _InsertResponse(Response):
    """Answers 200 at once and acknowledges batch by batch."""

    def __init__(self, lines: _Lines, channel: InsertChannel, content_type: str) -> None:
        super().__init__(media_type=content_type)
        del self.headers["content-length"]
        self._lines = lines
        self._channel = channel
        self._array = content_type == JSON
        self._sequence = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"[" if self._array else b"", "more_body": True})
        try:
            async for batch in self._lines.batches():
                acknowledgements, failed = await self._insert(batch)
                await send({"type": "http.response.body", "body": acknowledgements, "more_body": True})
                if failed:
                    break
        except ClientDisconnect:
            return
        except RequestError as error:
            await send({"type": "http.response.body", "body": self._failure(error.code, str(error)), "more_body": True})
        await send({"type": "http.response.body", "body": b"]" if self._array else b"", "more_body": False})

    async def _insert(self, lines: Sequence[bytes]) -> tuple[bytes, bool]:
        """Append the rows of a batch up to the first bad one; the acknowledgements, and whether there was a bad one."""
        records: list[OutputRecord] = []
        failure: tuple[ErrorCode, str] | None = None
        for line in lines:
            try:
                records.append(self._channel.record(_row(line)))
            except (DataError, SqlError, RequestError) as error:
                failure = ErrorCode.BAD_REQUEST, message_of(error)
                break
        try:
            await self._channel.append(records)
        except HeadwaterError as error:
            records, failure = [], (ErrorCode.SERVER_ERROR, message_of(error))
        items = [self._item({"status": "ok", "seq": self._next()}) for _ in records]
        if failure is not None:
            code, message = failure
            items.append(self._failure(code, message))
        return b"".join(items), failure is not None

    def _failure(self, code: ErrorCode, message: str) -> bytes:
        return self._item({"@type": "insert_error", "status": "error", "seq": self._next(),
                           "error_code": code, "message": message})  # fmt: skip

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _item(self, body: dict[str, object]) -> bytes:
        text = msgspec.json.encode(body)
        if not self._array:
            return text + b"\n"
        return text if body["seq"] == 0 else b"," + text


_decode_row = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode


def _row(line: bytes) -> dict[str, object]:
    try:
        return _decode_row(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"Invalid JSON in inserts stream: {error}", ErrorCode.BAD_REQUEST) from None
