"""Administration of many topics at once, quotas of it, topics that clients may not touch, and lag."""

from __future__ import annotations

from headwater.broker import quotas
from headwater.broker.errors import Code
from headwater.broker.lag import Lag, all_lags, group_lag
from headwater.log.storage import MemoryStorage
from headwater.wire.messages import (
    AlterConfigsRequest,
    AlterConfigsResponse,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    ProduceRequest,
    ProduceResponse,
)
from headwater.wire.records import build_batch
from tests.broker.server import RawClient, running_broker
from tests.broker.support import ManualTime

NAMES = [f"t{n}" for n in range(200)]


class CountingStorage(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.metadata_writes = 0

    def replace(self, path: str, data: bytes | bytearray | memoryview, *, sync: bool) -> None:
        self.metadata_writes += path == "meta.json"
        super().replace(path, data, sync=sync)


async def test_hundreds_of_topics_are_created_grown_and_changed_with_one_write_each() -> None:
    storage = CountingStorage()
    async with running_broker(storage=storage) as running:
        log = running.broker.log
        client = await RawClient.connect(running.port)
        before = storage.metadata_writes
        topics = [CreateTopicsRequest.CreatableTopic(name=n, num_partitions=1, replication_factor=1) for n in NAMES]
        created = await client.ask(CreateTopicsRequest(topics=topics), 7, CreateTopicsResponse)
        assert not any(topic.error_code for topic in created.topics)
        wanted = [CreatePartitionsRequest.CreatePartitionsTopic(name=n, count=3) for n in [*NAMES, "nowhere"]]
        wanted[0].count = 1
        grown = await client.ask(CreatePartitionsRequest(topics=wanted), 3, CreatePartitionsResponse)
        assert [result.error_code for result in grown.results] == [
            Code.INVALID_PARTITIONS,
            *[Code.NONE] * 199,
            Code.UNKNOWN_TOPIC_OR_PARTITION,
        ]
        config = IncrementalAlterConfigsRequest.AlterableConfig(name="retention.ms", value="5000")
        wrong = IncrementalAlterConfigsRequest.AlterableConfig(name="retention.ms", value="soon")
        resources = [
            IncrementalAlterConfigsRequest.AlterConfigsResource(
                resource_type=2, resource_name=name, configs=[wrong if name == "t7" else config]
            )
            for name in [*NAMES, "t5"]
        ]
        changed = await client.ask(
            IncrementalAlterConfigsRequest(resources=resources), 1, IncrementalAlterConfigsResponse
        )
        codes = {result.resource_name: result.error_code for result in changed.responses}
        assert (codes.pop("t5"), codes.pop("t7")) == (Code.INVALID_REQUEST, Code.INVALID_CONFIG)
        assert set(codes.values()) == {Code.NONE}
        replaced = [AlterConfigsRequest.AlterConfigsResource(resource_type=2, resource_name=n) for n in NAMES[:100]]
        await client.ask(AlterConfigsRequest(resources=replaced), 2, AlterConfigsResponse)
        assert storage.metadata_writes == before + 4
        assert [len(log.topics()[name].partitions) for name in NAMES] == [1] + [3] * 199
        assert "retention.ms" not in log.topics()["t50"].configs
        assert log.topics()["t150"].configs == {"retention.ms": "5000"}
        await client.close()


async def test_changes_of_topics_have_a_quota_that_new_clients_are_refused_by_and_old_ones_wait_for() -> None:
    time = ManualTime()
    async with running_broker(clock=time, timers=time) as running:
        client = await RawClient.connect(running.port)
        running.broker.quotas.change({((quotas.CLIENT_ID, "raw"),): {quotas.MUTATION: 1}})

        async def create(version: int, *sizes: int) -> CreateTopicsResponse:
            topics = [
                CreateTopicsRequest.CreatableTopic(name=f"v{version}-{n}", num_partitions=n, replication_factor=1)
                for n in sizes
            ]
            return await client.ask(CreateTopicsRequest(topics=topics), version, CreateTopicsResponse)

        strict = await create(7, 15, 1, 2)
        assert [t.error_code for t in strict.topics] == [
            Code.NONE,
            Code.THROTTLING_QUOTA_EXCEEDED,
            Code.THROTTLING_QUOTA_EXCEEDED,
        ]
        assert strict.throttle_time_ms == 5_000
        time.advance(5)
        assert [t.error_code for t in (await create(5, 10, 20)).topics] == [Code.NONE, Code.NONE]
        assert running.broker.statistics.throttled_seconds["controller_mutation"] == 35
        await client.close()


async def test_topics_of_the_node_itself_are_neither_written_nor_deleted_by_clients() -> None:
    async with running_broker() as running:
        broker = running.broker
        broker.log.create_topic("commands")
        broker.reserved_topics.add("commands")
        client = await RawClient.connect(running.port)
        records = build_batch([(b"k", b"v", 1, ())])
        cases = {
            "commands": Code.TOPIC_AUTHORIZATION_FAILED,
            "__consumer_offsets": Code.INVALID_TOPIC_EXCEPTION,
        }
        for name, expected in cases.items():
            data = ProduceRequest.PartitionProduceData(index=0, records=records)
            topics = [ProduceRequest.TopicProduceData(name=name, partition_data=[data])]
            produced = await client.ask(ProduceRequest(acks=1, topic_data=topics), 9, ProduceResponse)
            assert produced.responses[0].partition_responses[0].error_code == expected
            state = DeleteTopicsRequest.DeleteTopicState(name=name)
            deleted = await client.ask(DeleteTopicsRequest(topics=[state]), 6, DeleteTopicsResponse)
            assert deleted.responses[0].error_code == expected
        await client.close()


async def test_lag_is_what_is_left_to_read() -> None:
    async with running_broker() as running:
        broker = running.broker
        log = broker.log
        for name in ("a", "gone"):
            log.create_topic(name, 2)
        log.partition("a", 1).append(build_batch([(b"k", b"v", 1, ())] * 5))
        positions = {("a", 1): (2, -1, ""), ("a", 0): (9, -1, ""), ("gone", 0): (0, -1, "")}
        broker.commit_offsets_later("g", positions)
        broker.commit_offsets_later("h", {("a", 1): (5, -1, "")})
        log.delete_topic("gone")
        assert group_lag(broker, "g") == [Lag("g", "a", 0, 9, 0), Lag("g", "a", 1, 2, 5)]
        assert [lag.records for lag in all_lags(broker)] == [0, 3, 0]
        assert group_lag(broker, "nobody") == []
