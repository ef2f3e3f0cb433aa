"""`Connectors`: the port through which SQL drives a Kafka Connect worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from headwater.engine.errors import ErrorCode, RequestError

_CODES = {400: ErrorCode.BAD_REQUEST, 404: ErrorCode.NOT_FOUND, 409: ErrorCode.CONFLICT}


class ConnectorError(RequestError):
    """The worker refuses; the code is its HTTP status times 100, as in ksqlDB."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, _CODES.get(status, ErrorCode.SERVER_ERROR))
        self.status = status


class Connectors(Protocol):
    """What SQL wants of a worker. Bodies are those of Connect's REST API; refusals are `ConnectorError`."""

    def names(self) -> Sequence[str]:
        """All connectors."""
        ...

    def status(self, name: str) -> Mapping[str, Any]:
        """States of a connector and its tasks, and its type."""
        ...

    def config(self, name: str) -> Mapping[str, str]:
        """Configuration, secrets hidden."""
        ...

    def topics(self, name: str) -> Sequence[str]:
        """Topics that it has used."""
        ...

    def plugins(self) -> Sequence[tuple[str, str, str]]:
        """What can be made: (class, type, version)."""
        ...

    async def create(self, name: str, config: Mapping[str, str]) -> Mapping[str, Any]:
        """Make a connector; returns its info, secrets hidden."""
        ...

    async def delete(self, name: str) -> None:
        """Stop and forget a connector."""
        ...


@dataclass
class ConnectPort:
    """Filled by whoever runs a worker beside the engine."""

    worker: Connectors | None = None
