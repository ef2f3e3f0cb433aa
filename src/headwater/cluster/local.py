"""`LocalCluster`: the cluster seam over the embedded log in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from headwater.cluster.api import EARLIEST, LATEST, Commit, Fetched, TopicInfo, TopicPartition, TopicSpec
from headwater.core.clock import Clock, SystemClock
from headwater.core.errors import HeadwaterError, UnknownTopicError
from headwater.log.errors import OffsetOutOfRangeError
from headwater.log.log import Log
from headwater.log.offsets import Offset, OffsetStore
from headwater.log.partition import Partition
from headwater.log.producers import Aborted
from headwater.log.slices import run_in_slices
from headwater.log.topic import NewTopic, Topic
from headwater.wire.records import batch_headers


class LocalCluster:
    """Reads and writes the log directly. `log` is opened before and closed after this object's life by its owner, and
    `offsets` is loaded by `start` unless `load_offsets` is False (because the broker shares it and loads it)."""

    def __init__(self, log: Log, offsets: OffsetStore, clock: Clock, *, load_offsets: bool = True) -> None:
        self._log = log
        self._offsets = offsets
        self._clock = clock
        self._load_offsets = load_offsets
        self._turn = 0

    @property
    def cluster_id(self) -> str:
        """Stable over restarts."""
        return self._log.cluster_id

    @property
    def write_failure(self) -> str | None:
        """What the disk said when it last refused a write; None while writes succeed."""
        failure = self._log.write_failure
        return None if failure is None else str(failure)

    async def start(self) -> None:
        """Read the committed offsets. Raises `LogError`."""
        if self._load_offsets:
            self._offsets.load()

    async def close(self) -> None:
        """Nothing to give up: the log belongs to whoever opened it."""

    # Topics

    def topic(self, name: str) -> TopicInfo | None:
        """What exists under the name now."""
        found = self._log.topic(name)
        return None if found is None else _info(found)

    def topics(self) -> Mapping[str, TopicInfo]:
        """Everything that exists now."""
        return _Topics(self._log)

    async def refresh(self) -> None:
        """Nothing to do: what is known is what is there."""

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        """Create all that can be, at once. Raises the `TopicExistsError` or `LogError` of the first that cannot."""
        wanted = [NewTopic(spec.name, spec.partitions, spec.replication, spec.configs) for spec in specs]
        for made in await run_in_slices(self._log.create_topics(wanted)):
            if isinstance(made, HeadwaterError):
                raise made

    async def delete_topics(self, names: Sequence[str]) -> None:
        """Delete all that exist, with the offsets committed for them. Raises `UnknownTopicError` if one does not."""
        existing = {name for name in names if self._log.topic(name) is not None}
        if existing:
            await run_in_slices(self._log.delete_topics(existing))
            self._offsets.delete_topics(existing)
        missing = next((name for name in names if name not in existing), None)
        if missing is not None:
            raise UnknownTopicError(f"Topic {missing} does not exist.")

    # Reading

    async def fetch(self, positions: Mapping[TopicPartition, int], max_bytes: int = 4 << 20) -> list[Fetched]:
        """Committed batches at the positions, at most about `max_bytes` in all, at least one batch where there is one.

        Partitions with much data get equal shares; what one leaves of its share goes to those after it, and a different
        partition comes first each time. Raises `UnknownTopicError`, `LogError`.
        """
        waiting: list[tuple[TopicPartition, Partition, int]] = []
        for where, position in positions.items():
            partition = self._log.partition(where.topic, where.partition)
            offset = max(position, partition.log_start)
            if offset > partition.log_end:
                raise OffsetOutOfRangeError(
                    f"Cannot read {where.topic}-{where.partition} from {position}: it ends at {partition.log_end}."
                )
            if offset < partition.last_stable_offset:
                waiting.append((where, partition, offset))
        if not waiting:
            return []
        self._turn += 1
        first = self._turn % len(waiting)
        out: list[Fetched] = []
        left = max_bytes
        for done, (where, partition, offset) in enumerate(waiting[first:] + waiting[:first]):
            if left <= 0:
                break
            share = left // (len(waiting) - done)
            data, following = partition.read_on(offset, share, max_offset=partition.last_stable_offset)
            left -= len(data)
            out.append(
                Fetched(where, _committed(partition, data, offset, following), following, partition.high_watermark)
            )
        return out

    async def wait(self, positions: Mapping[TopicPartition, int], timeout: float) -> bool:
        """True as soon as some partition has committed records at or after its position; False after `timeout` seconds.

        A topic that is deleted meanwhile ends the wait with True: the next fetch says so.
        """
        partitions = [(self._log.partition(where.topic, where.partition), at) for where, at in positions.items()]
        if any(at < partition.last_stable_offset for partition, at in partitions):
            return True
        if timeout <= 0:
            return False
        ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        subscriptions = [(partition, _waker(partition, at, ready)) for partition, at in partitions]
        for partition, callback in subscriptions:
            partition.subscribe(callback)
        try:
            return await self._until(ready, timeout)
        finally:
            for partition, callback in subscriptions:
                partition.unsubscribe(callback)

    async def _until(self, ready: asyncio.Future[bool], timeout: float) -> bool:
        if isinstance(self._clock, SystemClock):
            # A timer costs a tenth of what a sleeping task does.
            timer = asyncio.get_running_loop().call_later(timeout, _settle, ready, False)
            try:
                return await ready
            finally:
                timer.cancel()
        sleeper = asyncio.ensure_future(self._clock.sleep(timeout))
        try:
            await asyncio.wait((ready, sleeper), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
        return ready.done()

    async def list_offset(self, partition: TopicPartition, timestamp: int) -> int:
        """EARLIEST, LATEST, or the first offset whose record time is at or after `timestamp` ms (the end if none)."""
        found = self._log.partition(partition.topic, partition.partition)
        if timestamp == EARLIEST:
            return found.log_start
        if timestamp == LATEST:
            return found.last_stable_offset
        at = found.offset_for_time(timestamp)
        return found.last_stable_offset if at is None else min(at[0], found.last_stable_offset)

    # Writing

    async def commit(self, work: Commit) -> list[int]:
        """Append and commit offsets, all or nothing, also across `kill -9`; returns each append's base offset.

        On return it is as safe as the fsync policy promises. Raises `UnknownTopicError`, `LogError`: nothing was done.
        """
        appends = [(self._log.partition(a.partition.topic, a.partition.partition), a.data) for a in work.appends]
        offsets: dict[tuple[str, int], Offset] = {}
        if work.group is not None and work.offsets:
            offsets = {(where.topic, where.partition): (at, -1, "") for where, at in work.offsets.items()}
            appends.append(self._offsets.commit_batch(work.group, offsets))
        bases = self._log.commit(appends)
        if work.group is not None and offsets:
            self._offsets.applied(work.group, offsets)
        await self._log.durable()
        return bases[: len(work.appends)]

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Committed offsets of the group; partitions without one are absent."""
        known = self._offsets.fetch(group)
        found = ((where, known.get((where.topic, where.partition))) for where in partitions)
        return {where: at.offset for where, at in found if at is not None}

    async def take_over(self, transactional_id: str) -> None:
        """Nothing to do: one process owns the log."""

    async def regain(self, transactional_id: str) -> None:
        """Nothing to do: a commit that failed has done nothing."""

    async def delete_group(self, group: str) -> None:
        """Forget the group's offsets; nothing happens if it has none."""
        self._offsets.delete(group)
        await self._log.durable()


