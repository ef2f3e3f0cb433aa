"""Replicas, leaders and log directories of a cluster of one: what is asked for is the case already, or cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.errors import Code
from headwater.broker.session import Context
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
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

LOG_DIR = "/data"
"""The name of the one log directory; where it really is concerns no client."""
METADATA_TOPIC = "__cluster_metadata"
_ELECTION_TYPES = 0, 1
"""Preferred and unclean."""
_QUORUM_EPOCH = 1
_FIRST_WITH_NODES = 2

Reassigned = AlterPartitionReassignmentsResponse.ReassignablePartitionResponse
Quorum = DescribeQuorumResponse.PartitionData


def _may(broker: Broker, context: Context, operation: Operation) -> bool:
    return broker.allows(context, operation, Resource.CLUSTER, CLUSTER_NAME)


def elect_leaders(broker: Broker, context: Context, request: ElectLeadersRequest) -> ElectLeadersResponse:
    """Every partition has its leader (KIP-183, KIP-460). Asked about all partitions, only failures are told: none."""
    if not _may(broker, context, Operation.ALTER):
        return ElectLeadersResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED)
    if request.election_type not in _ELECTION_TYPES:
        return ElectLeadersResponse(error_code=Code.INVALID_REQUEST)
    return ElectLeadersResponse(
        replica_election_results=[
            ElectLeadersResponse.ReplicaElectionResult(
                topic=topic.topic,
                partition_result=[_elected(broker, topic.topic, index) for index in topic.partitions],
            )
            for topic in request.topic_partitions or []
        ]
    )


def _elected(broker: Broker, topic: str, index: int) -> ElectLeadersResponse.PartitionResult:
    if broker.partition(topic, index) is None:
        code, message = Code.UNKNOWN_TOPIC_OR_PARTITION, f"There is no partition {topic}-{index}"
    else:
        code, message = Code.ELECTION_NOT_NEEDED, f"Node {broker.settings.node_id} leads {topic}-{index} already"
    return ElectLeadersResponse.PartitionResult(partition_id=index, error_code=code, error_message=message)


def alter_partition_reassignments(
    broker: Broker, context: Context, request: AlterPartitionReassignmentsRequest
) -> AlterPartitionReassignmentsResponse:
    """A partition may be moved to where it is (KIP-455)."""
    if not _may(broker, context, Operation.ALTER):
        return AlterPartitionReassignmentsResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED)
    return AlterPartitionReassignmentsResponse(
        allow_replication_factor_change=request.allow_replication_factor_change,
        responses=[
            AlterPartitionReassignmentsResponse.ReassignableTopicResponse(
                name=topic.name,
                partitions=[_reassigned(broker, topic.name, p.partition_index, p.replicas) for p in topic.partitions],
            )
            for topic in request.topics
        ],
    )


def _reassigned(broker: Broker, topic: str, index: int, replicas: Sequence[int] | None) -> Reassigned:
    node = broker.settings.node_id
    code, message = Code.NONE, None
    if broker.partition(topic, index) is None:
        code, message = Code.UNKNOWN_TOPIC_OR_PARTITION, f"There is no partition {topic}-{index}"
    elif replicas is None:
        code, message = Code.NO_REASSIGNMENT_IN_PROGRESS, f"{topic}-{index} is not being moved"
    elif list(replicas) != [node]:
        code = Code.INVALID_REPLICA_ASSIGNMENT
        message = f"{topic}-{index} can be on node {node} only: there is no other"
    return Reassigned(partition_index=index, error_code=code, error_message=message)


def list_partition_reassignments(
    broker: Broker, context: Context, request: ListPartitionReassignmentsRequest
) -> ListPartitionReassignmentsResponse:
    """Nothing is ever being moved."""
    allowed = _may(broker, context, Operation.DESCRIBE)
    return ListPartitionReassignmentsResponse(error_code=Code.NONE if allowed else Code.CLUSTER_AUTHORIZATION_FAILED)


def describe_log_dirs(broker: Broker, context: Context, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse:
    """One log directory and the size of each partition in it."""
    if not _may(broker, context, Operation.DESCRIBE):
        return DescribeLogDirsResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED)
    wanted = None if request.topics is None else {t.topic: set(t.partitions) for t in request.topics}
    topics = []
    for topic in broker.log.topics().values():
        if wanted is not None and topic.name not in wanted:
            continue
        partitions = [
            DescribeLogDirsResponse.DescribeLogDirsPartition(
                partition_index=partition.index, partition_size=partition.size_bytes
            )
            for partition in topic.partitions
            if wanted is None or partition.index in wanted[topic.name]
        ]
        topics.append(DescribeLogDirsResponse.DescribeLogDirsTopic(name=topic.name, partitions=partitions))
    return DescribeLogDirsResponse(
        results=[DescribeLogDirsResponse.DescribeLogDirsResult(log_dir=LOG_DIR, topics=topics)]
    )


def alter_replica_log_dirs(
    broker: Broker, context: Context, request: AlterReplicaLogDirsRequest
) -> AlterReplicaLogDirsResponse:
    """A partition may be moved to the directory that it is in (KIP-113)."""
    allowed = _may(broker, context, Operation.ALTER)
    codes: dict[str, dict[int, Code]] = {}
    for wanted in request.dirs:
        for topic in wanted.topics:
            found = codes.setdefault(topic.name, {})
            for index in topic.partitions:
                if not allowed:
                    found[index] = Code.CLUSTER_AUTHORIZATION_FAILED
                elif wanted.path != LOG_DIR:
                    found[index] = Code.LOG_DIR_NOT_FOUND
                else:
                    known = broker.partition(topic.name, index) is not None
                    found[index] = Code.NONE if known else Code.UNKNOWN_TOPIC_OR_PARTITION
    return AlterReplicaLogDirsResponse(
        results=[
            AlterReplicaLogDirsResponse.AlterReplicaLogDirTopicResult(
                topic_name=name,
                partitions=[
                    AlterReplicaLogDirsResponse.AlterReplicaLogDirPartitionResult(
                        partition_index=index, error_code=code
                    )
                    for index, code in partitions.items()
                ],
            )
            for name, partitions in codes.items()
        ]
    )


def describe_quorum(broker: Broker, context: Context, request: DescribeQuorumRequest) -> DescribeQuorumResponse:
    """The quorum of controllers (KIP-595, KIP-836) is this node. Its metadata is a file: the log of it stays empty."""
    if not _may(broker, context, Operation.DESCRIBE):
        return DescribeQuorumResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED)
    node = broker.settings.node_id
    host, port = broker.advertised(context.session)
    response = DescribeQuorumResponse(
        topics=[
            DescribeQuorumResponse.TopicData(
                topic_name=topic.topic_name,
                partitions=[_quorum(broker, topic.topic_name, p.partition_index) for p in topic.partitions],
            )
            for topic in request.topics
        ]
    )
    if context.version >= _FIRST_WITH_NODES:
        listener = DescribeQuorumResponse.Listener(name="CONTROLLER", host=host, port=port)
        response.nodes = [DescribeQuorumResponse.Node(node_id=node, listeners=[listener])]
    return response


def _quorum(broker: Broker, topic: str, index: int) -> Quorum:
    if (topic, index) != (METADATA_TOPIC, 0):
        return Quorum(partition_index=index, error_code=Code.UNKNOWN_TOPIC_OR_PARTITION)
    node, now = broker.settings.node_id, broker.clock.now_ms()
    voter = DescribeQuorumResponse.ReplicaState(replica_id=node, last_fetch_timestamp=now, last_caught_up_timestamp=now)
    return Quorum(partition_index=index, leader_id=node, leader_epoch=_QUORUM_EPOCH, current_voters=[voter])
