"""Fetch: record batches from partitions to a client, waiting for enough of them if there are not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.partition import Partition
from headwater.wire.messages import FetchRequest, FetchResponse

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

READ_COMMITTED = 1
FIRST_VERSION_WITH_IDS = 13
_FULL_FETCH_EPOCHS = (-1, 0)

PartitionData = FetchResponse.PartitionData


def fetch(broker: Broker, context: Context, request: FetchRequest) -> FetchResponse | Awaitable[FetchResponse]:
    """Batches from each position on, up to the high watermark or, for read_committed, the last stable offset.

    Answers at once if there are `min_bytes` or anything is wrong, else after `max_wait_ms` at the latest. There are no
    fetch sessions (KIP-227): the answer's session id is always 0, so clients send full requests.
    """
    if request.session_id:
        return FetchResponse(error_code=Code.FETCH_SESSION_ID_NOT_FOUND)
    if request.session_epoch not in _FULL_FETCH_EPOCHS:
        return FetchResponse(error_code=Code.INVALID_FETCH_SESSION_EPOCH)
    reading = _Fetch(broker, context, request)
    response = reading.read()
    if reading.complete or request.max_wait_ms <= 0:
        return response
    return reading.wait()


class _Fetch:
    """One fetch: which partitions from where, and how much has been found."""

    __slots__ = ("_broker", "_by_id", "_client", "_places", "_request", "complete")

    def __init__(self, broker: Broker, context: Context, request: FetchRequest) -> None:
        self._broker = broker
        self._request = request
        self._client = context.client_id, context.session.peer
        self._by_id = context.version >= FIRST_VERSION_WITH_IDS
        self.complete = False
        self._places = [(wanted, *self._find(wanted, context)) for wanted in request.topics]

    def _find(self, wanted: FetchRequest.FetchTopic, context: Context) -> tuple[list[Partition | None], Code]:
        """The partitions, and what to say of those that are not there for the client."""
        log = self._broker.log
        topic = log.topic_by_id(wanted.topic_id) if self._by_id else log.topic(wanted.topic)
        if topic is None:
            unknown = Code.UNKNOWN_TOPIC_ID if self._by_id else Code.UNKNOWN_TOPIC_OR_PARTITION
            return [None] * len(wanted.partitions), unknown
        if not self._broker.allows(context, Operation.READ, Resource.TOPIC, topic.name):
            return [None] * len(wanted.partitions), Code.TOPIC_AUTHORIZATION_FAILED
        count = len(topic.partitions)
        found = [topic.partitions[p.partition] if 0 <= p.partition < count else None for p in wanted.partitions]
        return found, Code.UNKNOWN_TOPIC_OR_PARTITION

    def read(self) -> FetchResponse:
        """What there is now. Sets `complete` if that is enough to answer."""
        request = self._request
        budget = min(request.max_bytes, self._broker.settings.max_fetch_bytes)
        found = 0
        failed = False
        topics = []
        for wanted, partitions, missing in self._places:
            results = []
            for place, partition in zip(wanted.partitions, partitions, strict=True):
                if partition is None:
                    result = _error(place.partition, missing)
                else:
                    result = self._read_partition(place, partition, budget - found, first=found == 0)
                failed = failed or bool(result.error_code)
                found += len(result.records) if result.records else 0
                results.append(result)
            topics.append(
                FetchResponse.FetchableTopicResponse(topic=wanted.topic, topic_id=wanted.topic_id, partitions=results)
            )
        self.complete = failed or found >= request.min_bytes or not topics
        return FetchResponse(responses=topics)

    def _read_partition(
        self, place: FetchRequest.FetchPartition, partition: Partition, budget: int, *, first: bool
    ) -> PartitionData:
        if place.current_leader_epoch > 0:
            return _error(place.partition, Code.UNKNOWN_LEADER_EPOCH)
        committed = self._request.isolation_level == READ_COMMITTED
        end = partition.last_stable_offset if committed else partition.high_watermark
        offset = place.fetch_offset
        data, following = b"", offset
        if offset < partition.log_start or offset > end:
            if offset < partition.log_start or offset > partition.log_end:
                return _error(place.partition, Code.OFFSET_OUT_OF_RANGE, partition)
        elif offset < end and (budget > 0 or first):
            try:
                size = max(min(place.partition_max_bytes, budget), 1)
                data, following = partition.read_on(offset, size, max_offset=end)
            except HeadwaterError as error:
                return _error(place.partition, code_of(error), partition)
        if data:
            self._broker.observation.fetched(self._client, partition.topic, len(data), following - offset)
        aborted = None
        if committed:
            found = partition.aborted_in(offset, following) if partition.has_transactions else ()
            aborted = [
                FetchResponse.AbortedTransaction(producer_id=a.producer_id, first_offset=a.first_offset) for a in found
            ]
        return PartitionData(
            partition_index=place.partition,
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

        partitions = [p for _, found, _ in self._places for p in found if p is not None]
        for partition in partitions:
            partition.subscribe(news.set)
        timer = self._broker.timers.call_later(self._request.max_wait_ms / 1000, expire)
        try:
            while True:
                await news.wait()
                news.clear()
                response = self.read()
                if self.complete or expired:
                    return response
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
