"""From batches to produce requests: one batch per partition and request, stamped with producer id, epoch and sequence.

With those three a broker drops a batch that comes a second time, so a produce whose answer was lost can be repeated
(KIP-98). A sequence number counts as used when its batch is acknowledged; after any failure nobody knows whether it
was, so the producer id is given up and a new one asked for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from headwater.cluster.api import Append, TopicPartition
from headwater.cluster.remote import apis
from headwater.cluster.remote.brokers import Brokers
from headwater.cluster.remote.errors import Code, PassingError, check
from headwater.wire import messages as m
from headwater.wire.records import CorruptBatchError, batch_headers, check_crc, stamp_producer

ACKS_ALL = -1
_SEQUENCES = 1 << 31
"""Sequence numbers wrap to 0 here."""


@dataclass
class Identity:
    """A producer id as the cluster gave it, and the sequence number that comes next in each partition."""

    producer_id: int
    epoch: int
    transactional: bool = False
    sequences: dict[TopicPartition, int] = field(default_factory=dict)


@dataclass
class _Outgoing:
    """One batch, stamped; `count` sequence numbers are used by it."""

    data: bytearray
    count: int


class Writer:
    """Produces with acks=all. Batches of one partition go one after the other and arrive in the order of the calls."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._identity: Identity | None = None
        self._locks: dict[TopicPartition, asyncio.Lock] = {}

    async def write(self, appends: Sequence[Append]) -> list[int]:
        """Append all, at least once and in practice once; returns the base offset of each."""
        if self._identity is None:
            self._identity = await new_identity(self._brokers)
        identity = self._identity
        async with AsyncExitStack() as held:
            for partition in sorted({a.partition for a in appends}):
                await held.enter_async_context(self._locks.setdefault(partition, asyncio.Lock()))
            try:
                return await write_as(self._brokers, identity, appends)
            except BaseException:
                if self._identity is identity:
                    self._identity = None
                raise


async def new_identity(brokers: Brokers) -> Identity:
    """A producer id of its own, without transactions."""

    async def attempt() -> Identity:
        answer = await brokers.call_any(apis.INIT_PRODUCER_ID, m.InitProducerIdRequest(transactional_id=None))
        check(answer.error_code, "asking for a producer id")
        return Identity(answer.producer_id, answer.producer_epoch)

    return await brokers.persist("asking Kafka for a producer id", attempt)


async def write_as(
    brokers: Brokers, identity: Identity, appends: Sequence[Append], transactional_id: str | None = None
) -> list[int]:
    """Append all as this producer; returns the base offset of each. An error makes the identity useless."""
    queues: dict[TopicPartition, deque[tuple[int, memoryview]]] = {}
    for index, append in enumerate(appends):
        for batch in _batches(append):
            queues.setdefault(append.partition, deque()).append((index, batch))
    offsets = [-1] * len(appends)
    # Brokers take one batch per partition and request, so an append of several batches takes as many rounds.
    while queues:
        heads = {partition: queue.popleft() for partition, queue in queues.items()}
        written = await _write_round(brokers, identity, {p: batch for p, (_, batch) in heads.items()}, transactional_id)
        for partition, (index, _) in heads.items():
            if offsets[index] < 0:
                offsets[index] = written[partition]
        queues = {partition: queue for partition, queue in queues.items() if queue}
    return offsets


def _batches(append: Append) -> Iterator[memoryview]:
    """The batches of one append. Raises `CorruptBatchError`: they get new checksums, so it is the last chance."""
    view = memoryview(append.data)
    end = 0
    for header in batch_headers(view):
        if not check_crc(view, header.start, header.size):
            break
        yield view[header.start : header.start + header.size]
        end = header.start + header.size
    if end != len(view):
        where = f"partition {append.partition.partition} of topic {append.partition.topic}"
        raise CorruptBatchError(f"what was to be written to {where} is not a record batch from byte {end} on")


async def _write_round(
    brokers: Brokers, identity: Identity, batches: Mapping[TopicPartition, memoryview], transactional_id: str | None
) -> dict[TopicPartition, int]:
    waiting = {partition: _stamped(identity, partition, batch) for partition, batch in batches.items()}
    written: dict[TopicPartition, int] = {}

    async def attempt() -> None:
        problem: PassingError | None = None
        by_leader = brokers.by_leader(waiting)
        results = await asyncio.gather(
            *(
                _send(brokers, node, {p: waiting[p] for p in mine}, transactional_id)
                for node, mine in by_leader.items()
            ),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, PassingError):
                problem = result
            elif isinstance(result, BaseException):
                raise result
            else:
                problem = _settle(result, identity, waiting, written) or problem
        if problem is not None:
            raise problem

    await brokers.persist("writing", attempt, batches)
    return written


def _stamped(identity: Identity, partition: TopicPartition, batch: memoryview) -> _Outgoing:
    sequence = identity.sequences.get(partition, 0)
    data = bytearray(batch)
    stamp_producer(data, identity.producer_id, identity.epoch, sequence, transactional=identity.transactional)
    header = next(batch_headers(data))
    return _Outgoing(data, header.last_offset - header.base_offset + 1)


async def _send(
    brokers: Brokers, node: int, batches: Mapping[TopicPartition, _Outgoing], transactional_id: str | None
) -> m.ProduceResponse:
    topics: dict[str, m.ProduceRequest.TopicProduceData] = {}
    for partition, outgoing in batches.items():
        topic = topics.setdefault(partition.topic, m.ProduceRequest.TopicProduceData(name=partition.topic))
        item = m.ProduceRequest.PartitionProduceData(index=partition.partition, records=outgoing.data)
        topic.partition_data.append(item)
    request = m.ProduceRequest(
        transactional_id=transactional_id,
        acks=ACKS_ALL,
        timeout_ms=brokers.settings.request_timeout_ms,
        topic_data=list(topics.values()),
    )
    return await brokers.call(node, apis.PRODUCE, request)


def _settle(
    answer: m.ProduceResponse,
    identity: Identity,
    waiting: dict[TopicPartition, _Outgoing],
    written: dict[TopicPartition, int],
) -> PassingError | None:
    """Move what was acknowledged from `waiting` to `written`; the problem of what was not, if that may pass."""
    problem: PassingError | None = None
    for topic in answer.responses:
        for result in topic.partition_responses:
            partition = TopicPartition(topic.name, result.index)
            if result.error_code not in (Code.NONE, Code.DUPLICATE_SEQUENCE_NUMBER):
                try:
                    where = f"writing to partition {partition.partition} of topic {partition.topic}"
                    check(result.error_code, where, result.error_message)
                except PassingError as error:
                    problem = error
                continue
            used = identity.sequences.get(partition, 0) + waiting.pop(partition).count
            identity.sequences[partition] = used % _SEQUENCES
            written[partition] = result.base_offset
    return problem
