"""The table of APIs: which versions are served and by which function.

An API that is not here is neither advertised nor answered. The ranges hold what clients from about 2018 (Kafka 1.0) to
Kafka 4 send, without what only brokers send to each other; where the advertised range is wider than the served one, a
comment says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headwater.broker.handlers import (
    acls,
    commits,
    configs,
    consumer_groups,
    features,
    fetch,
    groups,
    metadata,
    offsets,
    produce,
    producers,
    quotas,
    replicas,
    sasl,
    topics,
    transactions,
    users,
)

Handler = Callable[[Any, Any, Any], Any]
"""(broker, context, request) to a response or None for no answer.

Also to a future of a response, when all is done and only the answer has to wait: the requests behind may be handled.
Or to a coroutine, when they may not: it has to end first.
"""


@dataclass(frozen=True)
class Api:
    """One API: `name` without "Request", versions inclusive."""

    key: int
    name: str
    first: int
    last: int
    handler: Handler
    advertised_first: int = -1
    before_login: bool = False
    """Whether a client may use it before it has authenticated."""

    @property
    def advertised(self) -> tuple[int, int]:
        return (self.first if self.advertised_first < 0 else self.advertised_first), self.last


PRODUCE, FETCH, API_VERSIONS = 0, 1, 18

APIS: dict[int, Api] = {
    api.key: api
    for api in (
        # librdkafka 2.0 drops compressed batches unless version 0 is advertised (KAFKA-18659); nobody uses it.
        Api(PRODUCE, "Produce", 3, 13, produce.produce, advertised_first=0),
        Api(FETCH, "Fetch", 4, 18, fetch.fetch),
        Api(2, "ListOffsets", 1, 11, offsets.list_offsets),
        Api(3, "Metadata", 0, 13, metadata.metadata),
        Api(8, "OffsetCommit", 1, 10, commits.offset_commit),
        Api(9, "OffsetFetch", 1, 10, commits.offset_fetch),
        Api(10, "FindCoordinator", 0, 6, metadata.find_coordinator),
        Api(11, "JoinGroup", 0, 9, groups.join_group),
        Api(12, "Heartbeat", 0, 4, groups.heartbeat),
        Api(13, "LeaveGroup", 0, 5, groups.leave_group),
        Api(14, "SyncGroup", 0, 5, groups.sync_group),
        Api(15, "DescribeGroups", 0, 6, groups.describe_groups),
        Api(16, "ListGroups", 0, 5, groups.list_groups),
        Api(17, "SaslHandshake", 0, 1, sasl.sasl_handshake, before_login=True),
        Api(API_VERSIONS, "ApiVersions", 0, 4, metadata.api_versions, before_login=True),
        Api(19, "CreateTopics", 2, 7, topics.create_topics),
        Api(20, "DeleteTopics", 1, 6, topics.delete_topics),
        Api(21, "DeleteRecords", 0, 2, offsets.delete_records),
        Api(22, "InitProducerId", 0, 6, producers.init_producer_id),
        Api(23, "OffsetForLeaderEpoch", 2, 4, offsets.offset_for_leader_epoch),
        # Versions 4 and 5 are for brokers among each other, but Kafka advertises them too.
        Api(24, "AddPartitionsToTxn", 0, 5, transactions.add_partitions_to_txn),
        Api(25, "AddOffsetsToTxn", 0, 4, transactions.add_offsets_to_txn),
        Api(26, "EndTxn", 0, 5, transactions.end_txn),
        Api(27, "WriteTxnMarkers", 1, 2, transactions.write_txn_markers),
        Api(28, "TxnOffsetCommit", 0, 5, transactions.txn_offset_commit),
        Api(29, "DescribeAcls", 1, 3, acls.describe_acls),
        Api(30, "CreateAcls", 1, 3, acls.create_acls),
        Api(31, "DeleteAcls", 1, 3, acls.delete_acls),
        Api(32, "DescribeConfigs", 1, 4, configs.describe_configs),
        Api(33, "AlterConfigs", 0, 2, configs.alter_configs),
        Api(34, "AlterReplicaLogDirs", 1, 2, replicas.alter_replica_log_dirs),
        Api(35, "DescribeLogDirs", 1, 4, replicas.describe_log_dirs),
        Api(36, "SaslAuthenticate", 0, 2, sasl.sasl_authenticate, before_login=True),
        Api(37, "CreatePartitions", 0, 3, topics.create_partitions),
        Api(42, "DeleteGroups", 0, 2, groups.delete_groups),
        Api(43, "ElectLeaders", 0, 2, replicas.elect_leaders),
        Api(44, "IncrementalAlterConfigs", 0, 1, configs.incremental_alter_configs),
        Api(45, "AlterPartitionReassignments", 0, 1, replicas.alter_partition_reassignments),
        Api(46, "ListPartitionReassignments", 0, 0, replicas.list_partition_reassignments),
        Api(47, "OffsetDelete", 0, 0, commits.offset_delete),
        Api(48, "DescribeClientQuotas", 0, 1, quotas.describe_client_quotas),
        Api(49, "AlterClientQuotas", 0, 1, quotas.alter_client_quotas),
        Api(50, "DescribeUserScramCredentials", 0, 0, users.describe_user_scram_credentials),
        Api(51, "AlterUserScramCredentials", 0, 0, users.alter_user_scram_credentials),
        Api(55, "DescribeQuorum", 0, 2, replicas.describe_quorum),
        Api(57, "UpdateFeatures", 0, 2, features.update_features),
        Api(60, "DescribeCluster", 0, 2, metadata.describe_cluster),
        Api(61, "DescribeProducers", 0, 0, producers.describe_producers),
        Api(65, "DescribeTransactions", 0, 0, transactions.describe_transactions),
        Api(66, "ListTransactions", 0, 2, transactions.list_transactions),
        Api(68, "ConsumerGroupHeartbeat", 0, 1, consumer_groups.consumer_group_heartbeat),
        Api(69, "ConsumerGroupDescribe", 0, 1, consumer_groups.consumer_group_describe),
        Api(74, "ListConfigResources", 0, 1, configs.list_config_resources),
        Api(75, "DescribeTopicPartitions", 0, 0, metadata.describe_topic_partitions),
    )
}
