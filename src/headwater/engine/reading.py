"""Reading topics for queries: what one of them has fetched and decoded serves the others that are at the same place.

Every query keeps its own positions, commits and pace. A stretch of records that others have yet to come to is kept for
them, within limits; who comes later, or is elsewhere in the topic, fetches for itself.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

from headwater.cluster.api import Cluster, Fetched, TopicPartition
from headwater.core.clock import Clock
from headwater.log.slices import run_in_slices
from headwater.wire.records import Record, record_runs

Decode = Callable[[bytes], Any]

_KEPT_BYTES = 8 << 20
"""Of record batches in stretches that are kept, at the most: with records and rows some 40 MB, which is needed only
while several queries read old data of one topic, one not far behind another."""
_REACH = 8
"""How many stretches of its size behind a new stretch somebody may be who is expected to come to it."""
_FOLLOWING = 1_000_000
"""So many records behind it is worth waiting for: some seconds of work."""
_BACKLOG_BYTES = 1 << 16
"""A stretch of this size was not written just now."""
_KEPT_OF_PARTITION = 2 * _REACH
_PATIENCE_SECONDS = 10.0
"""Who has taken nothing for so long does not read now (its client is slow): nothing is kept for it, nobody waits."""

_DECODED = 2_000
"""Records taken out of a batch in one go: about half a ms."""

_offset_of = attrgetter("offset")


class Reader(Protocol):
    """Whoever reads a partition; `fetched_to` is where it will fetch next."""

    @property
    def place(self) -> TopicPartition: ...

    @property
    def fetched_to(self) -> int: ...


class Stretch:
    """Records from offset `start` (inclusive) to `end` (exclusive) of a partition."""

    def __init__(self, fetched: Fetched, start: int, records: Sequence[Record]) -> None:
        self.place = fetched.partition
        self.start = start
        self.end = fetched.next_offset
        self.size = len(fetched.data)
        self.records = records
        self.awaited = 0
        """How many other readers may yet come to it."""
        self.topic_id = b""
        self.taken_at = 0.0
        """Monotonic time at which it was fetched, or somebody else came to it."""
        self._rows: dict[Hashable, _Rows] | None = None

    def share(self, awaited: int, topic_id: bytes, now: float) -> None:
        """From now on rows are kept for others."""
        self.awaited = awaited
        self.topic_id = topic_id
        self.taken_at = now
        self._rows = {}

    def index_of(self, offset: int) -> int:
        """Where in `records` the first one at or after the offset is."""
        return 0 if offset <= self.start else bisect_left(self.records, offset, key=_offset_of)

    def decoder(self, signature: Hashable, decode: Decode) -> Decode:
        """`decode`, a pure function; in a shared stretch a payload is decoded once for all that have the signature."""
        if self._rows is None:
            return decode
        rows = self._rows.get(signature)
        if rows is None:
            rows = self._rows[signature] = _Rows()
        rows.decode = decode
        return rows.__getitem__


def _stretch_of(fetched: Fetched, start: int) -> Generator[None, None, Stretch]:
    """The stretch of what has been fetched, from offset `start` on; in steps."""
    records: list[Record] = []
    for part in record_runs(fetched.data, start, _DECODED):
        records += part
        yield
    return Stretch(fetched, start, records)


class _Rows(dict[bytes, Any]):
    """Rows by payload. A record's bytes keep their hash: finding a row takes a tenth of what decoding it does."""

    decode: Decode

    def __missing__(self, payload: bytes) -> Any:
        row = self[payload] = self.decode(payload)
        return row


