"""What tools made for clusters of many ask: about leaders, moves, directories, the quorum, levels of features."""

from __future__ import annotations

import pytest

from headwater.broker.errors import Code
from headwater.broker.settings import BrokerSettings
from headwater.wire.messages import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    ElectLeadersRequest,
    ElectLeadersResponse,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)
from tests.broker.server import RawClient, running_broker

NODE = 7
SETTINGS = BrokerSettings(node_id=NODE)


async def test_an_election_is_not_needed_and_a_partition_that_is_not_there_cannot_have_one() -> None:
    async with running_broker(settings=SETTINGS) as running:
        running.broker.auto_create("orders")
        client = await RawClient.connect(running.port)
        wanted = [ElectLeadersRequest.TopicPartitions(topic="orders", partitions=[0, 5])]
        for election_type, version in ((0, 0), (0, 2), (1, 2)):
            request = ElectLeadersRequest(election_type=election_type, topic_partitions=wanted)
            answer = await client.ask(request, version, ElectLeadersResponse)
            found = [(p.partition_id, p.error_code) for p in answer.replica_election_results[0].partition_result]
            assert found == [(0, Code.ELECTION_NOT_NEEDED), (5, Code.UNKNOWN_TOPIC_OR_PARTITION)]
        everywhere = await client.ask(ElectLeadersRequest(topic_partitions=None), 2, ElectLeadersResponse)
        assert (everywhere.error_code, everywhere.replica_election_results) == (Code.NONE, [])
        unknown = await client.ask(ElectLeadersRequest(election_type=9), 2, ElectLeadersResponse)
        assert unknown.error_code == Code.INVALID_REQUEST
        await client.close()


@pytest.mark.parametrize(
    ("index", "replicas", "code"),
    [
        (0, [NODE], Code.NONE),
        (0, [NODE, 8], Code.INVALID_REPLICA_ASSIGNMENT),
        (0, [], Code.INVALID_REPLICA_ASSIGNMENT),
        (0, None, Code.NO_REASSIGNMENT_IN_PROGRESS),
        (5, [NODE], Code.UNKNOWN_TOPIC_OR_PARTITION),
    ],
)
async def test_a_partition_may_be_moved_to_where_it_is(index: int, replicas: list[int] | None, code: Code) -> None:
    async with running_broker(settings=SETTINGS) as running:
        running.broker.auto_create("orders")
        client = await RawClient.connect(running.port)
        move = AlterPartitionReassignmentsRequest.ReassignablePartition(partition_index=index, replicas=replicas)
        topic = AlterPartitionReassignmentsRequest.ReassignableTopic(name="orders", partitions=[move])
        request = AlterPartitionReassignmentsRequest(topics=[topic])
        answer = await client.ask(request, 1, AlterPartitionReassignmentsResponse)
        assert [p.error_code for p in answer.responses[0].partitions] == [code]
        going_on = await client.ask(ListPartitionReassignmentsRequest(), 0, ListPartitionReassignmentsResponse)
        assert (going_on.error_code, going_on.topics) == (Code.NONE, [])
        await client.close()


async def test_a_partition_may_be_moved_to_the_directory_that_it_is_in() -> None:
    async with running_broker(settings=SETTINGS) as running:
        running.broker.auto_create("orders")
        client = await RawClient.connect(running.port)
        listed = await client.ask(DescribeLogDirsRequest(topics=None), 4, DescribeLogDirsResponse)
        here = listed.results[0].log_dir
        assert "orders" in [t.name for t in listed.results[0].topics]
        topic = AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic(name="orders", partitions=[0, 5])
        for path, codes in ((here, [Code.NONE, Code.UNKNOWN_TOPIC_OR_PARTITION]), ("/x", [Code.LOG_DIR_NOT_FOUND] * 2)):
            wanted = AlterReplicaLogDirsRequest.AlterReplicaLogDir(path=path, topics=[topic])
            answer = await client.ask(AlterReplicaLogDirsRequest(dirs=[wanted]), 2, AlterReplicaLogDirsResponse)
            assert [p.error_code for p in answer.results[0].partitions] == codes
        await client.close()


async def test_the_quorum_is_the_node() -> None:
    async with running_broker(settings=SETTINGS) as running:
        client = await RawClient.connect(running.port)
        asked = [
            DescribeQuorumRequest.TopicData(
                topic_name=name, partitions=[DescribeQuorumRequest.PartitionData(partition_index=0)]
            )
            for name in ("__cluster_metadata", "orders")
        ]
        answer = await client.ask(DescribeQuorumRequest(topics=asked), 2, DescribeQuorumResponse)
        known, unknown = (topic.partitions[0] for topic in answer.topics)
        assert (known.error_code, known.leader_id) == (Code.NONE, NODE)
        assert [voter.replica_id for voter in known.current_voters] == [NODE]
        assert unknown.error_code == Code.UNKNOWN_TOPIC_OR_PARTITION
        assert [(n.node_id, n.listeners[0].port) for n in answer.nodes] == [(NODE, running.port)]
        await client.close()


@pytest.mark.parametrize(
    ("version", "types", "found"),
    [
        (1, [], [(2, "__consumer_offsets"), (2, "orders"), (4, "7")]),
        (1, [4], [(4, "7")]),
        (1, [16, 32], []),
        (0, [], []),
    ],
)
async def test_what_has_configs_is_listed_by_type(version: int, types: list[int], found: list[tuple[int, str]]) -> None:
    async with running_broker(settings=SETTINGS) as running:
        running.broker.auto_create("orders")
        client = await RawClient.connect(running.port)
        request = ListConfigResourcesRequest(resource_types=types)
        answer = await client.ask(request, version, ListConfigResourcesResponse)
        assert answer.error_code == Code.NONE
        assert [(r.resource_type, r.resource_name) for r in answer.config_resources] == found
        refused = await client.ask(ListConfigResourcesRequest(resource_types=[3]), 1, ListConfigResourcesResponse)
        assert refused.error_code == Code.UNSUPPORTED_VERSION
        await client.close()


async def test_features_stay_at_their_level() -> None:
    feature = UpdateFeaturesRequest.FeatureUpdateKey
    same, other = feature(feature="group.version", max_version_level=1), feature(feature="nonsense")
    lower = feature(feature="transaction.version", max_version_level=1, upgrade_type=2)
    async with running_broker(settings=SETTINGS) as running:
        client = await RawClient.connect(running.port)
        request = UpdateFeaturesRequest(feature_updates=[same, other, lower])
        for version in range(3):
            refused = await client.ask(request, version, UpdateFeaturesResponse)
            assert (refused.error_code, refused.results) == (Code.INVALID_UPDATE_VERSION, [])
            assert "nonsense" in (refused.error_message or "")
        fine = await client.ask(UpdateFeaturesRequest(feature_updates=[same]), 1, UpdateFeaturesResponse)
        assert (fine.error_code, [r.error_code for r in fine.results]) == (Code.NONE, [Code.NONE])
        await client.close()
