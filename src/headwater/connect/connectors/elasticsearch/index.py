"""Where actions go: a server over its bulk API, or the index inside the node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from headwater.connect.config import Config
from headwater.connect.connectors.elasticsearch.actions import Action, Item, items
from headwater.connect.embedded.documents import DocumentStore, Write
from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError
from headwater.core.clock import Clock

SPACE = "search"
"""Where embedded indexes are in the node's documents."""


class Index(Protocol):
    """Takes bulk actions."""

    async def check(self) -> None:
        """Raises `ConnectError` with what is wrong with the address or the login."""
        ...

    async def bulk(self, actions: Sequence[Action]) -> list[Item]:
        """An answer per action. Raises `RetriableError` if there is none, `ConnectError` if there never will be."""
        ...

    async def close(self) -> None: ...


class EmbeddedIndex:
    """Documents in the node's own store; updates merge, as the server's do."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._store = DocumentStore(folder, SPACE)
        self._clock = clock

    async def check(self) -> None:
        return

    async def bulk(self, actions: Sequence[Action]) -> list[Item]:
        await asyncio.to_thread(self._apply, actions)
        return [Item(200)] * len(actions)

    def _apply(self, actions: Sequence[Action]) -> None:
        known: dict[tuple[str, str], Mapping[str, Any] | None] = {}
        for index in {action.index for action in actions}:
            ids = sorted({action.id for action in actions if action.index == index and action.operation == "update"})
            known |= {(index, key): held for key, held in self._store.get(index, ids).items()}
        writes = []
        for action in actions:
            place = action.index, action.id
            merged = action.document
            if action.operation == "update" and merged is not None:
                merged = _merged(known.get(place) or {}, merged)
            known[place] = merged
            writes.append(Write(action.index, action.id, merged))
        self._store.write(writes, self._clock.now_ms())

    async def close(self) -> None:
        return


def _merged(held: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are merged, everything else is replaced."""
    result = dict(held)
    for name, value in part.items():
        before = result.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[name] = _merged(before or {}, value) if both else value
    return result


class RemoteIndex:
    """A server, through Elastic's own transport library; OpenSearch answers the same requests."""

    def __init__(self, config: Config) -> None:
        try:
            import elastic_transport
        except ImportError:
            raise MissingExtraError("The Elasticsearch sink", "elasticsearch") from None
        self._errors = elastic_transport
        options: dict[str, Any] = {}
        if ca := config.text("elastic.https.ssl.ca.file"):
            options["ca_certs"] = ca
        nodes = []
        for url in config.texts("connection.url"):
            try:
                nodes.append(elastic_transport.client_utils.url_to_node_config(url, use_default_ports_for_scheme=True))
            except ValueError as error:
                raise ConnectError(f"connection.url: {url} is no URL: {error}") from None
        timeout = config.integer("read.timeout.ms") / 1000
        self._transport = elastic_transport.Transport(
            [node.replace(headers=_headers(config), request_timeout=timeout, **options) for node in nodes],
            max_retries=0,
        )

    async def check(self) -> None:
        await self._send("GET", "/", None, {})

    async def bulk(self, actions: Sequence[Action]) -> list[Item]:
        lines = []
        for action in actions:
            lines.append(json.dumps(action.header()))
            if (body := action.body()) is not None:
                lines.append(json.dumps(body))
        headers = {"content-type": "application/x-ndjson", "accept": "application/json"}
        return items(await self._send("POST", "/_bulk", ("\n".join(lines) + "\n").encode(), headers))

    async def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        try:
            answer = await asyncio.to_thread(
                self._transport.perform_request, method, path, body=body, headers=dict(headers)
            )
        except self._errors.TlsError as error:
            raise ConnectError(f"connection.url: the server's certificate is not trusted: {error}") from error
        except self._errors.TransportError as error:
            raise RetriableError(f"connection.url: the server does not answer: {error}") from error
        status = answer.meta.status
        if status in (401, 403):
            raise ConnectError(
                f"connection.username, connection.password or connection.api.key: the server refuses them ({status})"
            )
        if status in (429, 502, 503, 504):
            raise RetriableError(f"The server is busy: {status}")
        if status >= 300:
            raise ConnectError(f"{method} {path} was answered with {status}: {str(answer.body)[:500]}")
        return answer.body

    async def close(self) -> None:
        await asyncio.to_thread(self._transport.close)


def _headers(config: Config) -> dict[str, str]:
    from base64 import b64encode

    if key := config.text("connection.api.key"):
        return {"authorization": f"ApiKey {key}"}
    if user := config.text("connection.username"):
        pair = f"{user}:{config.text('connection.password')}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}
