"""POST /query, /query-stream and /close-query: rows as a stream (section 5 of the REST sheet)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from starlette.responses import Response

from headwater.engine.continuation import CONTINUED
from headwater.engine.engine import Engine
from headwater.engine.errors import ErrorCode, RequestError
from headwater.engine.results import PrintResult, ResultKind, RowResult
from headwater.http.door import Call
from headwater.http.errors import error_body
from headwater.http.framing import (
    DELIMITED,
    JSON,
    KSQL_JSON,
    KSQL_PROTOBUF,
    Delimited,
    Framing,
    JsonArray,
    ProtobufRows,
    StreamedRows,
)
from headwater.http.negotiation import choose
from headwater.http.requests import CloseQueryArgs, KsqlRequest, QueryStreamArgs, decode
from headwater.http.responses import StreamedResponse
from headwater.http.routes import Route
from headwater.http.values import Row

_QUERY_TYPES = (KSQL_JSON, DELIMITED, JSON, KSQL_PROTOBUF)
_MIGRATE = "ksql.endpoint.migrate.query"
"""Where this is false, /query is what it was before /query-stream."""
_PAUSE = "query.stream.disconnect.check"
_QUERY_STREAM_TYPES = (DELIMITED, JSON, KSQL_JSON, KSQL_PROTOBUF)


class QueryEndpoints:
    """Endpoints over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def query(self, call: Call) -> Response:
        chosen = choose(call.request.headers.get("accept"), _QUERY_TYPES)
        body = decode(call.body, KsqlRequest)
        pause = None if chosen == DELIMITED else self._legacy_pause(body.streams_properties)
        if pause is not None and call.request.scope["http_version"] == "2":
            raise RequestError(f"With {_MIGRATE} = false /query needs HTTP/1.1.", ErrorCode.METHOD_NOT_ALLOWED)
        if body.command_sequence_number is not None:
            await self._engine.wait_for_command(body.command_sequence_number)
        token = continued_from(body.request_properties)
        result = await self._engine.query(body.ksql, body.streams_properties, body.variables, token)
        if isinstance(result, PrintResult):
            return _text_response(result, DELIMITED if chosen == DELIMITED else KSQL_JSON)
        return await rows_response(result, KSQL_JSON if chosen == JSON else chosen, pause)

    def _legacy_pause(self, properties: Mapping[str, object]) -> float | None:
        """Seconds after which the /query of old sends an empty line, where it is asked for; else None."""
        settings = self._engine.settings
        if str(properties.get(_MIGRATE, settings.text(_MIGRATE))).lower() != "false":
            return None
        return settings.integer(_PAUSE) / 1000

    async def query_stream(self, call: Call) -> Response:
        chosen = choose(call.request.headers.get("accept"), _QUERY_STREAM_TYPES)
        body = decode(call.body, QueryStreamArgs)
        result = await self._engine.query(
            body.sql, body.properties, body.variables, continued_from(body.request_properties)
        )
        if isinstance(result, PrintResult):
            if chosen != DELIMITED:
                await result.close()
                raise RequestError(f"PRINT answers in {DELIMITED} only.", ErrorCode.NOT_ACCEPTABLE)
            return _text_response(result, DELIMITED)
        return await rows_response(result, chosen)

    async def close_query(self, call: Call) -> Response:
        body = decode(call.body, CloseQueryArgs)
        if not await self._engine.close_query(body.query_id):
            raise RequestError(f"No query with id {body.query_id}", ErrorCode.BAD_REQUEST)
        return Response()

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/query", self.query, "Rows of a query", body=KsqlRequest, answers=_QUERY_TYPES),
            Route("POST", "/query-stream", self.query_stream, "Rows of a query, by line", body=QueryStreamArgs,
                  answers=_QUERY_STREAM_TYPES),
            Route("POST", "/close-query", self.close_query, "End a push query", body=CloseQueryArgs),
        ]  # fmt: skip


def continued_from(request_properties: Mapping[str, object]) -> str | None:
    """The token that a request goes on from."""
    token = request_properties.get(CONTINUED)
    return None if token is None else str(token)


def framing_for(result: RowResult, content_type: str) -> Framing:
    """The layout of a result in the type the client chose."""
    if content_type == DELIMITED:
        return Delimited(result.schema)
    if content_type == JSON:
        return JsonArray(result.schema)
    # A scan of a stream ends with a message, as a push query does, and is framed like one.
    push = result.kind is not ResultKind.PULL_TABLE
    return (ProtobufRows if content_type == KSQL_PROTOBUF else StreamedRows)(result.schema, push=push)


def final_message(result: RowResult) -> str | None:
    """What a streamed-row response says last."""
    if result.kind is ResultKind.PULL_TABLE:
        return None
    return "Limit Reached" if result.limit_reached else "Query Completed"


async def rows_response(result: RowResult, content_type: str, pause: float | None = None) -> Response:
    """Answer with the rows of a result. What goes wrong before a pull query's first rows is raised.

    With a `pause` (seconds) as the /query of old did: the response ends with a line break, and empty lines fill pauses.
    """
    first: Sequence[Row] = ()
    try:
        framing = framing_for(result, content_type)
        if result.kind is not ResultKind.PUSH:
            first = await anext(result)
    except StopAsyncIteration:
        pass  # no rows
    except BaseException:
        await result.close()
        raise
    frames = _frames(result, framing, first)
    if pause is not None:
        frames = _with_empty_lines(frames, pause)
    return StreamedResponse(frames, framing.content_type, result.close)


_ROW_BY_ROW = 64
"""A batch of up to so many rows is sent one row at a time, as ksqlDB sends all: there are clients that take what comes
in one piece for one row. Where rows come faster than that, such clients do not keep up anyway."""


async def _frames(result: RowResult, framing: Framing, first: Sequence[Row]) -> AsyncIterator[bytes]:
    push = result.kind is ResultKind.PUSH
    yield framing.header(result.query_id) + framing.rows(first)
    try:
        async for rows in result:
            for part in [[row] for row in rows] if push and len(rows) <= _ROW_BY_ROW else [rows]:
                chunk = framing.rows(part)
                if chunk:
                    yield chunk
                    await asyncio.sleep(0)  # the server of HTTP/2 sends at its next turn, and all that it has then
            if result.continuation is not None:
                yield framing.token(result.continuation())
        last = framing.end(final_message(result))
    except Exception as error:  # noqa: BLE001 - the status is sent already: the error is part of the stream
        last = framing.error(error_body(error))
    if last:
        yield last


async def _with_empty_lines(chunks: AsyncIterator[bytes], pause: float) -> AsyncIterator[bytes]:
    waiting: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(chunks, None))
            await asyncio.wait((waiting,), timeout=pause)
            if not waiting.done():
                yield b"\n"
                continue
            chunk, waiting = waiting.result(), None
            if chunk is None:
                break
            yield chunk
        yield b"\n"
    finally:
        if waiting is not None:
            waiting.cancel()


def _text_response(result: PrintResult, content_type: str) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        async for batch in result:
            yield "".join(f"{line}\n" for line in batch).encode()

    return StreamedResponse(lines(), content_type, result.close)
