"""The port `Server`: what a node object talks to, whether it is in this process or behind a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from headwater.core.schema import Column
from headwater.engine.entities import Entity
from headwater.library.coercion import InsertRow, Target
from headwater.library.rows import Row


@dataclass
class Session:
    """What SET and DEFINE have set, by name; given to every statement and query."""

    properties: dict[str, object] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


class Answer(Protocol):
    """The rows of one running query, batch by batch."""

    columns: tuple[Column, ...]
    query_id: str
    is_push: bool
    """Whether it goes on until it is closed or its LIMIT is reached."""

    async def next_rows(self) -> list[Row]:
        """The next rows, at least one, waiting for them; [] at the end. Raises what makes the query fail."""
        ...

    async def close(self) -> None:
        """End the query. Nothing happens the second time."""
        ...


class Server(Protocol):
    """One node. All methods raise `HeadwaterError`s."""

    endpoints: Mapping[str, str]
    """Where it listens, by name: `kafka`, `ksqldb`."""

    async def start(self) -> None:
        """Start or connect. Raises `ConfigError` or `StartupError`."""
        ...

    async def close(self) -> None: ...

    async def execute(self, text: str, session: Session) -> list[Entity]:
        """Carry out statements; raises `StatementError`."""
        ...

    async def query(self, text: str, session: Session) -> Answer:
        """Open one SELECT or PRINT."""
        ...

    async def target(self, name: str) -> Target:
        """The stream or table of this name, an identifier as SQL writes it."""
        ...

    async def append(self, target: Target, rows: Sequence[InsertRow]) -> None:
        """Write rows; they are as durable as the node promises when this returns."""
        ...

    async def settle(self) -> None:
        """Return when every running query has consumed and committed all there is; others count as done."""
        ...
