"""Offsets by topic id, and what is said of times and transactions that the newest versions of the protocol know."""

from __future__ import annotations

import pytest

from headwater.broker.errors import Code
from headwater.wire.messages import (
    InitProducerIdRequest,
    InitProducerIdResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
)
from headwater.wire.records import build_batch
from tests.broker.server import RawClient, running_broker

NOBODY = b"?" * 16


async def test_offsets_are_committed_and_fetched_by_topic_id() -> None:
    async with running_broker() as running:
        topic = running.broker.log.create_topic("t", 2)
        client = await RawClient.connect(running.port)
        place = OffsetCommitRequest.OffsetCommitRequestPartition(partition_index=1, committed_offset=7)
        commit = OffsetCommitRequest(
            group_id="g",
            topics=[
                OffsetCommitRequest.OffsetCommitRequestTopic(topic_id=topic_id, partitions=[place])
                for topic_id in (topic.topic_id, NOBODY)
            ],
        )
        answer = await client.ask(commit, 10, OffsetCommitResponse)
        assert [(t.topic_id, t.partitions[0].error_code) for t in answer.topics] == [
            (topic.topic_id, Code.NONE),
            (NOBODY, Code.UNKNOWN_TOPIC_ID),
        ]
        wanted = [
            OffsetFetchRequest.OffsetFetchRequestTopics(topic_id=topic_id, partition_indexes=[0, 1])
            for topic_id in (topic.topic_id, NOBODY)
        ]
        for topics, expected in (
            (wanted, [(topic.topic_id, 0, [-1, 7]), (NOBODY, Code.UNKNOWN_TOPIC_ID, [-1, -1])]),
            (None, [(topic.topic_id, 0, [7])]),
        ):
            asked = OffsetFetchRequest.OffsetFetchRequestGroup(group_id="g", topics=topics)
            (group,) = (await client.ask(OffsetFetchRequest(groups=[asked]), 10, OffsetFetchResponse)).groups
            found = [
                (t.topic_id, t.partitions[0].error_code, [p.committed_offset for p in t.partitions])
                for t in group.topics
            ]
            assert found == expected
        await client.close()


@pytest.mark.parametrize(
    ("timestamp", "first_version", "expected"),
    [(-1, 1, 3), (-2, 1, 0), (-3, 7, 1), (-4, 8, 0), (-5, 9, -1), (-6, 11, -1), (-7, 99, None), (1_002, 1, 1)],
)
async def test_times_with_a_meaning_of_their_own(timestamp: int, first_version: int, expected: int | None) -> None:
    async with running_broker() as running:
        partition = running.broker.log.create_topic("t").partitions[0]
        partition.append(build_batch([(b"k", b"v", at, ()) for at in (1_000, 1_009, 1_001)]))
        client = await RawClient.connect(running.port)
        for version in (7, 8, 9, 10, 11):
            wanted = ListOffsetsRequest.ListOffsetsPartition(partition_index=0, timestamp=timestamp)
            request = ListOffsetsRequest(topics=[ListOffsetsRequest.ListOffsetsTopic(name="t", partitions=[wanted])])
            (topic,) = (await client.ask(request, version, ListOffsetsResponse)).topics
            (result,) = topic.partitions
            if version < first_version:
                assert result.error_code == Code.UNSUPPORTED_VERSION
            else:
                assert (result.error_code, result.offset) == (0, expected)
        await client.close()


async def test_prepared_transactions_are_not_enabled() -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        for enabled, expected in ((False, Code.NONE), (True, Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)):
            request = InitProducerIdRequest(transactional_id="x", transaction_timeout_ms=1_000, enable2_pc=enabled)
            answer = await client.ask(request, 6, InitProducerIdResponse)
            assert answer.error_code == expected
            assert answer.ongoing_txn_producer_id == -1
        await client.close()
