"""A task: one unit of a program on one partition, with its stores, its place in its input topics, and its outputs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headwater.cluster.api import Append, TopicPartition
from headwater.cluster.batches import Partitioner, each_append
from headwater.engine.changelog import Changelog
from headwater.engine.disk_state import DiskState
from headwater.engine.processing_log import ProcessingLogger
from headwater.engine.program import InputRecord, OutputRecord, Program, QueryFailedError, Report, Stage, TaskContext
from headwater.engine.reading import Stretch
from headwater.log.slices import run
from headwater.wire.records import Buffer, record_runs

_LOGGER = logging.getLogger(__name__)
_FIRST_CHUNK = 256
_LARGEST_CHUNK = 8192
_RESTORED = 500
"""Changes of state applied in one go: about a ms."""
_PARTED = 500
"""Records whose partition is found out in one go: a ms or two if none of their keys was seen before."""


@dataclass(eq=False)
class Feed:
    """One partition of one input topic: what has been fetched and not yet processed."""

    place: TopicPartition
    stage: Stage
    fetched_to: int
    """Where to fetch next, once `records` is used up."""
    records: Sequence[InputRecord] = ()
    at: int = 0
    stretch: Stretch | None = None
    """Where `records` are from."""

    @property
    def position(self) -> int:
        """Offset of the next record to process: what is committed as consumed."""
        return self.records[self.at].offset if self.at < len(self.records) else self.fetched_to

    @property
    def empty(self) -> bool:
        return self.at >= len(self.records)


@dataclass
class Task:
    """Runs stage functions over fetched records; the runtime moves bytes in and commits what comes out.

    Generated code sees this object as `program.TaskContext`.
    """

    program: Program
    unit: int
    partition: int
    query_id: str
    log: ProcessingLogger
    fail_on_bad_record: bool = False
    topic_names: Mapping[str, str] = field(default_factory=dict)
    """Real topic names of internal inputs and outputs, by operator name."""
    partitioners: Sequence[Partitioner] = ()
    """One per output of the unit."""
    disk: DiskState | None = None
    """Where stores keep their entries, if not in memory."""

    def __post_init__(self) -> None:
        unit = self.program.units[self.unit]
        self.number = self.partition
        """Which of the unit's tasks, and the partition of its changelog; `partition` is that of the records at hand."""
        self.stores = [spec.make() for spec in unit.stores]
        self.outputs: list[list[OutputRecord]] = [[] for _ in unit.outputs]
        self.rows: list[tuple[tuple[object, ...], bool]] = []
        self.feeds: list[Feed] = []
        self.failures = 0
        """Records skipped and expressions that failed."""
        self.uncommitted_since: float | None = None
        """Monotonic time of the first slice that is not committed yet."""
        self._chunk = _FIRST_CHUNK
        self._settled: list[Append] = []
        self._stretch: Stretch | None = None
        self._changelog = Changelog([spec.role for spec in unit.stores], self.stores, self.disk)

    # --- called by generated code -------------------------------------------------------------------------------

    def reporter(self, operator: str) -> Report:
        log, query_id = self.log, self.query_id

        def report(message: str, cause: BaseException) -> None:
            self._count_failure(message)
            log.record_error(query_id, operator, message, cause)

        return report

    def decoder(self, signature: str, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        return decode if self._stretch is None else self._stretch.decoder(signature, decode)

    def bad_record(self, topic: str, target: str, error: Exception, payload: bytes | None, record: InputRecord) -> None:
        message = f"The {target} of the record at offset {record.offset} of topic {topic} cannot be read: {error}"
        self._count_failure(message)
        self.log.deserialization_error(self.query_id, "Source", topic, target, message, error, payload)
        if self.fail_on_bad_record:
            raise QueryFailedError(message) from error

    def _count_failure(self, message: str) -> None:
        """The first failure of a task is worth a line in the node's log: it tells where to look for the others."""
        if self.failures == 0:
            _LOGGER.warning("Query %s: %s Further failures are in the processing log.", self.query_id, message)
        self.failures += 1

    # --- input --------------------------------------------------------------------------------------------------

    def read(self, place: TopicPartition, stage: Stage, start: int) -> None:
        """Read a partition from offset `start` on. Where two inputs share a topic, each record passes both stages."""
        for feed in self.feeds:
            if feed.place == place:
                feed.stage = _one_by_one(feed.stage, stage)
                return
        self.feeds.append(Feed(place, stage, start))

    def accept(self, stretch: Stretch) -> None:
        """Take over fetched records for one of the feeds."""
        for feed in self.feeds:
            if feed.place == stretch.place:
                feed.stretch = stretch
                feed.records = stretch.records
                feed.at = stretch.index_of(feed.fetched_to)
                feed.fetched_to = stretch.end
                return

    def rest(self) -> None:
        """Give up what has been processed: there may be no more input for long."""
        self._stretch = None
        for feed in self.feeds:
            if feed.empty:
                feed.records, feed.at, feed.stretch = (), 0, None

    @property
    def has_input(self) -> bool:
        return any(not feed.empty for feed in self.feeds)

    def wanted(self) -> dict[TopicPartition, int]:
        """Where to fetch: positions of the feeds that are used up."""
        return {feed.place: feed.fetched_to for feed in self.feeds if feed.empty}

    def positions(self) -> dict[TopicPartition, int]:
        """What has been consumed, exclusive."""
        return {feed.place: feed.position for feed in self.feeds}

    @property
    def pending_records(self) -> int:
        """Output records and changes of the state that are not taken yet."""
        return sum(map(len, self.outputs)) + sum(store.changed for store in self.stores)

    # --- work ---------------------------------------------------------------------------------------------------

    def run(self, seconds: float, limit: int = 1 << 62) -> int:
        """Process fetched records for about `seconds`, in time order over the feeds; returns how many.

        Stops early when a feed that could have older records is used up, so that the runtime fetches first.
        """
        clock = time.perf_counter
        started = before = clock()
        done = unmeasured = 0
        while done < limit:
            feed, count = self._next_run(limit - done)
            if feed is None:
                break
            at = feed.at
            records = feed.records[at : at + count] if count < len(feed.records) else feed.records
            self.partition = feed.place.partition
            self._stretch = feed.stretch
            feed.stage(self, records)
            feed.at = at + count
            done += count
            unmeasured += count
            empty = feed.empty
            if unmeasured >= self._chunk or empty:
                now = clock()
                took = now - before
                self._adapt(unmeasured, took, seconds)
                if now + took - started > seconds or empty:
                    break
                before, unmeasured = now, 0
        return done

    def _adapt(self, count: int, took: float, seconds: float) -> None:
        """Size chunks so that one takes about half the slice."""
        if count >= self._chunk:
            if took < seconds / 4:
                self._chunk = min(self._chunk * 2, _LARGEST_CHUNK)
            elif took > seconds and self._chunk > 16:
                self._chunk //= 2

    def _next_run(self, limit: int) -> tuple[Feed | None, int]:
        """The feed whose next record is the oldest, and how many of its records come before the next of any other.

        Ties go to the first input of the plan.
        """
        best: Feed | None = None
        oldest = bound = 1 << 63
        for feed in self.feeds:
            if feed.at < len(feed.records):
                timestamp = feed.records[feed.at].timestamp
                if best is None or timestamp < oldest:
                    best, oldest, bound = feed, timestamp, oldest
                elif timestamp < bound:
                    bound = timestamp
        if best is None:
            return None, 0
        records, start = best.records, best.at
        end = min(len(records), start + self._chunk, start + limit)
        if bound == 1 << 63:
            return best, end - start
        at = start + 1
        while at < end and records[at].timestamp <= bound:
            at += 1
        return best, at - start

    # --- output -------------------------------------------------------------------------------------------------

    def settle(self, now_ms: int, changelog: str | None) -> Generator[None, None, None]:
        """Encode what is to be appended, in steps: results, then the changelog (if there is one).

        Nothing may be processed between the steps. If they are given up, what is left is encoded the next time.
        """
        outputs = self.program.units[self.unit].outputs
        for output, partitioner, records in zip(outputs, self.partitioners, self.outputs, strict=True):
            topic = self.topic_names[output.topic] if output.internal else output.topic
            parts: dict[int, list[OutputRecord]] = {}
            for at in range(0, len(records), _PARTED):
                for partition, part in partitioner.split(records[at : at + _PARTED]):
                    parts.setdefault(partition, []).extend(part)
                yield
            made: list[Append] = []
            for partition, whole in parts.items():
                for append in each_append(topic, partition, whole):
                    made.append(append)
                    yield
            self._settled += made
            records.clear()
        if changelog is not None:
            yield from self._changelog.collect(now_ms)
            made = []
            for append in each_append(changelog, self.number, self._changelog.collected):
                made.append(append)
                yield
            self._settled += made
            self._changelog.take()

    def take_output(self, now_ms: int, changelog: str | None) -> list[Append]:
        """Everything to append since the last call; forgets it. Takes no time worth mentioning after `settle`."""
        run(self.settle(now_ms, changelog))
        taken, self._settled = self._settled, []
        return taken

    def restore(self, data: Buffer, start: int) -> Generator[None, None, None]:
        """Apply batches of the changelog, from offset `start` on, in steps."""
        for records in record_runs(data, start, _RESTORED):
            self._changelog.restore(records)
            yield


def _one_by_one(first: Stage, second: Stage) -> Stage:
    def both(task: TaskContext, records: Sequence[InputRecord]) -> None:
        for record in records:
            first(task, (record,))
            second(task, (record,))

    return both
