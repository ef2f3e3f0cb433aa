"""What the cluster looks like: ApiVersions, Metadata, DescribeCluster, FindCoordinator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.handlers.features import FEATURES
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.topic import Topic
from headwater.wire.messages import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    DescribeClusterRequest,
    DescribeClusterResponse,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    MetadataRequest,
    MetadataResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

_GROUP, _TRANSACTION = 0, 1
_FIRST_WITHOUT_NAMES = 12
_FIRST_WITH_MANY_KEYS = 4

MAX_PAGE = 2_000
"""Partitions in one page of DescribeTopicPartitions (Kafka's `max.request.partition.size.limit`)."""

PagedTopic = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic
MetadataTopic = MetadataResponse.MetadataResponseTopic


def api_versions(broker: Broker, context: Context, request: ApiVersionsRequest) -> ApiVersionsResponse:
    """Which APIs and versions there are (KIP-35), and which features (KIP-584)."""
    return ApiVersionsResponse(
        supported_features=[
            ApiVersionsResponse.SupportedFeatureKey(name=name, min_version=1, max_version=level)
            for name, level in FEATURES.items()
        ],
        finalized_features_epoch=1,
        finalized_features=[
            ApiVersionsResponse.FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
            for name, level in FEATURES.items()
        ],
        api_keys=[
            ApiVersionsResponse.ApiVersion(api_key=key, min_version=low, max_version=high)
            for key, (low, high) in broker.advertised_versions.items()
        ],
    )


def metadata(broker: Broker, context: Context, request: MetadataRequest) -> MetadataResponse:
    """Brokers, topics, partitions and leaders. Creates topics asked for by name if client and settings allow it."""
    log = broker.log
    everything = request.topics is None or (context.version == 0 and not request.topics)
    if everything:
        topics = [
            _describe_topic(broker, context, request, topic)
            for topic in log.topics().values()
            if broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic.name)
        ]
    else:
        topics = [_find_topic(broker, context, request, wanted) for wanted in request.topics or []]
    host, port = broker.advertised(context.session)
    node = broker.settings.node_id
    response = MetadataResponse(
        brokers=[MetadataResponse.MetadataResponseBroker(node_id=node, host=host, port=port)],
        cluster_id=log.cluster_id,
        controller_id=node,
        topics=topics,
    )
    if request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = broker.authorized_operations(context, Resource.CLUSTER)
    return response


def _find_topic(
    broker: Broker, context: Context, request: MetadataRequest, wanted: MetadataRequest.MetadataRequestTopic
) -> MetadataTopic:
    if wanted.name is None:
        topic = broker.log.topic_by_id(wanted.topic_id)
        if topic is None:
            name = None if context.version >= _FIRST_WITHOUT_NAMES else ""
            return MetadataTopic(error_code=Code.UNKNOWN_TOPIC_ID, name=name, topic_id=wanted.topic_id)
        if not broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic.name):
            return MetadataTopic(error_code=Code.UNKNOWN_TOPIC_ID, name="", topic_id=wanted.topic_id)
        return _describe_topic(broker, context, request, topic)
    if not broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, wanted.name):
        return MetadataTopic(error_code=Code.TOPIC_AUTHORIZATION_FAILED, name=wanted.name)
    topic = broker.log.topic(wanted.name)
    error = Code.UNKNOWN_TOPIC_OR_PARTITION
    create = broker.settings.auto_create_topics and (request.allow_auto_topic_creation or context.version < 4)
    if topic is None and create and not broker.allows_creation(context, wanted.name):
        error = Code.TOPIC_AUTHORIZATION_FAILED
    elif topic is None and create:
        try:
            topic = broker.auto_create(wanted.name)
        except HeadwaterError as refusal:
            error = code_of(refusal)
    if topic is None:
        return MetadataTopic(error_code=error, name=wanted.name)
    return _describe_topic(broker, context, request, topic)


def _describe_topic(broker: Broker, context: Context, request: MetadataRequest, topic: Topic) -> MetadataTopic:
    node = [broker.settings.node_id]
    described = MetadataTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.internal,
        partitions=[
            MetadataResponse.MetadataResponsePartition(
                partition_index=partition.index,
                leader_id=broker.settings.node_id,
                leader_epoch=0,
                replica_nodes=node,
                isr_nodes=node,
            )
            for partition in topic.partitions
        ],
    )
    if request.include_topic_authorized_operations:
        described.topic_authorized_operations = broker.authorized_operations(context, Resource.TOPIC, topic.name)
    return described


