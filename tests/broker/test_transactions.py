"""Transactions message by message: every version, fencing, time-outs, restarts, and the rules of KIP-890."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from headwater.broker.errors import Code
from headwater.broker.transactions.transaction import ProducerId
from headwater.log.storage import DiskStorage, MemoryStorage, Storage
from headwater.wire.messages import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    DescribeProducersRequest,
    DescribeProducersResponse,
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    EndTxnRequest,
    EndTxnResponse,
    FetchRequest,
    FetchResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    ListTransactionsRequest,
    ListTransactionsResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
    ProduceRequest,
    ProduceResponse,
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)
from headwater.wire.records import build_batch, read_records
from tests.broker.server import RawClient, Running, running_broker
from tests.broker.support import ManualTime

TIMEOUT_MS = 60_000
TV1_PRODUCE, TV2_PRODUCE = 11, 12
TV1_END, TV2_END = 4, 5


class Transactional:
    """A producer that speaks bare messages under the transactional id "x"."""

    def __init__(self, client: RawClient, running: Running) -> None:
        self.client = client
        self.running = running
        self.producer = ProducerId(-1, -1)
        self.sequences: dict[tuple[ProducerId, int], int] = {}

    async def init(self, version: int = 5, *, known: ProducerId | None = None) -> int:
        request = InitProducerIdRequest(transactional_id="x", transaction_timeout_ms=TIMEOUT_MS)
        if known is not None:
            request.producer_id, request.producer_epoch = known
        response = await self.client.ask(request, version, InitProducerIdResponse)
        if not response.error_code:
            self.producer = ProducerId(response.producer_id, response.producer_epoch)
        return response.error_code

    async def add(self, version: int = 3, topic: str = "t", indexes: Sequence[int] = (0,)) -> list[int]:
        topics = [AddPartitionsToTxnRequest.AddPartitionsToTxnTopic(name=topic, partitions=list(indexes))]
        transaction = AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction(
            transactional_id="x",
            producer_id=self.producer.id,
            producer_epoch=self.producer.epoch,
            verify_only=False,
            topics=topics,
        )
        request = AddPartitionsToTxnRequest(
            transactions=[transaction],
            v3_and_below_transactional_id="x",
            v3_and_below_producer_id=self.producer.id,
            v3_and_below_producer_epoch=self.producer.epoch,
            v3_and_below_topics=topics,
        )
        response = await self.client.ask(request, version, AddPartitionsToTxnResponse)
        found = (
            response.results_by_topic_v3_and_below if version < 4 else response.results_by_transaction[0].topic_results
        )
        return [p.partition_error_code for t in found for p in t.results_by_partition]

    async def produce(self, value: bytes, version: int = TV1_PRODUCE, index: int = 0, *, name: str | None = "x") -> int:
        sequence = self.sequences.get((self.producer, index), 0)
        batch = build_batch(
            [(None, value, 1_700_000_000_000, ())],
            producer_id=self.producer.id,
            producer_epoch=self.producer.epoch,
            base_sequence=sequence,
            transactional=True,
        )
        data = ProduceRequest.PartitionProduceData(index=index, records=batch)
        topic_id = self.running.broker.log.topics()["t"].topic_id
        topic = ProduceRequest.TopicProduceData(name="t", topic_id=topic_id, partition_data=[data])
        request = ProduceRequest(transactional_id=name, acks=-1, timeout_ms=1_000, topic_data=[topic])
        response = await self.client.ask(request, version, ProduceResponse)
        code = response.responses[0].partition_responses[0].error_code
        if not code:
            self.sequences[self.producer, index] = sequence + 1
        return code

    async def end(self, *, commit: bool, version: int = TV1_END, producer: ProducerId | None = None) -> int:
        who = producer or self.producer
        request = EndTxnRequest(transactional_id="x", producer_id=who.id, producer_epoch=who.epoch, committed=commit)
        response = await self.client.ask(request, version, EndTxnResponse)
        if not response.error_code and version >= TV2_END:
            self.producer = ProducerId(response.producer_id, response.producer_epoch)
        return response.error_code

    async def add_offsets(self, version: int = 3) -> int:
        request = AddOffsetsToTxnRequest(
            transactional_id="x", producer_id=self.producer.id, producer_epoch=self.producer.epoch, group_id="g"
        )
        return (await self.client.ask(request, version, AddOffsetsToTxnResponse)).error_code

    async def commit_offset(self, offset: int, version: int = 3, generation: int = -1) -> int:
        place = TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition(
            partition_index=0, committed_offset=offset, committed_metadata="note"
        )
        request = TxnOffsetCommitRequest(
            transactional_id="x",
            group_id="g",
            producer_id=self.producer.id,
            producer_epoch=self.producer.epoch,
            generation_id=generation,
            topics=[TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic(name="t", partitions=[place])],
        )
        response = await self.client.ask(request, version, TxnOffsetCommitResponse)
        return response.topics[0].partitions[0].error_code

    async def committed_offset(self, *, stable: bool = False, version: int = 8) -> tuple[int, int]:
        """Error code and offset."""
        group = OffsetFetchRequest.OffsetFetchRequestGroup(
            group_id="g", topics=[OffsetFetchRequest.OffsetFetchRequestTopics(name="t", partition_indexes=[0])]
        )
        old = [OffsetFetchRequest.OffsetFetchRequestTopic(name="t", partition_indexes=[0])]
        request = OffsetFetchRequest(group_id="g", topics=old, groups=[group], require_stable=stable)
        response = await self.client.ask(request, version, OffsetFetchResponse)
        found = (response.groups[0].topics if version >= 8 else response.topics)[0].partitions[0]
        return found.error_code, found.committed_offset

    async def committed(self, index: int = 0) -> list[bytes | None]:
        """The values a reader of committed records gets, as a client filters them."""
        place = FetchRequest.FetchPartition(partition=index, fetch_offset=0, partition_max_bytes=1 << 20)
        request = FetchRequest(
            max_bytes=1 << 20, isolation_level=1, topics=[FetchRequest.FetchTopic(topic="t", partitions=[place])]
        )
        response = await self.client.ask(request, 11, FetchResponse)
        found = response.responses[0].partitions[0]
        assert found.aborted_transactions is not None
        aborted = self.running.broker.log.partition("t", index).aborted_in(0, 1 << 40)
        assert [(a.producer_id, a.first_offset) for a in found.aborted_transactions] == [a[:2] for a in aborted]
        return [
            record.value
            for record in read_records(found.records or b"")
            if not any(a.first_offset <= record.offset <= a.last_offset for a in aborted)
        ]


@asynccontextmanager
async def producing(storage: Storage | None = None, time: ManualTime | None = None) -> AsyncIterator[Transactional]:
    time = time or ManualTime()
    async with running_broker(storage=storage, clock=time, timers=time) as running:
        if running.broker.log.topic("t") is None:
            running.broker.log.create_topic("t", 2)
        client = await RawClient.connect(running.port)
        try:
            yield Transactional(client, running)
        finally:
            await client.close()


@pytest.mark.parametrize("version", range(6))
async def test_every_version_of_every_request_takes_part_in_a_transaction(version: int) -> None:
    async with producing() as x:
        assert await x.init(min(version, 5)) == 0
        assert await x.add(min(version, 5)) == [0]
        assert await x.produce(b"v", version=3 + min(version, 4)) == 0
        assert await x.add_offsets(min(version, 4)) == 0
        assert await x.commit_offset(7, version) == 0
        assert await x.committed() == []
        assert await x.committed_offset(version=version + 1) == (0, -1)
        assert await x.end(commit=True, version=version) == 0
        assert await x.committed() == [b"v"]
        assert await x.committed_offset(version=version + 1) == (0, 7)


async def test_aborted_records_and_offsets_are_as_if_never_written() -> None:
    async with producing() as x:
        await x.init()
        for number, commit in enumerate((True, False, True)):
            assert await x.add() == [0]
            assert await x.produce(b"%d" % number) == 0
            assert await x.add_offsets() == 0
            assert await x.commit_offset(number) == 0
            assert await x.end(commit=commit) == 0
        assert await x.committed() == [b"0", b"2"]
        assert await x.committed_offset() == (0, 2)


async def test_a_commit_is_not_seen_before_it_is_on_disk(tmp_path: Path) -> None:
    async with producing(DiskStorage(tmp_path)) as x:
        await x.init()
        await x.add()
        await x.produce(b"v")
        log, partition = x.running.broker.log, x.running.broker.log.partition("t", 0)
        assert partition.high_watermark == 1
        code, _ = x.running.broker.transactions.end("x", x.producer, commit=True, bumps=False)
        assert not code
        assert partition.last_stable_offset == 0
        await log.durable()
        assert partition.last_stable_offset == 2


async def test_who_wants_a_stable_offset_waits_for_the_end_of_the_transaction() -> None:
    async with producing() as x:
        await x.init()
        await x.add_offsets()
        await x.commit_offset(3)
        for version in (7, 8, 9):
            assert await x.committed_offset(stable=True, version=version) == (Code.UNSTABLE_OFFSET_COMMIT, -1)
        await x.end(commit=True)
        assert await x.committed_offset(stable=True) == (0, 3)


async def test_a_second_owner_aborts_and_fences_the_first() -> None:
    async with producing() as x:
        await x.init()
        first = x.producer
        await x.add()
        await x.produce(b"first")
        await x.init()
        assert x.producer == (first.id, first.epoch + 1)
        assert await x.end(commit=True, producer=first) == Code.PRODUCER_FENCED
        assert await x.end(commit=True, producer=first, version=1) == Code.INVALID_PRODUCER_EPOCH
        x.producer = first
        assert await x.produce(b"zombie") == Code.INVALID_PRODUCER_EPOCH
        assert await x.add() == [Code.PRODUCER_FENCED]
        assert await x.add(version=1) == [Code.INVALID_PRODUCER_EPOCH]
        assert await x.add_offsets() == Code.PRODUCER_FENCED
        assert await x.commit_offset(1) == Code.INVALID_PRODUCER_EPOCH
        assert await x.init(known=first) == Code.PRODUCER_FENCED
        assert await x.init(known=first, version=3) == Code.INVALID_PRODUCER_EPOCH
        assert await x.committed() == []


async def test_a_producer_may_ask_for_its_next_epoch_twice() -> None:
    async with producing() as x:
        await x.init()
        first = x.producer
        assert await x.init(known=first) == 0
        second = x.producer
        assert await x.init(known=first) == 0
        assert x.producer == second == (first.id, first.epoch + 1)


async def test_what_no_transaction_covers_is_not_written() -> None:
    async with producing() as x:
        await x.init()
        assert await x.produce(b"v", version=10) == Code.INVALID_TXN_STATE
        assert await x.produce(b"v", version=11) == Code.TRANSACTION_ABORTABLE
        assert await x.produce(b"v", name=None) == Code.INVALID_PRODUCER_ID_MAPPING
        assert await x.commit_offset(1, version=4) == Code.INVALID_TXN_STATE
        assert await x.add(topic="unknown") == [Code.UNKNOWN_TOPIC_OR_PARTITION]
        assert await x.add(indexes=(0, 9)) == [Code.OPERATION_NOT_ATTEMPTED, Code.UNKNOWN_TOPIC_OR_PARTITION]
        assert await x.end(commit=True) == Code.INVALID_TXN_STATE
        await x.add()
        assert await x.produce(b"v", index=1, version=10) == Code.INVALID_TXN_STATE
        assert await x.end(commit=True) == 0
        assert await x.end(commit=True) == 0  # repeated
        assert await x.end(commit=False) == Code.INVALID_TXN_STATE


@pytest.mark.parametrize("version", [TV2_PRODUCE, 13])
async def test_writing_adds_and_each_end_raises_the_epoch(version: int) -> None:
    async with producing() as x:
        await x.init()
        for number in range(3):
            before = x.producer
            assert await x.produce(b"%d" % number, version=version) == 0
            assert await x.produce(b"%d" % number, version=version, index=1) == 0
            assert await x.commit_offset(number, version=5) == 0
            assert await x.end(commit=number != 1, version=TV2_END) == 0
            assert x.producer == (before.id, before.epoch + 1)
            assert await x.end(commit=number != 1, version=TV2_END, producer=before) == 0  # its answer was lost
            assert x.producer == (before.id, before.epoch + 1)
            after, x.producer = x.producer, before
            assert await x.produce(b"late", version=version) == Code.INVALID_PRODUCER_EPOCH
            x.producer = after
        assert await x.committed() == await x.committed(1) == [b"0", b"2"]
        assert await x.committed_offset() == (0, 2)
        assert await x.end(commit=True, version=TV2_END) == Code.INVALID_TXN_STATE
        assert await x.end(commit=False, version=TV2_END) == 0  # what was never written can be aborted, to be sure


async def test_an_id_with_no_epochs_left_goes_on_under_a_new_number() -> None:
    async with producing() as x:
        await x.init()
        coordinator = x.running.broker.transactions
        first = x.producer
        for _ in range(32_766):
            code, producer = coordinator.init_producer("x", TIMEOUT_MS, None)
            assert not code
        assert producer == (first.id, 32_766)
        x.producer = producer
        assert await x.produce(b"v", version=TV2_PRODUCE) == 0
        assert await x.end(commit=True, version=TV2_END) == 0
        assert x.producer.id != first.id
        assert x.producer.epoch == 0
        assert await x.end(commit=True, producer=producer) == Code.INVALID_PRODUCER_ID_MAPPING
        assert await x.produce(b"w", version=TV2_PRODUCE) == 0


async def test_a_transaction_is_aborted_when_its_time_is_up() -> None:
    time = ManualTime()
    async with producing(time=time) as x:
        await x.init()
        await x.add()
        await x.produce(b"slow")
        time.advance(TIMEOUT_MS / 1000 - 1)
        assert x.running.broker.log.partition("t", 0).last_stable_offset == 0
        time.advance(1)
        assert await x.produce(b"late") == Code.INVALID_PRODUCER_EPOCH
        assert await x.end(commit=True) == Code.PRODUCER_FENCED
        assert await x.committed() == []
        await x.init()
        await x.add()
        assert await x.produce(b"next") == 0
        await x.end(commit=True)
        assert await x.committed() == [b"next"]


async def test_unused_ids_are_forgotten_but_not_one_in_use() -> None:
    time = ManualTime()
    storage = MemoryStorage()
    async with producing(storage, time) as x:
        await x.init()
        time.advance(6 * 24 * 3600)
        assert set(x.running.broker.transactions.transactions) == {"x"}
        time.advance(2 * 24 * 3600)
        assert not x.running.broker.transactions.transactions
    async with producing(storage, time) as x:
        assert not x.running.broker.transactions.transactions


@pytest.mark.parametrize("version", [TV1_END, TV2_END])
async def test_an_open_transaction_goes_on_after_a_restart(version: int) -> None:
    storage, time = MemoryStorage(), ManualTime()
    async with producing(storage, time) as x:
        await x.init()
        await x.add()
        await x.produce(b"before")
        await x.add_offsets()
        await x.commit_offset(5)
        producer, sequences = x.producer, x.sequences
    async with producing(storage, time) as x:
        x.producer, x.sequences = producer, sequences
        assert await x.committed() == []
        assert await x.produce(b"after") == 0
        assert await x.end(commit=True, version=version) == 0
        assert await x.committed() == [b"before", b"after"]
        assert await x.committed_offset() == (0, 5)
        producer = x.producer
    async with producing(storage, time) as x:
        assert await x.committed() == [b"before", b"after"]
        assert await x.init(known=producer) == 0
        assert x.producer == (producer.id, producer.epoch + 1)


async def test_the_time_spent_stopped_counts() -> None:
    storage, time = MemoryStorage(), ManualTime()
    async with producing(storage, time) as x:
        await x.init()
        await x.add()
        await x.produce(b"v")
    time.now += TIMEOUT_MS / 1000 - 1
    async with producing(storage, time) as x:
        assert x.running.broker.log.partition("t", 0).last_stable_offset == 0
        time.advance(2)
        assert x.running.broker.log.partition("t", 0).last_stable_offset == 2


async def test_what_nobody_is_in_charge_of_is_aborted_at_the_start() -> None:
    storage = MemoryStorage()
    async with producing(storage) as x:
        orphan = build_batch([(None, b"v", 0, ())], producer_id=99, producer_epoch=0, transactional=True)
        x.running.broker.log.partition("t", 0).append(orphan)
        assert x.running.broker.log.partition("t", 0).last_stable_offset == 0
    async with producing(storage) as x:
        assert x.running.broker.log.partition("t", 0).last_stable_offset == 2
        assert await x.committed() == []


async def test_a_topic_deleted_meanwhile_does_not_keep_a_transaction_from_ending() -> None:
    async with producing() as x:
        await x.init()
        x.running.broker.log.create_topic("short-lived")
        await x.add(topic="short-lived")
        await x.add()
        await x.produce(b"v")
        await x.running.broker.delete_topics(["short-lived"])
        assert await x.end(commit=True) == 0
        assert await x.committed() == [b"v"]


async def test_operators_see_transactions_and_can_end_a_hanging_one() -> None:
    async with producing() as x:
        await x.init()
        await x.add()
        await x.produce(b"v")
        listed = await x.client.ask(ListTransactionsRequest(), 2, ListTransactionsResponse)
        (found,) = listed.transaction_states
        assert (found.transactional_id, found.producer_id, found.transaction_state) == ("x", x.producer.id, "Ongoing")
        for request, count in (
            (ListTransactionsRequest(state_filters=["Empty", "Odd"]), 0),
            (ListTransactionsRequest(producer_id_filters=[x.producer.id]), 1),
            (ListTransactionsRequest(duration_filter=1_000), 0),
            (ListTransactionsRequest(transactional_id_pattern="[xyz]"), 1),
        ):
            listed = await x.client.ask(request, 2, ListTransactionsResponse)
            assert len(listed.transaction_states) == count
            assert listed.unknown_state_filters == (["Odd"] if request.state_filters else [])
        described = await x.client.ask(
            DescribeTransactionsRequest(transactional_ids=["x", "y"]), 0, DescribeTransactionsResponse
        )
        known, unknown = described.transaction_states
        assert (known.transaction_state, known.transaction_timeout_ms) == ("Ongoing", TIMEOUT_MS)
        assert [(t.topic, t.partitions) for t in known.topics] == [("t", [0])]
        assert unknown.error_code == Code.TRANSACTIONAL_ID_NOT_FOUND
        topic = DescribeProducersRequest.TopicRequest(name="t", partition_indexes=[0, 1, 2])
        producers = await x.client.ask(DescribeProducersRequest(topics=[topic]), 0, DescribeProducersResponse)
        first, second, third = producers.topics[0].partitions
        assert [(p.producer_id, p.current_txn_start_offset) for p in first.active_producers] == [(x.producer.id, 0)]
        assert second.active_producers == []
        assert third.error_code == Code.UNKNOWN_TOPIC_OR_PARTITION
        marker = WriteTxnMarkersRequest.WritableTxnMarker(
            producer_id=x.producer.id,
            producer_epoch=x.producer.epoch,
            transaction_result=False,
            topics=[WriteTxnMarkersRequest.WritableTxnMarkerTopic(name="t", partition_indexes=[0])],
        )
        written = await x.client.ask(WriteTxnMarkersRequest(markers=[marker]), 1, WriteTxnMarkersResponse)
        assert written.markers[0].topics[0].partitions[0].error_code == 0
        assert x.running.broker.log.partition("t", 0).last_stable_offset == 2


@pytest.mark.parametrize(
    ("name", "timeout_ms", "code"),
    [
        ("", TIMEOUT_MS, Code.INVALID_REQUEST),
        ("x", 0, Code.INVALID_TRANSACTION_TIMEOUT),
        ("x", 900_001, Code.INVALID_TRANSACTION_TIMEOUT),
    ],
)
async def test_an_impossible_owner_is_refused(name: str, timeout_ms: int, code: Code) -> None:
    async with producing() as x:
        request = InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=timeout_ms)
        response = await x.client.ask(request, 5, InitProducerIdResponse)
        assert (response.error_code, response.producer_id) == (code, -1)
