"""Requests that change something, sent on to the node that writes."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

import h11
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headwater.http.origins import is_loopback_name
from headwater.http.registry.call import FORWARDED, TAKES_MORE
from headwater.http.registry.door import RegistryDoor
from headwater.registry.decisions import Candidate
from headwater.registry.election import HTTP_PORT, HTTPS_PORT, Peers
from headwater.registry.errors import Code, RegistryError
from headwater.registry.registry import Registry

_PASSED_ON = ("accept", "content-type", "authorization", TAKES_MORE)
HTTP_OK, HTTP_UNAUTHORIZED = 200, 401
_SECONDS = 30.0
_READ_BYTES = 1 << 16


async def forward(registry: Registry, request: Request, body: bytes) -> Response:
    """The answer of the node that writes, once what it wrote is known here. Raises `RegistryError`."""
    url = registry.leader_url
    if url is None:
        raise RegistryError(Code.UNKNOWN_LEADER, "The node that writes schemas is not known. Try again in a moment")
    target = request.scope["raw_path"].decode("latin-1")
    if request.url.query:
        target += f"?{request.url.query}"
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    response = await _ask_writer(registry, url, request.method, target, headers, body)
    await registry.catch_up()
    return response


async def register_with_writer(registry: Registry, subject: str, candidate: Candidate) -> None:
    """Register a schema with the node that writes. Raises `RegistryError`, also with that node's refusal."""
    url = registry.leader_url
    if url is None:
        raise RegistryError(Code.UNKNOWN_LEADER, "The node that writes schemas is not known. Try again in a moment")
    body: dict[str, object] = {"schema": candidate.schema, "schemaType": candidate.kind}
    body |= {"references": candidate.references, "metadata": candidate.metadata, "ruleSet": candidate.rules}
    target = f"/subjects/{quote(subject, safe='')}/versions"
    headers = {"content-type": "application/json"}
    response = await _ask_writer(registry, url, "POST", target, headers, msgspec.json.encode(body))
    if response.status_code == HTTP_UNAUTHORIZED:
        message = f"The leader at {url} asks for a login: set cluster.node_secret to the same at all nodes"
        raise RegistryError(Code.FORWARDING_FAILED, message)
    if response.status_code != HTTP_OK:
        raise _as_refusal(bytes(response.body))


async def _ask_writer(
    registry: Registry, url: str, method: str, target: str, headers: dict[str, str], body: bytes
) -> Response:
    """As the node, where nodes know each other: what the client may do has been checked here."""
    login = _login(registry.peers, url)
    try:
        async with asyncio.timeout(_SECONDS):
            fields = {**headers, **login, FORWARDED: "true"}
            return await exchange(url, method, target, list(fields.items()), body, registry.peers)
    except (OSError, TimeoutError, h11.ProtocolError, EOFError) as error:
        reason = str(error) or type(error).__name__
        message = f"Error while forwarding the request to the leader at {url}: {reason}"
        raise RegistryError(Code.FORWARDING_FAILED, message) from error


def _login(peers: Peers, url: str) -> dict[str, str]:
    """The header that says which node asks. Raises `RegistryError` where others could read it on the way."""
    if peers.authorization is None:
        return {}
    address = urlsplit(url)
    if address.scheme != "https" and not is_loopback_name(address.hostname or ""):
        message = (
            f"The leader at {url} is on another machine and does not speak https, without which cluster.node_secret is "
            "not sent: set tls.rest = true at all nodes, or registry.advertised_url to an https address"
        )
        raise RegistryError(Code.FORWARDING_FAILED, message)
    return {"authorization": peers.authorization}


class _Refusal(msgspec.Struct):
    error_code: int
    message: str


def _as_refusal(body: bytes) -> RegistryError:
    try:
        said = msgspec.json.decode(body, type=_Refusal)
        return RegistryError(Code(said.error_code), said.message)
    except (msgspec.MsgspecError, ValueError):
        return RegistryError(Code.FORWARDING_FAILED, "The leader gave an answer that is not understood")


async def exchange(
    url: str, method: str, target: str, headers: list[tuple[str, str]], body: bytes, peers: Peers
) -> Response:
    """One request over a connection of its own.

    Raises `OSError`, `EOFError`, `h11.ProtocolError`, and `RegistryError` for an answer that is too large.
    """
    address = urlsplit(url)
    tls = peers.tls if address.scheme == "https" else None
    default = HTTP_PORT if tls is None else HTTPS_PORT
    reader, writer = await asyncio.open_connection(address.hostname, address.port or default, ssl=tls)
    try:
        connection = h11.Connection(h11.CLIENT)
        fields = [*headers, ("host", address.netloc), ("content-length", str(len(body))), ("connection", "close")]
        for event in (h11.Request(method=method, target=target, headers=fields), h11.Data(body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return await _response(connection, reader)
    finally:
        writer.close()


async def _response(connection: h11.Connection, reader: asyncio.StreamReader) -> Response:
    status, size, kind, chunks = 0, 0, "application/json", []
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
            kind = next((value.decode() for name, value in event.headers if name == b"content-type"), kind)
        elif isinstance(event, h11.Data):
            size += len(event.data)
            if size > RegistryDoor.most_bytes:
                raise RegistryError(Code.FORWARDING_FAILED, "The leader's answer is too large")
            chunks.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            return Response(b"".join(chunks), status, media_type=kind)
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError("the connection was closed before an answer came")
