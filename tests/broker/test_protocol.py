"""What the broker answers to single messages over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from headwater.broker.apis import APIS
from headwater.broker.errors import Code
from headwater.broker.net import KafkaListener
from headwater.broker.settings import BrokerSettings
from headwater.core.errors import StartupError
from headwater.wire.messages import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    FetchRequest,
    FetchResponse,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    MetadataRequest,
    MetadataResponse,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    ProduceResponse,
)
from headwater.wire.records import build_batch
from tests.broker.requests import NOW, fetch_request, one, produce, produce_request, values
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


async def test_api_versions_lists_what_is_served(client: RawClient) -> None:
    response = await client.ask(ApiVersionsRequest(client_software_name="x"), 3, ApiVersionsResponse)
    listed = {key.api_key: (key.min_version, key.max_version) for key in response.api_keys}
    assert listed == {key: api.advertised for key, api in APIS.items()}
    assert listed[0][0] == 0, "librdkafka 2.0 drops compressed batches otherwise"


async def test_an_unknown_version_of_api_versions_is_answered_in_version_0(client: RawClient) -> None:
    frame = b"\x00\x12\x00\x63" + (7).to_bytes(4, "big") + b"\xff\xff\x00"
    client.writer.write(len(frame).to_bytes(4, "big") + frame)
    correlation, response = await client.receive(ApiVersionsResponse, 0)
    assert correlation == 7
    assert response.error_code == Code.UNSUPPORTED_VERSION
    assert {key.api_key for key in response.api_keys} == set(APIS)


async def test_an_unserved_version_is_told_so_where_the_answer_has_a_place_for_it(client: RawClient) -> None:
    frame = b"\x00\x0c\x00\x63" + (8).to_bytes(4, "big") + b"\xff\xff\x00"
    client.writer.write(len(frame).to_bytes(4, "big") + frame)
    correlation, response = await client.receive(HeartbeatResponse, 4)
    assert (correlation, response.error_code) == (8, Code.UNSUPPORTED_VERSION)


@pytest.mark.parametrize(
    "frame",
    [
        b"\x00\x63\x00\x00\x00\x00\x00\x01\xff\xff",  # no such API
        b"\x00\x03\x00\x0c\x00\x00",  # header cut short
        b"\x00\x03\x00\x0c\x00\x00\x00\x01\xff\xff\x00\xff\xff",  # body is nonsense
        b"\x00\x12\x00\x03\x00\x00\x00\x01\xff\xff\x00\x02x\x02y\x00more",  # bytes after ApiVersions
    ],
)
async def test_what_cannot_be_understood_closes_the_connection(client: RawClient, frame: bytes) -> None:
    client.writer.write(len(frame).to_bytes(4, "big") + frame)
    assert await client.closed_by_server()


@pytest.mark.parametrize("size", [-1, -(1 << 31), (1 << 31) - 1])
async def test_a_frame_of_impossible_size_closes_the_connection(client: RawClient, size: int) -> None:
    client.writer.write(size.to_bytes(4, "big", signed=True))
    assert await client.closed_by_server()


async def test_metadata_creates_topics_only_if_asked_to(client: RawClient) -> None:
    wanted = [MetadataRequest.MetadataRequestTopic(name="new")]
    refused = await client.ask(MetadataRequest(topics=wanted, allow_auto_topic_creation=False), 12, MetadataResponse)
    assert refused.topics[0].error_code == Code.UNKNOWN_TOPIC_OR_PARTITION
    created = await client.ask(MetadataRequest(topics=wanted), 12, MetadataResponse)
    assert [p.leader_id for p in created.topics[0].partitions] == [1]
    by_id = [MetadataRequest.MetadataRequestTopic(name=None, topic_id=created.topics[0].topic_id)]
    again = await client.ask(MetadataRequest(topics=by_id), 12, MetadataResponse)
    assert again.topics[0].name == "new"


async def test_metadata_advertises_the_address_the_client_came_over(client: RawClient, running: Running) -> None:
    for version in range(14):
        response = await client.ask(MetadataRequest(topics=[]), version, MetadataResponse)
        assert [(b.node_id, b.host, b.port) for b in response.brokers] == [(1, "127.0.0.1", running.port)]
        assert [t.name for t in response.topics] == (["__consumer_offsets"] if version == 0 else [])


async def test_a_setting_overrides_the_advertised_address() -> None:
    async with running_broker(settings=BrokerSettings(advertised_host="broker.example", advertised_port=9)) as running:
        client = await RawClient.connect(running.port)
        response = await client.ask(FindCoordinatorRequest(coordinator_keys=["g"]), 4, FindCoordinatorResponse)
        assert [(c.host, c.port) for c in response.coordinators] == [("broker.example", 9)]
        await client.close()


@pytest.mark.parametrize("version", range(3, 12))
async def test_every_version_of_produce(client: RawClient, running: Running, version: int) -> None:
    running.broker.log.create_topic("t")
    request = produce_request("t", build_batch([(b"k", b"v", NOW, ())] * 3))
    response = await client.ask(request, version, ProduceResponse)
    (result,) = response.responses[0].partition_responses
    assert (result.error_code, result.base_offset) == (0, 0)
    assert running.broker.log.partition("t", 0).log_end == 3


@pytest.mark.parametrize("version", range(4, 17))
async def test_every_version_of_fetch(client: RawClient, running: Running, version: int) -> None:
    topic = running.broker.log.create_topic("t")
    await produce(client, "t", build_batch([(b"k", b"one", NOW, ()), (b"k", b"two", NOW, ())]))
    response = await client.ask(fetch_request("t", 1, topic_id=topic.topic_id), version, FetchResponse)
    assert values(response) == [b"one", b"two"], "the batch holding the offset comes whole"
    assert one(response).high_watermark == 2


async def test_produce_refuses_what_it_cannot_store(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t", configs={"max.message.bytes": "1000"})
    good = build_batch([(b"k", b"v", NOW, ())])
    damaged = bytearray(good)
    damaged[-1] ^= 1
    big = build_batch([(b"k", b"v" * 2000, NOW, ())])
    assert await produce(client, "t", bytes(damaged), big, b"", good) == [
        (Code.CORRUPT_MESSAGE, -1),
        (Code.MESSAGE_TOO_LARGE, -1),
        (Code.INVALID_RECORD, -1),
        (Code.NONE, 0),
    ]
    assert await produce(client, "nowhere", good) == [(Code.UNKNOWN_TOPIC_OR_PARTITION, -1)]
    assert await produce(client, "__consumer_offsets", good) == [(Code.INVALID_TOPIC_EXCEPTION, -1)]
    assert await produce(client, "t", good, acks=2) == [(Code.INVALID_REQUIRED_ACKS, -1)]


async def test_a_refused_batch_says_which_records_are_wrong(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t", configs={"cleanup.policy": "compact"})
    batch = build_batch([(key, b"v", NOW, ()) for key in (None, b"k", None)])
    response = await client.ask(produce_request("t", batch), 9, ProduceResponse)
    (result,) = response.responses[0].partition_responses
    assert result.error_code == Code.INVALID_RECORD
    assert [error.batch_index for error in result.record_errors] == [0, 2]


async def test_an_idempotent_producer_may_repeat_but_not_skip(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t")
    given = await client.ask(InitProducerIdRequest(transactional_id=None), 4, InitProducerIdResponse)
    other = await client.ask(InitProducerIdRequest(transactional_id=None), 4, InitProducerIdResponse)
    assert given.producer_id != other.producer_id

    def batch(sequence: int) -> bytes:
        return build_batch(
            [(b"k", b"v", NOW, ())] * 2, producer_id=given.producer_id, producer_epoch=0, base_sequence=sequence
        )

    assert await produce(client, "t", batch(0)) == [(0, 0)]
    assert await produce(client, "t", batch(2)) == [(0, 2)]
    assert await produce(client, "t", batch(0)) == [(0, 0)], "a repetition is answered as the first time"
    assert await produce(client, "t", batch(6)) == [(Code.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)]
    assert running.broker.log.partition("t", 0).log_end == 4


async def test_acks_0_is_not_answered_and_an_error_closes_the_connection(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t")
    batch = build_batch([(b"k", b"v", NOW, ())])
    client.send(produce_request("t", batch, acks=0), 9)
    assert await produce(client, "t", batch) == [(0, 1)]
    client.send(produce_request("nowhere", batch, acks=0), 9)
    assert await client.closed_by_server()


async def test_answers_come_in_the_order_of_the_requests_even_behind_a_waiting_one(
    client: RawClient, running: Running
) -> None:
    running.broker.log.create_topic("t")
    waiting = client.send(fetch_request("t", 0, wait_ms=5_000), 12)
    behind = [client.send(ApiVersionsRequest(), 0) for _ in range(3)]
    other = await RawClient.connect(running.port)
    await produce(other, "t", build_batch([(None, b"wake up", NOW, ())]))
    correlation, response = await client.receive(FetchResponse, 12)
    assert (correlation, values(response)) == (waiting, [b"wake up"])
    assert [(await client.receive(ApiVersionsResponse, 0))[0] for _ in range(3)] == behind
    await other.close()


async def test_fetch_gives_one_batch_even_above_the_limit(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t")
    batch = build_batch([(None, b"x" * 1000, NOW, ())])
    await produce(client, "t", batch, batch)
    assert len(values(await client.ask(fetch_request("t", 0, max_bytes=10), 12, FetchResponse))) == 1


async def test_fetch_errors(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t")

    async def code(request: FetchRequest, version: int) -> int:
        response = await client.ask(request, version, FetchResponse)
        return response.error_code or one(response).error_code

    assert await code(fetch_request("t", 5, wait_ms=1000), 12) == Code.OFFSET_OUT_OF_RANGE
    assert await code(fetch_request("nowhere", 0, wait_ms=1000), 12) == Code.UNKNOWN_TOPIC_OR_PARTITION
    assert await code(fetch_request("", 0, topic_id=b"x" * 16), 13) == Code.UNKNOWN_TOPIC_ID
    session = fetch_request("t", 0)
    session.session_id, session.session_epoch = 7, 1
    assert await code(session, 12) == Code.FETCH_SESSION_ID_NOT_FOUND
    session.session_id = 0
    assert await code(session, 12) == Code.FETCH_SESSION_ID_NOT_FOUND


async def test_list_offsets(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t")
    times = [NOW + 10, NOW + 30, NOW + 20]
    await produce(client, "t", *(build_batch([(None, b"x", at, ())]) for at in times))

    async def locate(timestamp: int, version: int = 7) -> tuple[int, int]:
        place = ListOffsetsRequest.ListOffsetsPartition(partition_index=0, timestamp=timestamp)
        topics = [ListOffsetsRequest.ListOffsetsTopic(name="t", partitions=[place])]
        response = await client.ask(ListOffsetsRequest(topics=topics), version, ListOffsetsResponse)
        (result,) = response.topics[0].partitions
        assert result.error_code == 0
        return result.offset, result.timestamp

    assert await locate(-1) == (3, -1)
    assert await locate(-2) == (0, -1)
    assert await locate(-3) == (1, NOW + 30)
    assert await locate(NOW + 11) == (1, NOW + 30)
    assert await locate(NOW + 31) == (-1, -1)
    for version in range(1, 11):
        assert (await locate(-1, version))[0] == 3


async def test_the_only_leader_epoch_ends_at_the_end_of_the_log(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t")
    await produce(client, "t", build_batch([(None, b"x", NOW, ())]))

    async def end(epoch: int) -> tuple[int, int, int]:
        place = OffsetForLeaderEpochRequest.OffsetForLeaderPartition(partition=0, leader_epoch=epoch)
        topics = [OffsetForLeaderEpochRequest.OffsetForLeaderTopic(topic="t", partitions=[place])]
        response = await client.ask(OffsetForLeaderEpochRequest(topics=topics), 4, OffsetForLeaderEpochResponse)
        (result,) = response.topics[0].partitions
        return result.error_code, result.leader_epoch, result.end_offset

    assert await end(0) == (0, 0, 1)
    assert await end(1) == (0, -1, -1)


async def test_create_topics(client: RawClient, running: Running) -> None:
    topic = CreateTopicsRequest.CreatableTopic
    config = CreateTopicsRequest.CreatableTopicConfig
    wanted = [
        topic(name="good", num_partitions=3, replication_factor=3, configs=[config(name="retention.ms", value="5")]),
        topic(name="default", num_partitions=-1, replication_factor=-1),
        topic(name="bad/name", num_partitions=1, replication_factor=1),
        topic(name="none", num_partitions=0, replication_factor=1),
        topic(name="many", num_partitions=10_000_000, replication_factor=1),
        topic(name="copies", num_partitions=1, replication_factor=4),
        topic(name="nothing", num_partitions=1, replication_factor=0),
        topic(name="config", num_partitions=1, replication_factor=1, configs=[config(name="retention.ms", value="x")]),
        topic(name="twice", num_partitions=1, replication_factor=1),
        topic(name="twice", num_partitions=1, replication_factor=1),
    ]
    dry = await client.ask(CreateTopicsRequest(topics=wanted, validate_only=True), 7, CreateTopicsResponse)
    assert [t for t in running.broker.log.topics() if not t.startswith("__")] == []
    done = await client.ask(CreateTopicsRequest(topics=wanted), 7, CreateTopicsResponse)
    for response in (dry, done):
        assert [t.error_code for t in response.topics] == [
            Code.NONE,
            Code.NONE,
            Code.INVALID_TOPIC_EXCEPTION,
            Code.INVALID_PARTITIONS,
            Code.INVALID_PARTITIONS,
            Code.INVALID_REPLICATION_FACTOR,
            Code.INVALID_REPLICATION_FACTOR,
            Code.INVALID_CONFIG,
            Code.INVALID_REQUEST,
            Code.INVALID_REQUEST,
        ]
    assert {c.name: c.value for c in done.topics[0].configs or []}["retention.ms"] == "5"
    assert done.topics[0].topic_id == running.broker.log.topics()["good"].topic_id
    again = await client.ask(CreateTopicsRequest(topics=wanted[:1]), 7, CreateTopicsResponse)
    assert again.topics[0].error_code == Code.TOPIC_ALREADY_EXISTS


async def test_a_topic_grows_and_goes(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t", 2)

    async def grow(name: str, count: int) -> int:
        wanted = [CreatePartitionsRequest.CreatePartitionsTopic(name=name, count=count)]
        response = await client.ask(CreatePartitionsRequest(topics=wanted), 3, CreatePartitionsResponse)
        return response.results[0].error_code

    assert await grow("t", 2) == Code.INVALID_PARTITIONS
    assert await grow("nowhere", 2) == Code.UNKNOWN_TOPIC_OR_PARTITION
    assert await grow("t", 10_001) == Code.INVALID_PARTITIONS
    assert await grow("t", 4) == Code.NONE
    assert len(running.broker.log.topics()["t"].partitions) == 4
    names = [DeleteTopicsRequest.DeleteTopicState(name=name) for name in ("t", "nowhere", "__consumer_offsets")]
    response = await client.ask(DeleteTopicsRequest(topics=names), 6, DeleteTopicsResponse)
    assert [r.error_code for r in response.responses] == [
        Code.NONE,
        Code.UNKNOWN_TOPIC_OR_PARTITION,
        Code.INVALID_TOPIC_EXCEPTION,
    ]


async def test_configs_are_described_with_their_source_and_altered_one_by_one(
    client: RawClient, running: Running
) -> None:
    running.broker.log.create_topic("t", configs={"retention.ms": "5"})

    async def described() -> dict[str, tuple[str | None, int]]:
        resource = DescribeConfigsRequest.DescribeConfigsResource(
            resource_type=2, resource_name="t", configuration_keys=None
        )
        response = await client.ask(DescribeConfigsRequest(resources=[resource]), 4, DescribeConfigsResponse)
        return {c.name: (c.value, c.config_source) for c in response.results[0].configs}

    async def alter(name: str, operation: int, value: str | None) -> int:
        change = IncrementalAlterConfigsRequest.AlterableConfig(name=name, config_operation=operation, value=value)
        resource = IncrementalAlterConfigsRequest.AlterConfigsResource(
            resource_type=2, resource_name="t", configs=[change]
        )
        response = await client.ask(
            IncrementalAlterConfigsRequest(resources=[resource]), 1, IncrementalAlterConfigsResponse
        )
        return response.responses[0].error_code

    before = await described()
    assert before["retention.ms"] == ("5", 1)
    assert before["cleanup.policy"] == ("delete", 5)
    assert await alter("cleanup.policy", 2, "compact") == Code.NONE
    assert await alter("retention.ms", 1, None) == Code.NONE
    assert await alter("retention.ms", 0, "soon") == Code.INVALID_CONFIG
    assert await alter("nonsense", 0, "1") == Code.INVALID_CONFIG
    assert await alter("retention.ms", 2, "1") == Code.INVALID_CONFIG
    after = await described()
    assert after["cleanup.policy"] == ("delete,compact", 1)
    assert after["retention.ms"] == ("604800000", 5)


async def test_a_large_request_in_small_pieces(client: RawClient, running: Running) -> None:
    running.broker.log.create_topic("t", configs={"max.message.bytes": str(1 << 23)})
    batch = build_batch([(None, b"x" * 3_000_000, NOW, ())])
    client.send(HeartbeatRequest(group_id="g", member_id="m"), 4)
    client.send(produce_request("t", batch), 9)
    client.send(HeartbeatRequest(group_id="g", member_id="m"), 4)
    assert (await client.receive(HeartbeatResponse, 4))[1].error_code == Code.UNKNOWN_MEMBER_ID
    assert (await client.receive(ProduceResponse, 9))[1].responses[0].partition_responses[0].error_code == 0
    assert (await client.receive(HeartbeatResponse, 4))[1].error_code == Code.UNKNOWN_MEMBER_ID
    request = fetch_request("t", 0, max_bytes=1 << 23)
    assert values(await client.ask(request, 12, FetchResponse)) == [b"x" * 3_000_000]


async def test_a_taken_port_is_a_startup_error_that_names_the_address(running: Running) -> None:
    second = KafkaListener(running.broker, "127.0.0.1", running.port)
    with pytest.raises(StartupError, match=f"127.0.0.1:{running.port}"):
        await second.start()


async def test_many_connections_come_and_go_without_a_trace(running: Running) -> None:
    for _ in range(5):
        clients = await asyncio.gather(*(RawClient.connect(running.port) for _ in range(20)))
        await asyncio.gather(*(c.ask(ApiVersionsRequest(), 0, ApiVersionsResponse) for c in clients))
        assert running.listener.connections == 20
        await asyncio.gather(*(c.close() for c in clients))
        await until(lambda: not running.listener.connections)
