"""Who moves records of which topic, as seen on the wire: what lineage draws its edges from.

How to read: `broker.observation.flows()` gives every `Flow` known, on the event loop's thread. `direction` says which
way the edge goes: PRODUCE is client -> topic, FETCH is topic -> client, COMMIT is topic -> group. A fetch does not say
for which group it is; `group` is filled in where this client, by its client id and address, is a member of exactly one,
else it is "". A commit names its group for certain.

    for flow in broker.observation.flows():
        print(flow.direction, flow.client_id, flow.group, flow.topic, flow.records, flow.last_ms)

The table is bounded: when it is full, the tenth of it that was idle for longest is forgotten. Numbers count from the
start of the process, and a forgotten flow starts again at 0. One look-up per partition of a request, none per record.
Queries of this node do not come over the wire and are not here; their lineage is in their plans.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from headwater.core.clock import Clock

CAPACITY = 10_000
"""Flows kept."""

Client = tuple[str, str]
"""Client id and address."""


class Direction(Enum):
    """Which way records go, or that a group has said how far it is."""

    PRODUCE = "produce"
    FETCH = "fetch"
    COMMIT = "commit"


@dataclass(slots=True)
class Flow:
    """One edge between a client (or group) and a topic. Times in ms since the epoch."""

    direction: Direction
    client_id: str
    group: str
    """The consumer group, "" if there is none or it is not known."""
    topic: str
    first_ms: int
    last_ms: int
    bytes: int = 0
    """Bytes of record batches as stored, so compressed ones count compressed; 0 for commits."""
    records: int = 0
    """Records produced; offsets fetched, so what compaction took away counts too; 0 for commits."""


Table = dict[tuple[str, str, str], Flow]
"""By client id, group and topic."""


class Observation:
    """The table of flows."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        # A table for each direction: an enum in the key would be hashed anew by Python code each time.
        self._produced: Table = {}
        self._fetched: Table = {}
        self._committed: Table = {}
        self._groups: dict[Client, str] = {}
        """The group of each client that is a member of one, "" for a client in several."""

    def flows(self) -> list[Flow]:
        """Every flow known, in no order. The objects go on counting; take copies to compare."""
        return [flow for table in self._tables for flow in table.values()]

    def clear(self) -> None:
        """Forget all flows."""
        for table in self._tables:
            table.clear()

    @property
    def _tables(self) -> tuple[Table, Table, Table]:
        return self._produced, self._fetched, self._committed

    def produced(self, client_id: str, topic: str, size: int, records: int) -> None:
        """A client has appended a batch of `size` bytes."""
        flow = self._flow(self._produced, Direction.PRODUCE, client_id, "", topic)
        flow.bytes += size
        flow.records += records

    def fetched(self, client: Client, topic: str, size: int, records: int) -> None:
        """A client was given batches of `size` bytes."""
        flow = self._flow(self._fetched, Direction.FETCH, client[0], self._groups.get(client, ""), topic)
        flow.bytes += size
        flow.records += records

    def committed(self, client_id: str, group: str, topics: Iterable[str]) -> None:
        """A client has committed positions of a group in these topics."""
        for topic in topics:
            self._flow(self._committed, Direction.COMMIT, client_id, group, topic)

    def joined(self, client: Client, group: str) -> None:
        """A client is a member of the group."""
        known = self._groups.get(client)
        if known is None and len(self._groups) >= self._capacity:
            del self._groups[next(iter(self._groups))]
        self._groups[client] = group if known in (None, group) else ""

    def _flow(self, table: Table, direction: Direction, client_id: str, group: str, topic: str) -> Flow:
        now = self._clock.now_ms()
        key = client_id, group, topic
        flow = table.get(key)
        if flow is not None:
            flow.last_ms = now
            return flow
        if sum(map(len, self._tables)) >= self._capacity:
            self._forget_idle()
        flow = table[key] = Flow(direction, client_id, group, topic, now, now)
        return flow

    def _forget_idle(self) -> None:
        idle = sorted(((flow.last_ms, key, table) for table in self._tables for key, flow in table.items()), key=_age)
        for _, key, table in idle[: max(1, self._capacity // 10)]:
            del table[key]


def _age(entry: tuple[int, tuple[str, str, str], Table]) -> int:
    return entry[0]
