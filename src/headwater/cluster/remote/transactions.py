"""One unit of work as a Kafka transaction: records and consumer offsets, all or nothing (KIP-98, KIP-447)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.cluster.remote import apis
from headwater.cluster.remote.brokers import Brokers
from headwater.cluster.remote.errors import Code, FencedError
from headwater.cluster.remote.groups import GROUP, TRANSACTION, Coordinators, by_topic
from headwater.cluster.remote.writing import Identity, write_as
from headwater.core.errors import ClusterError, HeadwaterError
from headwater.wire import messages as m

TRANSACTION_TIMEOUT_MS = 60_000
"""After this the cluster aborts a transaction whose owner vanished, and its readers wait no more."""
_UNKNOWN = -1


class Transactions:
    """The transactions of one transactional id, one after the other, as one owner of the id.

    It takes the id over from whoever had it, once: that one gets `FencedError` from then on. When somebody else takes
    it over, it is this one's turn: each call raises `FencedError`, and nothing is asked for any more.
    """

    def __init__(self, brokers: Brokers, coordinators: Coordinators, transactional_id: str) -> None:
        self._brokers = brokers
        self._coordinators = coordinators
        self._id = transactional_id
        self._identity: Identity | None = None
        self._last = (_UNKNOWN, _UNKNOWN)
        self._fenced: FencedError | None = None
        self._lock = asyncio.Lock()

    async def begin(self) -> None:
        """Make sure to own the id, before the first commit and after one that failed: what was begun is aborted."""
        async with self._as_owner():
            if self._identity is None:
                self._identity = await self._take_over()

    async def commit(self, work: Commit) -> list[int]:
        """Apply all of `work`; returns the base offset of each append. After an error nothing of it is visible."""
        async with self._as_owner():
            return await self._commit(work)

    @asynccontextmanager
    async def _as_owner(self) -> AsyncIterator[None]:
        """One at a time, and nothing after the first `FencedError`."""
        async with self._lock:
            if self._fenced is not None:
                raise self._fenced
            try:
                yield
            except FencedError as error:
                self._fenced = error
                raise

    async def _commit(self, work: Commit) -> list[int]:
        if self._identity is None:
            self._identity = await self._take_over()
        identity = self._identity
        # Given up before the first write and taken back after the last: whatever fails in between, also a cancellation,
        # leaves an unknown sequence, which only a new epoch clears.
        self._identity = None
        try:
            offsets = await self._write(identity, work)
            await self._end(identity, commit=True)
        except FencedError:
            raise
        except HeadwaterError:
            await self._abort(identity)
            raise
        self._identity = identity
        return offsets

    async def _write(self, identity: Identity, work: Commit) -> list[int]:
        offsets: list[int] = []
        if work.appends:
            await self._add_partitions(identity, work.appends)
            offsets = await write_as(self._brokers, identity, work.appends, self._id)
        if work.group is not None and work.offsets:
            await self._add_offsets(identity, work.group, work)
        return offsets

    async def _take_over(self) -> Identity:
        """A new epoch of the producer id. Naming the last one tells our own restart from another process (KIP-360)."""
        producer_id, epoch = self._last
        answer = await self._coordinators.ask(
            TRANSACTION,
            self._id,
            f"starting transactions as {self._id}",
            apis.INIT_PRODUCER_ID,
            m.InitProducerIdRequest(
                transactional_id=self._id,
                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
                producer_id=producer_id,
                producer_epoch=epoch,
            ),
            lambda a: (a.error_code,),
        )
        self._last = (answer.producer_id, answer.producer_epoch)
        return Identity(answer.producer_id, answer.producer_epoch, transactional=True)

    async def _add_partitions(self, identity: Identity, appends: Sequence[Append]) -> None:
        Topic = m.AddPartitionsToTxnRequest.AddPartitionsToTxnTopic  # noqa: N806 - a class
        partitions = by_topic({TopicPartition(*a.partition): 0 for a in appends})
        topics = [Topic(name=name, partitions=[index for index, _ in pairs]) for name, pairs in partitions.items()]
        await self._coordinators.ask(
            TRANSACTION,
            self._id,
            f"adding partitions to a transaction of {self._id}",
            apis.ADD_PARTITIONS_TO_TXN,
            m.AddPartitionsToTxnRequest(
                v3_and_below_transactional_id=self._id,
                v3_and_below_producer_id=identity.producer_id,
                v3_and_below_producer_epoch=identity.epoch,
                v3_and_below_topics=topics,
            ),
            lambda a: _causes_first(
                p.partition_error_code for t in a.results_by_topic_v3_and_below for p in t.results_by_partition
            ),
            [a.partition for a in appends],
        )

    async def _add_offsets(self, identity: Identity, group: str, work: Commit) -> None:
        await self._coordinators.ask(
            TRANSACTION,
            self._id,
            f"adding group {group} to a transaction of {self._id}",
            apis.ADD_OFFSETS_TO_TXN,
            m.AddOffsetsToTxnRequest(
                transactional_id=self._id,
                producer_id=identity.producer_id,
                producer_epoch=identity.epoch,
                group_id=group,
            ),
            lambda a: (a.error_code,),
        )
        Topic = m.TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic  # noqa: N806 - a class
        Partition = m.TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition  # noqa: N806
        topics = [
            Topic(name=name, partitions=[Partition(partition_index=i, committed_offset=o) for i, o in pairs])
            for name, pairs in by_topic(work.offsets).items()
        ]
        await self._coordinators.ask(
            GROUP,
            group,
            f"committing offsets of group {group} in a transaction of {self._id}",
            apis.TXN_OFFSET_COMMIT,
            m.TxnOffsetCommitRequest(
                transactional_id=self._id,
                group_id=group,
                producer_id=identity.producer_id,
                producer_epoch=identity.epoch,
                topics=topics,
            ),
            lambda a: (p.error_code for t in a.topics for p in t.partitions),
        )

    async def _end(self, identity: Identity, *, commit: bool) -> None:
        await self._coordinators.ask(
            TRANSACTION,
            self._id,
            f"{'committing' if commit else 'aborting'} a transaction of {self._id}",
            apis.END_TXN,
            m.EndTxnRequest(
                transactional_id=self._id,
                producer_id=identity.producer_id,
                producer_epoch=identity.epoch,
                committed=commit,
            ),
            lambda a: (a.error_code,),
        )

    async def _abort(self, identity: Identity) -> None:
        """Free readers from waiting; if even that fails, the next take-over or the timeout aborts it."""
        try:
            await self._end(identity, commit=False)
        except ClusterError:
            return


def _causes_first(codes: Iterable[int]) -> list[int]:
    """One partition's problem makes the broker refuse all: the others only say that they were not looked at."""
    return sorted(codes, key=lambda code: code == Code.OPERATION_NOT_ATTEMPTED)
