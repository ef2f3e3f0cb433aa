"""`current()`: the record that an agent is at, and where its outputs and tables are."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from headwater.agents.errors import AgentError
from headwater.wire.records import Record as RawRecord

if TYPE_CHECKING:
    from headwater.agents.codec import Decode
    from headwater.agents.outbox import Outbox
    from headwater.agents.store import Store


class Context:
    """One for each agent and partition; `record` moves on. In a timer there is no record."""

    __slots__ = ("_decode_key", "agent", "app", "clock_ms", "outbox", "partition", "record", "stores", "topic")

    def __init__(
        self,
        app: str,
        agent: str,
        topic: str,
        partition: int,
        outbox: Outbox,
        stores: dict[str, Store],
        decode_key: Decode,
    ) -> None:
        self.app = app
        self.agent = agent
        self.topic = topic
        self.partition = partition
        """The partition that is being worked on: that of the record, and of the tables."""
        self.outbox = outbox
        self.stores = stores
        self.record: RawRecord | None = None
        self.clock_ms = 0
        """The time of a timer."""
        self._decode_key = decode_key

    @property
    def key(self) -> Any:
        """Of the type that the topic was declared with; bytes if none was. Raises `ValueError` if it is not of it."""
        return None if self.record is None else self._decode_key(self.record.key)

    @property
    def raw_key(self) -> bytes | None:
        return None if self.record is None else self.record.key

    @property
    def raw_value(self) -> bytes | None:
        return None if self.record is None else self.record.value

    @property
    def offset(self) -> int:
        return -1 if self.record is None else self.record.offset

    @property
    def timestamp(self) -> int:
        """Of the record, in ms; in a timer, the wall clock's."""
        return self.clock_ms if self.record is None else self.record.timestamp

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        return () if self.record is None else self.record.headers


CURRENT: ContextVar[Context | None] = ContextVar("headwater_agent", default=None)


def current() -> Context:
    """The record that the calling agent is at: `key`, `timestamp` (ms), `topic`, `partition`, `offset`, `headers`.

    The object moves on with the agent: read it before going on to the next record. Raises `AgentError` elsewhere.
    """
    found = CURRENT.get()
    if found is None:
        raise AgentError("current() is for agents and timers while they work on a record or tick")
    return found