class _Topics(Mapping[str, TopicInfo]):
    """What existed when it was made; most who ask want to know one, or the names."""

    def __init__(self, log: Log) -> None:
        self._topics = dict(log.topics())

    def __getitem__(self, name: str) -> TopicInfo:
        return _info(self._topics[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __len__(self) -> int:
        return len(self._topics)


def _info(topic: Topic) -> TopicInfo:
    return TopicInfo(
        topic.name, len(topic.partitions), topic.replication, dict(topic.configs), topic.topic_id, topic.internal
    )


def _settle(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)


def _waker(partition: Partition, position: int, ready: asyncio.Future[bool]) -> Callable[[], None]:
    def wake() -> None:
        if partition.is_deleted or position < partition.last_stable_offset:
            _settle(ready, True)

    return wake


def _committed(partition: Partition, data: bytes, offset: int, following: int) -> bytes:
    """Without markers and the batches of aborted transactions; `data` itself where there never was a transaction."""
    if not partition.has_transactions or not data:
        return data
    aborted = partition.aborted_in(offset, following)
    kept: list[bytes] = []
    whole = True
    for header in batch_headers(data):
        if header.is_control or (
            header.is_transactional and _is_aborted(aborted, header.producer_id, header.base_offset)
        ):
            whole = False
        else:
            kept.append(data[header.start : header.start + header.size])
    return data if whole else b"".join(kept)


def _is_aborted(aborted: Sequence[Aborted], producer_id: int, offset: int) -> bool:
    return any(a.producer_id == producer_id and a.first_offset <= offset <= a.last_offset for a in aborted)
