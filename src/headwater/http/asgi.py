"""What doors that are ASGI applications of their own share: the server's life, and bodies of bounded size."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Receive, Send


async def live(receive: Receive, send: Send) -> None:
    """Answer the messages of the protocol `lifespan`, for a door that has nothing to open or close."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def read_body(request: Request, most: int, refusal: Exception) -> bytes:
    """The body; raises `refusal` as soon as it is longer than `most` bytes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise refusal
        chunks.append(chunk)
    return b"".join(chunks)
