"""Bodies of requests: the error for too large ones; and what an answer left unread is read over."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headwater.engine.errors import ErrorCode, RequestError

DEFAULT_LIMIT_BYTES = 16 << 20
DRAINED_BYTES = 1 << 20
"""How much of a body nobody wants is read before the connection is given up."""


class Drained:
    """ASGI middleware for HTTP/2: the end of a complete answer waits for the end of the request.

    A stream must not end before its request has: hypercorn would close the connection, and the other requests on it
    with it. Answers without a length are streams; their clients may wait for the end before they end the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        complete = False

        async def send_last_late(message: Message) -> None:
            nonlocal complete
            if message["type"] == "http.response.start":
                complete = any(name == b"content-length" for name, _ in message["headers"])
            elif complete and not body.ended and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await body.drain()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self._app(scope, body.receive, send_last_late)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read over the rest, within bounds."""
        drained = 0
        while not self.ended and drained <= DRAINED_BYTES:
            drained += len((await self.receive()).get("body", b""))


def too_large(limit: int) -> RequestError:
    """The error for what exceeds the limit."""
    return RequestError(
        f"The request is too large: this server takes {limit} bytes. Send it in parts, or set ksql.max_request_bytes.",
        ErrorCode.TOO_LARGE,
    )
