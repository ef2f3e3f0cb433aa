"""Fetch: record batches from partitions to a client, waiting for enough of them if there are not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.fetch_sessions import FIRST_EPOCH, NO_SESSION, FetchSession, TopicKey, Wanted
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.partition import Partition
from headwater.log.topic import Topic
from headwater.wire.messages import FetchRequest, FetchResponse

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

READ_COMMITTED = 1
FIRST_VERSION_WITH_IDS = 13

PartitionData = FetchResponse.PartitionData


def fetch(broker: Broker, context: Context, request: FetchRequest) -> FetchResponse | Awaitable[FetchResponse]:
    """Batches from each position on, up to the high watermark or, for read_committed, the last stable offset.

    Answers at once if there are `min_bytes`, or more than the answer can hold, or anything is wrong, else after
    `max_wait_ms` at the latest. In a session (KIP-227) the request says what has changed since the one before, and so
    does the answer.
    """
    by_id = context.version >= FIRST_VERSION_WITH_IDS
    sessions = broker.fetch_sessions
    wanted = _wanted(request, by_id)
    session: FetchSession | None = None
    incremental = request.session_epoch not in (FIRST_EPOCH, NO_SESSION)
    if incremental:
        found = sessions.find(request.session_id, request.session_epoch, by_id=by_id)
        if not isinstance(found, FetchSession):
            return FetchResponse(error_code=found)
        session = found
        session.update(wanted.values(), _forgotten(request, by_id))
    else:
        sessions.close(request.session_id)
        if request.session_epoch == FIRST_EPOCH:
            session = sessions.open(wanted, by_id=by_id)
    reading = _Fetch(broker, context, request, wanted if session is None else session.wanted, session, incremental)
    response = reading.read()
    if reading.complete or request.max_wait_ms <= 0:
        return reading.finished(response)
    return reading.wait()


def _wanted(request: FetchRequest, by_id: bool) -> dict[tuple[TopicKey, int], Wanted]:
    """The partitions that a request names."""
    wanted: dict[tuple[TopicKey, int], Wanted] = {}
    for topic in request.topics:
        key = topic.topic_id if by_id else topic.topic
        for p in topic.partitions:
            wanted[key, p.partition] = Wanted(
                key, p.partition, p.fetch_offset, p.partition_max_bytes, p.current_leader_epoch
            )
    return wanted


def _forgotten(request: FetchRequest, by_id: bool) -> Iterator[tuple[TopicKey, int]]:
    for topic in request.forgotten_topics_data:
        for index in topic.partitions:
            yield (topic.topic_id if by_id else topic.topic), index


class _Fetch:
    """One fetch: which partitions from where, and how much has been found."""

    __slots__ = (
        "_broker",
        "_by_id",
        "_changed",
        "_client",
        "_incremental",
        "_more",
        "_request",
        "_session",
        "_wanted",
        "complete",
    )

    def __init__(
        self,
        broker: Broker,
        context: Context,
        request: FetchRequest,
        wanted: dict[tuple[TopicKey, int], Wanted],
        session: FetchSession | None,
        incremental: bool,
    ) -> None:
        self._broker = broker
        self._request = request
        self._session = session
        self._incremental = incremental
        """Whether to leave out what the client knows."""
        self._client = context.client_id, context.session.peer
        self._by_id = context.version >= FIRST_VERSION_WITH_IDS
        self._wanted = wanted
        self._changed: set[TopicKey] = set()
        """Topics of a session whose partitions are looked up anew."""
        self._more = False
        """Whether there is more to read than fits into this answer, so that waiting would gain nothing."""
        self.complete = False
        self._look_up(context)

    def _look_up(self, context: Context) -> None:
        """Find the partitions, or what to say of those that are not there for the client. A session has them already,
        unless something has happened to their topic; whether the client may read it is asked each time."""
        known = None if self._session is None else self._session.topics
        key: TopicKey | None = None
        topic: Topic | None = None
        code, stays = Code.NONE, False
        for wanted in self._wanted.values():
            if wanted.topic != key:
                key = wanted.topic
                topic, code = self._find(key, context)
                if known is not None:
                    state = topic, 0 if topic is None else len(topic.partitions)
                    stays = topic is not None and known.get(key) == state and key not in self._changed
                    if not stays:
                        self._changed.add(key)
                        known[key] = state
            if not stays:
                partitions = () if topic is None else topic.partitions
                wanted.partition = partitions[wanted.index] if 0 <= wanted.index < len(partitions) else None
                wanted.missing = code

    def _find(self, key: TopicKey, context: Context) -> tuple[Topic | None, Code]:
        """The topic, if it is there for the client, and what to say of partitions that are not."""
        log = self._broker.log
        topic = log.topic_by_id(key) if isinstance(key, bytes) else log.topic(key)
        if topic is None:
            return None, Code.UNKNOWN_TOPIC_ID if self._by_id else Code.UNKNOWN_TOPIC_OR_PARTITION
        if not self._broker.allows(context, Operation.READ, Resource.TOPIC, topic.name):
            return None, Code.TOPIC_AUTHORIZATION_FAILED
        return topic, Code.UNKNOWN_TOPIC_OR_PARTITION

    def read(self) -> FetchResponse:
        """What there is now. Sets `complete` if that is enough to answer."""
        request = self._request
        budget = min(request.max_bytes, self._broker.settings.max_fetch_bytes)
        found = 0
        failed = False
        topics: dict[TopicKey, list[PartitionData]] = {}
        for wanted in self._wanted.values():
            partition = wanted.partition
            if partition is None:
                result = _error(wanted.index, wanted.missing)
            elif self._incremental and wanted.offset == partition.high_watermark and not wanted.has_news:
                continue  # nothing to read and nothing to tell, which is what most partitions are most of the time
            else:
                result = self._read_partition(wanted, partition, budget - found, first=found == 0)
            if result.error_code:
                failed = True
            elif self._incremental and not result.records and not wanted.has_news:
                continue
            found += len(result.records) if result.records else 0
            results = topics.get(wanted.topic)
            if results is None:
                topics[wanted.topic] = [result]
            else:
                results.append(result)
        self.complete = failed or found >= request.min_bytes or self._more or not self._wanted
        return FetchResponse(
            responses=[
                FetchResponse.FetchableTopicResponse(topic_id=key, partitions=results)
                if isinstance(key, bytes)
                else FetchResponse.FetchableTopicResponse(topic=key, partitions=results)
                for key, results in topics.items()
            ]
        )

    def finished(self, response: FetchResponse) -> FetchResponse:
        """The answer that is sent: the session takes note of what the client knows now."""
        session = self._session
        if session is None:
            return response
        response.session_id = session.id
        read: list[tuple[TopicKey, int]] = []
        for topic in response.responses:
            key = topic.topic_id if self._by_id else topic.topic
            for result in topic.partitions:
                place = key, result.partition_index
                wanted = self._wanted.get(place)
                if wanted is not None:
                    # After an error everything is news.
                    wanted.told = (-1, -1) if result.error_code else (result.high_watermark, result.log_start_offset)
                if result.records:
                    read.append(place)
        session.answered(read)
        return response

    def _read_partition(self, wanted: Wanted, partition: Partition, budget: int, *, first: bool) -> PartitionData:
        if wanted.leader_epoch > 0:
            return _error(wanted.index, Code.UNKNOWN_LEADER_EPOCH)
        committed = self._request.isolation_level == READ_COMMITTED
        end = partition.last_stable_offset if committed else partition.high_watermark
        offset = wanted.offset
        data, following = b"", offset
        if offset < partition.log_start or offset > end:
            if offset < partition.log_start or offset > partition.log_end:
                return _error(wanted.index, Code.OFFSET_OUT_OF_RANGE, partition)
        elif offset < end and (budget > 0 or first):
            try:
                size = max(min(wanted.max_bytes, budget), 1)
                data, following = partition.read_on(offset, size, max_offset=end)
            except HeadwaterError as error:
                return _error(wanted.index, code_of(error), partition)
        self._more = self._more or following < end
        aborted = None
        if committed:
            found = partition.aborted_in(offset, following) if partition.has_transactions else ()
            aborted = [
                FetchResponse.AbortedTransaction(producer_id=a.producer_id, first_offset=a.first_offset) for a in found
            ]
        if data:
            self._broker.observation.fetched(self._client, partition.topic, len(data), following - offset)
        return PartitionData(
            partition_index=wanted.index,
            high_watermark=partition.high_watermark,
            last_stable_offset=partition.last_stable_offset,
            log_start_offset=partition.log_start,
            aborted_transactions=aborted,
            records=data,
        )

    async def wait(self) -> FetchResponse:
        """The answer when there are `min_bytes` or `max_wait_ms` have passed."""
        news = asyncio.Event()
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            news.set()

        partitions = [wanted.partition for wanted in self._wanted.values() if wanted.partition is not None]
        for partition in partitions:
            partition.subscribe(news.set)
        timer = self._broker.timers.call_later(self._request.max_wait_ms / 1000, expire)
        try:
            while True:  # begins with reading: something may have come before the subscription
                response = self.read()
                if self.complete or expired:
                    return self.finished(response)
                await news.wait()
                news.clear()
        finally:
            timer.cancel()
            for partition in partitions:
                partition.unsubscribe(news.set)


def _error(index: int, code: Code, partition: Partition | None = None) -> PartitionData:
    return PartitionData(
        partition_index=index,
        error_code=code,
        high_watermark=-1 if partition is None else partition.high_watermark,
        log_start_offset=-1 if partition is None else partition.log_start,
        records=b"",
    )
