"""Fetch requests to every leader at once: for what is there now, or held back until there is something.

A held request ("long poll") brings the records with it. They wait here for the fetch that follows, so news costs one
round trip and a quiet topic costs one request per second.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from itertools import chain

from headwater.cluster.api import EARLIEST, LATEST, Fetched, TopicPartition
from headwater.cluster.remote import apis
from headwater.cluster.remote.brokers import LAST_BACKOFF, Brokers
from headwater.cluster.remote.errors import PassingError, check
from headwater.cluster.remote.reading import Aborted, committed_batches
from headwater.log.errors import OffsetOutOfRangeError
from headwater.wire import messages as m

HELD_SECONDS = 1.0
"""Longest that a request is held: how long a connection is busy after nobody waits any more."""
HELD_BYTES = 4 << 20
READY_BYTES = 64 << 20
"""Records that came with held requests and were not fetched yet: above this the oldest are dropped."""
READ_COMMITTED = 1

Positions = Mapping[TopicPartition, int]
_Place = tuple[TopicPartition, int]


class Fetcher:
    """Reads committed batches."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._ready: OrderedDict[_Place, Fetched] = OrderedDict()
        self._ready_bytes = 0
        self._polls: dict[tuple[int, tuple[_Place, ...]], asyncio.Task[bool]] = {}

    async def fetch(self, positions: Positions, max_bytes: int) -> list[Fetched]:
        """What is there now; see `Cluster.fetch`."""
        ready = [f for f in map(self._take, positions.items()) if f is not None]
        budget = max_bytes - sum(len(f.data) for f in ready)
        have = {f.partition for f in ready}
        rest = {p: at for p, at in positions.items() if p not in have}
        if not rest or budget <= 0:
            return ready

        async def attempt() -> list[Fetched]:
            by_leader = self._brokers.by_leader(rest)
            answers = await asyncio.gather(
                *(self._ask(node, {p: rest[p] for p in mine}, budget, 0.0) for node, mine in by_leader.items()),
                return_exceptions=True,
            )
            fetched: list[Fetched] = []
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
                fetched += answer
            return fetched

        try:
            return ready + await self._brokers.persist("reading", attempt, rest)
        except OffsetOutOfRangeError:
            return ready + await self._fetch_moved(rest, budget)

    async def _fetch_moved(self, positions: Positions, max_bytes: int) -> list[Fetched]:
        """The same with positions below the log start moved up to it; raises when one is above the end."""
        moved = {}
        for partition, position in positions.items():
            start = await self.list_offset(partition, EARLIEST)
            end = await self.list_offset(partition, LATEST)
            if position > end:
                raise OffsetOutOfRangeError(
                    f"offset {position} of partition {partition.partition} of topic {partition.topic} is above its "
                    f"end, {end}"
                )
            moved[partition] = max(position, start)
        return await self.fetch(moved, max_bytes)

    async def wait(self, positions: Positions, timeout: float) -> bool:
        """Until some partition has something at or after its position; see `Cluster.wait`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not any(place in self._ready for place in positions.items()):
            remaining = deadline - loop.time()
            if remaining <= 0 or not positions:
                return False
            tasks = await self._polls_for(positions)
            done, _ = await asyncio.wait(tasks, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
            if any(task.result() for task in done):
                return True
        return True

    async def _polls_for(self, positions: Positions) -> list[asyncio.Task[bool]]:
        """A held request per leader; one that is under way for the very same positions is joined, not repeated."""

        async def attempt() -> dict[int, list[TopicPartition]]:
            return self._brokers.by_leader(positions)

        tasks = []
        for node, mine in (await self._brokers.persist("reading", attempt, positions)).items():
            wanted = {p: positions[p] for p in mine}
            key = (node, tuple(sorted(wanted.items())))
            task = self._polls.get(key)
            if task is None:
                task = self._polls[key] = asyncio.create_task(self._poll(node, wanted))
                task.add_done_callback(partial(self._polled, key))
            tasks.append(task)
        return tasks

    def _polled(self, key: tuple[int, tuple[_Place, ...]], task: asyncio.Task[bool]) -> None:
        self._polls.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever still waits gets it, and if nobody does it does not matter

    async def _poll(self, node: int, positions: Positions) -> bool:
        """Whether there is something to fetch, or to complain about, at these positions."""
        try:
            fetched = await self._ask(node, positions, HELD_BYTES, HELD_SECONDS)
        except OffsetOutOfRangeError:
            return True  # the fetch that follows moves the position or raises
        except PassingError:
            await self._brokers.clock.sleep(LAST_BACKOFF)
            try:
                await self._brokers.refresh_leaders()
            except PassingError:
                return False  # the next poll waits and tries again
            return False
        for item in fetched:
            self._keep((item.partition, positions[item.partition]), item)
        return bool(fetched)

    def _keep(self, place: _Place, item: Fetched) -> None:
        self._take(place)
        self._ready[place] = item
        self._ready_bytes += len(item.data)
        while self._ready_bytes > READY_BYTES:
            self._take(next(iter(self._ready)))

    def _take(self, place: _Place) -> Fetched | None:
        item = self._ready.pop(place, None)
        if item is not None:
            self._ready_bytes -= len(item.data)
        return item

    async def _ask(self, node: int, positions: Positions, max_bytes: int, held: float) -> list[Fetched]:
        """One request; what it brought. Raises the first error code of the answer as an error."""
        topics: dict[str, m.FetchRequest.FetchTopic] = {}
        for (name, index), position in positions.items():
            topic = topics.setdefault(name, m.FetchRequest.FetchTopic(topic=name))
            topic.partitions.append(
                m.FetchRequest.FetchPartition(partition=index, fetch_offset=position, partition_max_bytes=max_bytes)
            )
        request = m.FetchRequest(
            max_wait_ms=int(held * 1000),
            min_bytes=1 if held else 0,
            max_bytes=max_bytes,
            isolation_level=READ_COMMITTED,
            session_epoch=-1,
            topics=list(topics.values()),
        )
        answer = await self._brokers.call_held(node, apis.FETCH, request, held)
        check(answer.error_code, "reading")
        found = chain.from_iterable(((t.topic, p) for p in t.partitions) for t in answer.responses)
        return [f for name, data in found if (f := _fetched(name, data, positions)) is not None]

    async def list_offset(self, partition: TopicPartition, timestamp: int) -> int:
        """See `Cluster.list_offset`; with LATEST the end of what readers of committed records can see."""

        async def attempt() -> int:
            what = f"looking for an offset in partition {partition.partition} of topic {partition.topic}"
            one = m.ListOffsetsRequest.ListOffsetsPartition(partition_index=partition.partition, timestamp=timestamp)
            topic = m.ListOffsetsRequest.ListOffsetsTopic(name=partition.topic, partitions=[one])
            request = m.ListOffsetsRequest(isolation_level=READ_COMMITTED, topics=[topic])
            answer = await self._brokers.call(self._brokers.leader(partition), apis.LIST_OFFSETS, request)
            result = answer.topics[0].partitions[0]
            check(result.error_code, what)
            return result.offset

        offset = await self._brokers.persist("looking for an offset", attempt, (partition,))
        return offset if offset >= 0 or timestamp == LATEST else await self.list_offset(partition, LATEST)

    async def close(self) -> None:
        """End the held requests."""
        polls = list(self._polls.values())
        for poll in polls:
            poll.cancel()
        if polls:
            await asyncio.wait(polls)
        self._ready.clear()


def _fetched(name: str, answer: m.FetchResponse.PartitionData, positions: Positions) -> Fetched | None:
    """What one partition brought; None for nothing. Raises its error."""
    partition = TopicPartition(name, answer.partition_index)
    check(answer.error_code, f"reading partition {partition.partition} of topic {partition.topic}")
    position = positions[partition]
    aborted = [Aborted(a.producer_id, a.first_offset) for a in answer.aborted_transactions or ()]
    data, next_offset = committed_batches(answer.records or b"", position, aborted)
    if next_offset == position:
        return None
    return Fetched(partition, data, next_offset, answer.high_watermark)  # type: ignore[arg-type]