def describe_topic_partitions(
    broker: Broker, context: Context, request: DescribeTopicPartitionsRequest
) -> DescribeTopicPartitionsResponse:
    """Topics and partitions in pages, by name (KIP-966): from the cursor on, at most so many partitions."""
    names = sorted({topic.name for topic in request.topics} or set(broker.log.topics()))
    cursor, left = request.cursor, max(1, min(request.response_partition_limit, MAX_PAGE))
    start = ("", 0) if cursor is None else (cursor.topic_name, cursor.partition_index)
    results = []
    for name in names:
        if name < start[0]:
            continue
        if not broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, name):
            if request.topics:
                results.append(PagedTopic(name=name, error_code=Code.TOPIC_AUTHORIZATION_FAILED))
            continue
        topic = broker.log.topic(name)
        if topic is None:
            results.append(PagedTopic(name=name, error_code=Code.UNKNOWN_TOPIC_OR_PARTITION))
            continue
        first = start[1] if name == start[0] else 0
        if left == 0:
            following = DescribeTopicPartitionsResponse.Cursor(topic_name=name, partition_index=first)
            return DescribeTopicPartitionsResponse(topics=results, next_cursor=following)
        page = range(first, len(topic.partitions))[:left]
        results.append(_paged(broker, context, topic, page))
        left -= len(page)
        if page.stop < len(topic.partitions):
            following = DescribeTopicPartitionsResponse.Cursor(topic_name=name, partition_index=page.stop)
            return DescribeTopicPartitionsResponse(topics=results, next_cursor=following)
    return DescribeTopicPartitionsResponse(topics=results)


def _paged(broker: Broker, context: Context, topic: Topic, indexes: range) -> PagedTopic:
    node = [broker.settings.node_id]
    return PagedTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.internal,
        partitions=[
            DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition(
                partition_index=index,
                leader_id=broker.settings.node_id,
                leader_epoch=0,
                replica_nodes=node,
                isr_nodes=node,
                eligible_leader_replicas=[],
                last_known_elr=[],
            )
            for index in indexes
        ],
        topic_authorized_operations=broker.authorized_operations(context, Resource.TOPIC, topic.name),
    )


def describe_cluster(broker: Broker, context: Context, request: DescribeClusterRequest) -> DescribeClusterResponse:
    """The one broker (KIP-700)."""
    host, port = broker.advertised(context.session)
    node = broker.settings.node_id
    response = DescribeClusterResponse(
        endpoint_type=request.endpoint_type,
        cluster_id=broker.log.cluster_id,
        controller_id=node,
        brokers=[DescribeClusterResponse.DescribeClusterBroker(broker_id=node, host=host, port=port)],
    )
    if request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = broker.authorized_operations(context, Resource.CLUSTER)
    return response


def find_coordinator(broker: Broker, context: Context, request: FindCoordinatorRequest) -> FindCoordinatorResponse:
    """This broker coordinates every group and transaction."""
    host, port = broker.advertised(context.session)
    error, message = Code.NONE, ""
    if request.key_type not in (_GROUP, _TRANSACTION):
        error, message = Code.INVALID_REQUEST, f"There is no coordinator of type {request.key_type}"
    found = []
    for key in [request.key] if context.version < _FIRST_WITH_MANY_KEYS else request.coordinator_keys:
        code = error or _may_find(broker, context, request.key_type, key)
        found.append(
            FindCoordinatorResponse.Coordinator(
                key=key,
                node_id=-1 if code else broker.settings.node_id,
                host=host,
                port=port,
                error_code=code,
                error_message=message,
            )
        )
    if context.version >= _FIRST_WITH_MANY_KEYS:
        return FindCoordinatorResponse(coordinators=found)
    one = found[0]
    return FindCoordinatorResponse(
        error_code=one.error_code, error_message=message, node_id=one.node_id, host=host, port=port
    )


def _may_find(broker: Broker, context: Context, kind: int, key: str) -> Code:
    """Whether the client may know of the group or transactional id."""
    if kind == _GROUP:
        allowed = broker.allows(context, Operation.DESCRIBE, Resource.GROUP, key)
        return Code.NONE if allowed else Code.GROUP_AUTHORIZATION_FAILED
    allowed = broker.allows(context, Operation.DESCRIBE, Resource.TRANSACTIONAL_ID, key)
    return Code.NONE if allowed else Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
