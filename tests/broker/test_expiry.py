"""Old positions of groups are forgotten; topics are described in pages."""

from __future__ import annotations

from headwater.broker.settings import BrokerSettings
from headwater.wire.messages import DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse
from tests.broker.server import RawClient, running_broker
from tests.broker.support import ManualTime

DAY_S = 24 * 3600


async def test_positions_of_a_group_without_members_are_forgotten_after_their_time() -> None:
    time = ManualTime()
    settings = BrokerSettings(offsets_retention_ms=2 * DAY_S * 1000)
    async with running_broker(clock=time, timers=time, settings=settings) as running:
        broker = running.broker
        await broker.commit_offsets("old", {("t", 0): (1, -1, "")})
        time.advance(DAY_S)
        await broker.commit_offsets("young", {("t", 0): (1, -1, "")})
        assert broker.offsets.groups() == {"old", "young"}
        time.advance(DAY_S + 700)
        assert broker.offsets.groups() == {"young"}
        time.advance(DAY_S)
        assert broker.offsets.groups() == set()


async def test_topics_are_described_in_pages() -> None:
    async with running_broker() as running:
        for name, partitions in (("a", 3), ("b", 2), ("c", 1)):
            running.broker.log.create_topic(name, partitions)
        client = await RawClient.connect(running.port)
        topics = [DescribeTopicPartitionsRequest.TopicRequest(name=name) for name in ("c", "a", "b", "d")]
        request = DescribeTopicPartitionsRequest(topics=topics, response_partition_limit=2)
        pages = []
        while True:
            page = await client.ask(request, 0, DescribeTopicPartitionsResponse)
            pages.append([(t.name, t.error_code, [p.partition_index for p in t.partitions]) for t in page.topics])
            if page.next_cursor is None:
                break
            request.cursor = DescribeTopicPartitionsRequest.Cursor(
                topic_name=page.next_cursor.topic_name, partition_index=page.next_cursor.partition_index
            )
        assert pages == [
            [("a", 0, [0, 1])],
            [("a", 0, [2]), ("b", 0, [0])],
            [("b", 0, [1]), ("c", 0, [0]), ("d", 3, [])],
        ]
        await client.close()
