"""Fetch sessions (KIP-227): what a client reads is remembered, so that requests and answers say only what changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from headwater.broker.errors import Code
from headwater.log.partition import Partition
from headwater.log.topic import Topic

SLOTS = 1_000
"""Sessions kept at a time (Kafka's `max.incremental.fetch.session.cache.slots`)."""
EVICTION_SECONDS = 120.0
"""A session is safe from being replaced while it is younger than this and in use."""
FIRST_EPOCH, NO_SESSION = 0, -1
"""Epochs in a request with a meaning of their own: begin a session; be without one, and end what there was."""
_LAST_EPOCH = (1 << 31) - 1

TopicKey = str | bytes
"""How the client names a topic: by name, or from Fetch 13 on by id."""


@dataclass(slots=True)
class Wanted:
    """A partition that a client reads, and what it was last told about it."""

    topic: TopicKey
    index: int
    offset: int
    max_bytes: int
    leader_epoch: int
    partition: Partition | None = None
    """None if it is not there for this client; `missing` says why."""
    missing: Code = Code.UNKNOWN_TOPIC_OR_PARTITION
    told: tuple[int, int] = (-1, -1)
    """High watermark and log start in the last answer that had it."""

    @property
    def has_news(self) -> bool:
        """Whether the client does not know the partition's state yet. (Records are news in any case.)"""
        partition = self.partition
        return partition is None or self.told != (partition.high_watermark, partition.log_start)


@dataclass(slots=True)
class FetchSession:
    """One client's session. Partitions are in the order in which they are to be read: who got records goes last."""

    id: int
    by_id: bool
    """Whether the client names topics by id."""
    wanted: dict[tuple[TopicKey, int], Wanted]
    created: float
    used: float
    epoch: int = 1
    """The one that the next request has to name."""
    topics: dict[TopicKey, tuple[Topic | None, int]] = field(default_factory=dict)
    """The topics when their partitions were last looked up, and their partition counts."""

    def update(self, changed: Iterable[Wanted], forgotten: Iterable[tuple[TopicKey, int]]) -> None:
        """What the client reads from now on."""
        for place in forgotten:
            self.wanted.pop(place, None)
        for new in changed:
            known = self.wanted.get((new.topic, new.index))
            if known is None:
                self.wanted[new.topic, new.index] = new
                self.topics.pop(new.topic, None)  # it has to be looked up
            else:
                known.offset, known.max_bytes, known.leader_epoch = new.offset, new.max_bytes, new.leader_epoch

    def answered(self, places: Iterable[tuple[TopicKey, int]]) -> None:
        """These partitions were read just now: the others come first the next time."""
        for place in places:
            wanted = self.wanted.pop(place, None)
            if wanted is not None:
                self.wanted[place] = wanted

    def advance(self, now: float) -> None:
        """A request of this session has been understood."""
        self.epoch = self.epoch % _LAST_EPOCH + 1
        self.used = now


class FetchSessions:
    """All sessions of the broker, a bounded number; a client that gets none sends everything each time.

    `monotonic` is the clock, `evicted` is called when a session had to make room.
    """

    def __init__(self, monotonic: Callable[[], float], evicted: Callable[[], None], slots: int = SLOTS) -> None:
        self._monotonic = monotonic
        self._evicted = evicted
        self._slots = slots
        self._sessions: dict[int, FetchSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, session_id: int, epoch: int, *, by_id: bool) -> FetchSession | Code:
        """The session of an incremental request, moved on to its next epoch; or the error."""
        session = self._sessions.get(session_id)
        if session is None:
            return Code.FETCH_SESSION_ID_NOT_FOUND
        if session.epoch != epoch:
            return Code.INVALID_FETCH_SESSION_EPOCH
        if session.by_id != by_id:
            return Code.FETCH_SESSION_TOPIC_ID_ERROR
        session.advance(self._monotonic())
        return session

    def open(self, wanted: Mapping[tuple[TopicKey, int], Wanted], *, by_id: bool) -> FetchSession | None:
        """A new session; None if there is no room."""
        now = self._monotonic()
        if not wanted or not self._make_room(len(wanted), now):
            return None
        number = 0
        while number == 0 or number in self._sessions:
            number = secrets.randbelow(_LAST_EPOCH)
        session = self._sessions[number] = FetchSession(number, by_id, dict(wanted), now, now)
        return session

    def close(self, session_id: int) -> None:
        """The client is done with it; nothing happens if there is none."""
        self._sessions.pop(session_id, None)

    def _make_room(self, size: int, now: float) -> bool:
        """Whether there is a free slot, if need be that of a session that is idle, or old and smaller."""
        if len(self._sessions) < self._slots:
            return True
        if not self._sessions:
            return False
        idle = min(self._sessions.values(), key=lambda session: session.used)
        if now - idle.used <= EVICTION_SECONDS:
            old = [session for session in self._sessions.values() if now - session.created > EVICTION_SECONDS]
            idle = min(old, key=lambda session: len(session.wanted), default=idle)
            if not old or len(idle.wanted) >= size:
                return False
        del self._sessions[idle.id]
        self._evicted()
        return True
