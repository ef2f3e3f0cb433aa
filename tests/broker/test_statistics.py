"""The broker counts requests, bytes, errors, times and connections, and who reads and writes which topic."""

from __future__ import annotations

from headwater.broker.errors import Code
from headwater.broker.observation import Direction, Observation
from headwater.wire.messages import (
    FetchRequest,
    FetchResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    MetadataRequest,
    MetadataResponse,
    ProduceRequest,
    ProduceResponse,
)
from headwater.wire.records import build_batch
from tests.broker.server import RawClient, running_broker, until
from tests.broker.support import ManualTime


async def produce(client: RawClient, topic: str, count: int) -> bytes:
    """Send one batch of so many records; its bytes."""
    data = build_batch([(b"k", b"v" * 100, 1_700_000_000_000, ())] * count)
    request = ProduceRequest(
        acks=-1,
        timeout_ms=1000,
        topic_data=[
            ProduceRequest.TopicProduceData(
                name=topic, partition_data=[ProduceRequest.PartitionProduceData(index=0, records=data)]
            )
        ],
    )
    await client.ask(request, 9, ProduceResponse)
    return data


def fetch_request(topic: str) -> FetchRequest:
    partition = FetchRequest.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
    return FetchRequest(max_bytes=1 << 20, topics=[FetchRequest.FetchTopic(topic=topic, partitions=[partition])])


async def test_requests_bytes_answers_and_connections_are_counted_by_api() -> None:
    async with running_broker() as running:
        statistics = running.broker.statistics
        client = await RawClient.connect(running.port)
        await client.ask(MetadataRequest(topics=None), 12, MetadataResponse)
        await client.ask(MetadataRequest(topics=None), 9, MetadataResponse)
        metadata = statistics.apis["Metadata"]
        assert (metadata.requests, metadata.answers, metadata.errors) == (2, 2, {})
        assert metadata.bytes_in > 20
        assert metadata.bytes_out > 40
        assert sum(metadata.buckets) == 2
        assert metadata.latency_seconds > 0
        assert (statistics.connections_open, statistics.connections_total) == (1, 1)
        await client.close()
        await until(lambda: statistics.connections_open == 0)
        assert statistics.connections_total == 1


async def test_errors_inside_answers_are_counted_by_code() -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        places = [ListOffsetsRequest.ListOffsetsPartition(partition_index=i, timestamp=-1) for i in range(3)]
        request = ListOffsetsRequest(topics=[ListOffsetsRequest.ListOffsetsTopic(name="none", partitions=places)])
        await client.ask(request, 7, ListOffsetsResponse)
        errors = running.broker.statistics.apis["ListOffsets"].errors
        assert errors == {Code.UNKNOWN_TOPIC_OR_PARTITION: 3}
        client.writer.write((8).to_bytes(4, "big") + b"\xff" * 8)
        assert await client.closed_by_server()
        assert running.broker.statistics.unreadable_requests == 1
        await client.close()


async def test_who_writes_and_reads_a_topic_is_observed_by_client_id() -> None:
    async with running_broker() as running:
        running.broker.log.create_topic("t")
        client = await RawClient.connect(running.port)
        data = await produce(client, "t", 7)
        running.broker.observation.joined(("raw", "127.0.0.1"), "readers")
        await client.ask(fetch_request("t"), 11, FetchResponse)
        await client.ask(fetch_request("t"), 11, FetchResponse)
        running.broker.observation.committed("raw", "readers", {"t"})
        flows = {flow.direction: flow for flow in running.broker.observation.flows()}
        produced, fetched = flows[Direction.PRODUCE], flows[Direction.FETCH]
        assert (produced.client_id, produced.group, produced.topic) == ("raw", "", "t")
        assert (produced.bytes, produced.records) == (len(data), 7)
        assert (fetched.client_id, fetched.group, fetched.topic) == ("raw", "readers", "t")
        assert (fetched.bytes, fetched.records) == (2 * len(data), 14)
        assert flows[Direction.COMMIT].group == "readers"
        await client.close()


def test_the_table_of_flows_is_bounded_and_forgets_the_idle_ones() -> None:
    time = ManualTime()
    observation = Observation(time, capacity=10)
    for number in range(10):
        time.advance(1)
        observation.produced("app", f"topic-{number}", 10, 1)
    observation.produced("app", "topic-0", 10, 1)
    observation.produced("app", "one-more", 10, 1)
    known = {flow.topic for flow in observation.flows()}
    assert len(known) == 10
    assert "topic-0" in known
    assert "topic-1" not in known


def test_a_client_id_in_several_groups_names_none_of_them() -> None:
    observation = Observation(ManualTime())
    for group in ("a", "a", "b"):
        observation.joined(("rdkafka", "127.0.0.1"), group)
    observation.fetched(("rdkafka", "127.0.0.1"), "t", 1, 1)
    assert [flow.group for flow in observation.flows()] == [""]