class SharedReading:
    """Fetches for all queries of a node."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._readers: dict[TopicPartition, dict[Reader, float]] = {}
        """With the monotonic time at which each joined or was last given old data."""
        self._kept: dict[TopicPartition, list[Stretch]] = {}
        self._oldest: dict[Stretch, None] = {}
        """All stretches in `_kept`, oldest first."""
        self._bytes = 0
        self._coming: dict[TopicPartition, asyncio.Future[None]] = {}
        """Done when a fetch of the partition that is under way has ended."""

    def join(self, readers: Iterable[Reader]) -> None:
        """These read from now on."""
        now = self._clock.monotonic()
        for reader in readers:
            self._readers.setdefault(reader.place, {})[reader] = now

    def leave(self, readers: Iterable[Reader]) -> None:
        """These read no more."""
        for reader in readers:
            others = self._readers[reader.place]
            del others[reader]
            if len(others) < 2:
                for stretch in self._kept.get(reader.place, ())[:]:
                    self._forget(stretch)
            if not others:
                del self._readers[reader.place]

    def has_followers(self, stretch: Stretch) -> bool:
        """Whether others read old data not far behind this stretch.

        They share what is fetched once they have caught up, so it pays to let them have more turns.
        """
        if stretch.size < _BACKLOG_BYTES:
            return False
        behind = range(stretch.start - _FOLLOWING, stretch.start)
        since = self._clock.monotonic() - _PATIENCE_SECONDS
        readers = self._readers.get(stretch.place, {})
        return len(readers) > 1 and any(at >= since and reader.fetched_to in behind for reader, at in readers.items())

    async def fetch(self, wanted: Mapping[TopicPartition, int], max_bytes: int) -> list[Stretch]:
        """Stretches that hold what there is now from the wanted offsets on; one may begin before its offset.

        Raises what the cluster's `fetch` does.
        """
        self._forget_stale()
        coming = {self._coming[place] for place in wanted if place in self._coming}
        if coming:
            await asyncio.wait(coming)
        found = {place: stretch for place, offset in wanted.items() if (stretch := self._find(place, offset))}
        missing = {place: offset for place, offset in wanted.items() if place not in found}
        stretches = [*found.values(), *(await self._fetch(missing, max_bytes) if missing else ())]
        for stretch in stretches:
            if stretch.size >= _BACKLOG_BYTES:
                self._note_reader(stretch.place, wanted[stretch.place])
        return stretches

    def _note_reader(self, place: TopicPartition, offset: int) -> None:
        """Whoever is at the offset reads."""
        readers, now = self._readers.get(place, {}), self._clock.monotonic()
        for reader in readers:
            if reader.fetched_to == offset:
                readers[reader] = now

    async def _fetch(self, missing: Mapping[TopicPartition, int], max_bytes: int) -> list[Stretch]:
        shared = [place for place in missing if len(self._readers.get(place, ())) > 1]
        topic_ids = {place: self._topic_id(place) for place in shared}
        here = asyncio.get_running_loop().create_future()
        self._coming.update(dict.fromkeys(shared, here))
        stretches: list[Stretch] = []
        try:
            for fetched in await self._cluster.fetch(missing, max_bytes):
                stretch = await run_in_slices(_stretch_of(fetched, missing[fetched.partition]))
                self._keep(stretch, topic_ids.get(stretch.place))
                stretches.append(stretch)
        finally:
            here.set_result(None)
            for place in shared:
                if self._coming.get(place) is here:
                    del self._coming[place]
        return stretches

    def _find(self, place: TopicPartition, offset: int) -> Stretch | None:
        for stretch in self._kept.get(place, ()):
            if stretch.start <= offset < stretch.end:
                if stretch.topic_id != self._topic_id(place):
                    self._forget(stretch)
                    return None
                stretch.awaited -= 1
                stretch.taken_at = self._clock.monotonic()
                if not stretch.awaited:
                    self._forget(stretch)
                return stretch
        return None

    def _topic_id(self, place: TopicPartition) -> bytes:
        info = self._cluster.topic(place.topic)
        return info.topic_id if info is not None else b""

    def _keep(self, stretch: Stretch, topic_id: bytes | None) -> None:
        """Keep the stretch if somebody else may soon come to it, and the topic is the one it was fetched from."""
        readers = self._readers.get(stretch.place, ())
        if len(readers) < 2 or topic_id is None or topic_id != self._topic_id(stretch.place):
            return
        reach = stretch.start - _REACH * (stretch.end - stretch.start)
        awaited = sum(reach <= reader.fetched_to < stretch.end for reader in readers) - 1
        if awaited < 1:
            return
        stretch.share(awaited, topic_id, self._clock.monotonic())
        kept = self._kept.setdefault(stretch.place, [])
        kept.append(stretch)
        self._oldest[stretch] = None
        self._bytes += stretch.size
        if len(kept) > _KEPT_OF_PARTITION:
            self._forget(kept[0])
        while self._bytes > _KEPT_BYTES:
            self._forget(next(iter(self._oldest)))

    def _forget_stale(self) -> None:
        """Forget what nobody has come to for long, from the oldest on."""
        since = self._clock.monotonic() - _PATIENCE_SECONDS
        while self._oldest and (oldest := next(iter(self._oldest))).taken_at < since:
            self._forget(oldest)

    def _forget(self, stretch: Stretch) -> None:
        """Whoever holds the stretch goes on with it."""
        del self._oldest[stretch]
        self._bytes -= stretch.size
        kept = self._kept[stretch.place]
        kept.remove(stretch)
        if not kept:
            del self._kept[stretch.place]
