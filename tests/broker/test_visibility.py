"""When records can be seen: who waits for them, for how long, and what was acknowledged before it is on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headwater.broker.handlers.fetch import fetch
from headwater.broker.session import Context, Session
from headwater.log.storage import DiskStorage
from headwater.wire.messages import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    FetchResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ProduceResponse,
)
from headwater.wire.records import build_batch
from tests.broker.requests import NOW, fetch_request, produce, produce_request, values
from tests.broker.server import RawClient, Running, running_broker, until


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with running_broker() as running:
        yield running


@pytest.fixture
async def client(running: Running) -> AsyncIterator[RawClient]:
    client = await RawClient.connect(running.port)
    yield client
    await client.close()


async def test_requests_behind_an_append_that_is_not_durable_yet_are_handled_and_answered_after_it(
    tmp_path: Path,
) -> None:
    async with running_broker(storage=DiskStorage(tmp_path)) as running:
        partition = running.broker.log.create_topic("t").partitions[0]
        client = await RawClient.connect(running.port)
        batch = build_batch([(None, b"x", NOW, ())])
        sent = [client.send(produce_request("t", batch), 9) for _ in range(5)]
        sent.append(client.send(ApiVersionsRequest(), 0))
        await until(lambda: partition.log_end == 5)
        for number in range(5):
            correlation, response = await client.receive(ProduceResponse, 9)
            result = response.responses[0].partition_responses[0]
            assert (correlation, result.error_code, result.base_offset) == (sent[number], 0, number)
            assert partition.high_watermark > number, "answered before it was durable"
        assert (await client.receive(ApiVersionsResponse, 0))[0] == sent[-1]
        await client.close()


async def test_what_a_producer_was_told_of_counts_though_it_is_not_on_disk_yet(tmp_path: Path) -> None:
    async with running_broker(storage=DiskStorage(tmp_path)) as running:
        running.broker.log.create_topic("t")
        client = await RawClient.connect(running.port)
        place = ListOffsetsRequest.ListOffsetsPartition(partition_index=0, timestamp=-1)
        latest = ListOffsetsRequest(topics=[ListOffsetsRequest.ListOffsetsTopic(name="t", partitions=[place])])
        batch = build_batch([(None, b"x", NOW, ())])
        for end in range(1, 6):
            below = DeleteRecordsRequest.DeleteRecordsPartition(partition_index=0, offset=end)
            topics = [DeleteRecordsRequest.DeleteRecordsTopic(name="t", partitions=[below])]
            client.send(produce_request("t", batch, acks=1), 9)
            client.send(latest, 7)
            client.send(produce_request("t", batch, acks=1), 9)
            client.send(DeleteRecordsRequest(topics=topics), 2)
            await client.receive(ProduceResponse, 9)
            _, listed = await client.receive(ListOffsetsResponse, 7)
            assert listed.topics[0].partitions[0].offset >= 2 * end - 1
            await client.receive(ProduceResponse, 9)
            _, deleted = await client.receive(DeleteRecordsResponse, 2)
            assert deleted.topics[0].partitions[0].low_watermark == end
        await client.close()


async def test_fetch_waits_for_min_bytes_or_until_time_is_up(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t")
    batch = build_batch([(None, b"x" * 100, NOW, ())])
    client.send(fetch_request("t", 0, wait_ms=5_000, min_bytes=len(batch) + 1), 12)
    other = await RawClient.connect(running.port)
    await produce(other, "t", batch)
    await produce(other, "t", batch)
    _, response = await client.receive(FetchResponse, 12)
    assert len(values(response)) == 2
    nothing = await client.ask(fetch_request("t", 2, wait_ms=20), 12, FetchResponse)
    assert values(nothing) == []
    await other.close()


async def test_fetch_does_not_wait_for_min_bytes_that_are_there_but_do_not_fit(
    client: RawClient, running: Running
) -> None:
    running.broker.log.create_topic("t", configs={"segment.bytes": "300"})
    batch = build_batch([(None, b"x" * 200, NOW, ())])
    await produce(client, "t", batch)
    await produce(client, "t", batch)
    impatient = fetch_request("t", 0, wait_ms=3_600_000, min_bytes=400, max_bytes=400)
    for request in (impatient, fetch_request("t", 0, wait_ms=3_600_000, min_bytes=400)):
        assert len(values(await client.ask(request, 12, FetchResponse))) == 1


async def test_fetch_sees_what_came_between_its_reading_and_its_waiting(running: Running) -> None:
    partition = running.broker.log.create_topic("t").partitions[0]
    context = Context(Session("127.0.0.1", "127.0.0.1", 9092), 12, "raw")
    response = fetch(running.broker, context, fetch_request("t", 0, wait_ms=3_600_000))
    assert not isinstance(response, FetchResponse)
    partition.append(build_batch([(None, b"in between", NOW, ())]))
    assert values(await response) == [b"in between"]


async def test_a_client_that_goes_away_leaves_no_subscription(client: RawClient, running: Running) -> None:
    partition = running.broker.log.create_topic("t").partitions[0]
    impatient = await RawClient.connect(running.port)
    impatient.send(fetch_request("t", 0, wait_ms=60_000), 12)
    await impatient.writer.drain()
    await until(lambda: bool(partition._subscribers))
    await impatient.close()
    await until(lambda: not partition._subscribers)
