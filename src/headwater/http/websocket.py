"""GET /ws/query: one query over a WebSocket (section 7 of the REST sheet)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from headwater.core.errors import HeadwaterError
from headwater.engine.describe import field_infos
from headwater.engine.engine import Engine
from headwater.engine.errors import ErrorCode, RequestError
from headwater.engine.results import PrintResult, RowResult
from headwater.http.errors import error_body
from headwater.http.framing import RowEncoder
from headwater.http.queries import continued_from, final_message
from headwater.http.requests import KsqlRequest, decode
from headwater.http.values import compile_converter

_NORMAL, _BAD_REQUEST, _SERVER_ERROR, _TRY_AGAIN = 1000, 1003, 1011, 1013
_REASON_BYTES = 123
"""Longest reason of a close frame (RFC 6455 section 5.5)."""


class WebSocketEndpoint:
    """The endpoint over one engine; `admit` raises an error for whom it is not."""

    def __init__(self, engine: Engine, admit: Callable[[HTTPConnection], Awaitable[None]]) -> None:
        self._engine = engine
        self._admit = admit

    async def query(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            await self._admit(socket)
            body = decode(socket.query_params.get("request", "").encode(), KsqlRequest)
            if body.command_sequence_number is not None:
                await self._engine.wait_for_command(body.command_sequence_number)
            token = continued_from(body.request_properties)
            result = await self._engine.query(body.ksql, body.streams_properties, body.variables, token)
        except HeadwaterError as error:
            await _fail(socket, error)
            return
        await self._serve(socket, result)

    async def _serve(self, socket: WebSocket, result: RowResult | PrintResult) -> None:
        limit = self._engine.settings.integer("ksql.websocket.connection.max.timeout.ms")
        send = asyncio.ensure_future(_send_lines(socket, result) if isinstance(result, PrintResult)
                                     else _send_rows(socket, result))  # fmt: skip
        gone = asyncio.ensure_future(_wait_until_gone(socket))
        try:
            await asyncio.wait((send, gone), timeout=limit / 1000 or None, return_when=asyncio.FIRST_COMPLETED)
            if send.done() and send.exception() is not None:
                await _fail(socket, send.exception())
            elif not gone.done():
                await socket.send_text('{"error":"done"}')
                await socket.close(_NORMAL, "done")
        except (WebSocketDisconnect, RuntimeError):
            pass  # the client went away while the last words were sent
        finally:
            for task in (send, gone):
                task.cancel()
                with contextlib.suppress(BaseException):
                    await task
            await result.close()


async def _send_rows(socket: WebSocket, result: RowResult) -> None:
    await socket.send_text(msgspec.json.encode(field_infos(result.schema)).decode())
    convert = compile_converter([column.type for column in result.schema.columns])
    encode = RowEncoder().encode
    async for rows in result:
        for values, row in zip(convert(rows), rows, strict=True):
            body: dict[str, object] = {"columns": values, "tombstone": True} if row[1] else {"columns": values}
            await socket.send_text(encode({"row": body}).decode())
    message = final_message(result)
    if message is not None:
        await socket.send_text(encode({"finalMessage": message}).decode())


async def _send_lines(socket: WebSocket, result: PrintResult) -> None:
    async for lines in result:
        for line in lines:
            await socket.send_text(msgspec.json.encode(line).decode())


async def _wait_until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _fail(socket: WebSocket, error: BaseException | None) -> None:
    body = error_body(error if isinstance(error, Exception) else RequestError("The query was cancelled."))
    await socket.send_text(msgspec.json.encode({"error": body.message}).decode())
    code = {5: _SERVER_ERROR}.get(body.error_code // 10_000, _BAD_REQUEST)
    if body.error_code == ErrorCode.COMMAND_TIMEOUT:
        code = _TRY_AGAIN
    await socket.close(code, body.message.encode()[:_REASON_BYTES].decode(errors="ignore"))
