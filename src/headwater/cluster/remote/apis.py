"""The APIs this client calls, each with the newest version it understands. The oldest is what the broker still has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from headwater.wire import messages as m
from headwater.wire.definitions import Struct

S = TypeVar("S", bound=Struct)


@dataclass(frozen=True)
class Api(Generic[S]):
    """One API: `newest` is below the protocol's own newest where that would change what a request says."""

    key: int
    name: str
    response: type[S]
    newest: int


API_VERSIONS = Api(18, "ApiVersions", m.ApiVersionsResponse, 3)
METADATA = Api(3, "Metadata", m.MetadataResponse, 12)
FETCH = Api(1, "Fetch", m.FetchResponse, 12)
"""From 13 on topics go by id, which buys nothing here: a topic that was made anew is noticed by its offsets."""
PRODUCE = Api(0, "Produce", m.ProduceResponse, 11)
"""From 12 on a produce joins its partition to the transaction (KIP-890), which needs the broker's feature flags."""
LIST_OFFSETS = Api(2, "ListOffsets", m.ListOffsetsResponse, 7)
FIND_COORDINATOR = Api(10, "FindCoordinator", m.FindCoordinatorResponse, 3)
OFFSET_COMMIT = Api(8, "OffsetCommit", m.OffsetCommitResponse, 9)
OFFSET_FETCH = Api(9, "OffsetFetch", m.OffsetFetchResponse, 7)
JOIN_GROUP = Api(11, "JoinGroup", m.JoinGroupResponse, 9)
SYNC_GROUP = Api(14, "SyncGroup", m.SyncGroupResponse, 5)
HEARTBEAT = Api(12, "Heartbeat", m.HeartbeatResponse, 4)
LEAVE_GROUP = Api(13, "LeaveGroup", m.LeaveGroupResponse, 5)
DELETE_GROUPS = Api(42, "DeleteGroups", m.DeleteGroupsResponse, 2)
CREATE_TOPICS = Api(19, "CreateTopics", m.CreateTopicsResponse, 7)
DELETE_TOPICS = Api(20, "DeleteTopics", m.DeleteTopicsResponse, 5)
DESCRIBE_CONFIGS = Api(32, "DescribeConfigs", m.DescribeConfigsResponse, 4)
INIT_PRODUCER_ID = Api(22, "InitProducerId", m.InitProducerIdResponse, 4)
ADD_PARTITIONS_TO_TXN = Api(24, "AddPartitionsToTxn", m.AddPartitionsToTxnResponse, 3)
ADD_OFFSETS_TO_TXN = Api(25, "AddOffsetsToTxn", m.AddOffsetsToTxnResponse, 3)
TXN_OFFSET_COMMIT = Api(28, "TxnOffsetCommit", m.TxnOffsetCommitResponse, 3)
END_TXN = Api(26, "EndTxn", m.EndTxnResponse, 3)
SASL_HANDSHAKE = Api(17, "SaslHandshake", m.SaslHandshakeResponse, 1)
SASL_AUTHENTICATE = Api(36, "SaslAuthenticate", m.SaslAuthenticateResponse, 2)
