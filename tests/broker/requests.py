"""Produce and Fetch requests of broker tests, and what their answers say."""

from __future__ import annotations

from headwater.wire.messages import FetchRequest, FetchResponse, ProduceRequest, ProduceResponse
from headwater.wire.records import read_records
from tests.broker.server import RawClient

NOW = 1_700_000_000_000


def produce_request(topic: str, *batches: bytes, acks: int = -1, partition: int = 0) -> ProduceRequest:
    data = [ProduceRequest.PartitionProduceData(index=partition, records=batch) for batch in batches]
    return ProduceRequest(
        acks=acks, timeout_ms=1000, topic_data=[ProduceRequest.TopicProduceData(name=topic, partition_data=data)]
    )


def fetch_request(
    topic: str,
    offset: int,
    *,
    wait_ms: int = 0,
    min_bytes: int = 1,
    max_bytes: int = 1 << 20,
    topic_id: bytes = bytes(16),
) -> FetchRequest:
    place = FetchRequest.FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=max_bytes)
    return FetchRequest(
        max_wait_ms=wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        topics=[FetchRequest.FetchTopic(topic=topic, topic_id=topic_id, partitions=[place])],
    )


def one(response: FetchResponse) -> FetchResponse.PartitionData:
    ((partition,),) = (topic.partitions for topic in response.responses)
    return partition


def values(response: FetchResponse) -> list[bytes | None]:
    return [record.value for record in read_records(one(response).records or b"")]


async def produce(client: RawClient, topic: str, *batches: bytes, acks: int = -1) -> list[tuple[int, int]]:
    """(error, base offset) of each batch."""
    response = await client.ask(produce_request(topic, *batches, acks=acks), 9, ProduceResponse)
    return [(p.error_code, p.base_offset) for t in response.responses for p in t.partition_responses]
