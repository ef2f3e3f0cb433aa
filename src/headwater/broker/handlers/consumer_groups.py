"""Consumer groups whose assignment the broker makes (KIP-848): ConsumerGroupHeartbeat, ConsumerGroupDescribe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.dynamic_configs import GROUP_HEARTBEAT_INTERVAL
from headwater.broker.errors import Code
from headwater.broker.groups.assignors import Partitions
from headwater.broker.groups.consumer import ConsumerHeartbeat
from headwater.broker.groups.consumer_group import ConsumerGroup, ConsumerMember, preferred_assignor
from headwater.broker.groups.consumer_records import by_topic
from headwater.broker.groups.reconciliation import NOTHING
from headwater.broker.session import Context
from headwater.wire.messages import (
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

_FIRST_WITH_OWN_IDS = 1
_CONSUMER_MEMBER = 1

Described = ConsumerGroupDescribeResponse.DescribedGroup
Given = ConsumerGroupHeartbeatResponse.Assignment
Shown = ConsumerGroupDescribeResponse.Assignment


def consumer_group_heartbeat(
    broker: Broker, context: Context, request: ConsumerGroupHeartbeatRequest
) -> ConsumerGroupHeartbeatResponse:
    """A member joins, lives, changes its subscription or leaves; it is told what it may read."""
    refusal = _refusal(broker, context, request)
    if refusal is not None:
        return ConsumerGroupHeartbeatResponse(error_code=refusal)
    result = broker.groups.consumer.heartbeat(
        ConsumerHeartbeat(
            request.group_id,
            request.member_id,
            request.member_epoch,
            request.instance_id,
            request.rack_id,
            request.rebalance_timeout_ms,
            None if request.subscribed_topic_names is None else tuple(request.subscribed_topic_names),
            request.subscribed_topic_regex,
            request.server_assignor,
            None if request.topic_partitions is None else _partitions(request.topic_partitions),
            context.client_id,
            f"/{context.session.peer}",
            context.version >= _FIRST_WITH_OWN_IDS,
            lambda topic: broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic),
        )
    )
    if result.error:
        return ConsumerGroupHeartbeatResponse(error_code=result.error, error_message=result.message)
    broker.observation.joined((context.client_id, context.session.peer), request.group_id)
    return ConsumerGroupHeartbeatResponse(
        member_id=result.member_id,
        member_epoch=result.epoch,
        heartbeat_interval_ms=broker.configs.group_number(request.group_id, GROUP_HEARTBEAT_INTERVAL),
        assignment=None if result.assignment is None else _given(result.assignment),
    )


def _refusal(broker: Broker, context: Context, request: ConsumerGroupHeartbeatRequest) -> Code | None:
    """Why the client may not be a member, or may not read a topic that it names."""
    if not broker.allows(context, Operation.READ, Resource.GROUP, request.group_id):
        return Code.GROUP_AUTHORIZATION_FAILED
    for topic in request.subscribed_topic_names or ():
        if not broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic):
            return Code.TOPIC_AUTHORIZATION_FAILED
    return None


def _partitions(topics: Iterable[ConsumerGroupHeartbeatRequest.TopicPartitions]) -> Partitions:
    return frozenset((topic.topic_id, index) for topic in topics for index in topic.partitions)


def _given(partitions: Partitions) -> Given:
    topics = by_topic(partitions).items()
    return Given(
        topic_partitions=[
            ConsumerGroupHeartbeatResponse.TopicPartitions(topic_id=topic, partitions=indexes)
            for topic, indexes in topics
        ]
    )


def consumer_group_describe(
    broker: Broker, context: Context, request: ConsumerGroupDescribeRequest
) -> ConsumerGroupDescribeResponse:
    """State, epochs, members and what they have and are to have. A classic group is not found (KIP-848)."""
    groups = [_describe(broker, context, name) for name in request.group_ids]
    for group in groups:
        if request.include_authorized_operations and not group.error_code:
            group.authorized_operations = broker.authorized_operations(context, Resource.GROUP, group.group_id)
    return ConsumerGroupDescribeResponse(groups=groups)


def _describe(broker: Broker, context: Context, name: str) -> Described:
    if not broker.allows(context, Operation.DESCRIBE, Resource.GROUP, name):
        return Described(group_id=name, error_code=Code.GROUP_AUTHORIZATION_FAILED)
    group = broker.groups.groups.get(name)
    if not isinstance(group, ConsumerGroup):
        what = "not found" if group is None else "is not a consumer group"
        return Described(group_id=name, error_code=Code.GROUP_ID_NOT_FOUND, error_message=f"Group {name} {what}.")
    if not all(
        broker.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic) for topic in group.subscribed_topics()
    ):
        return Described(group_id=name, error_code=Code.TOPIC_AUTHORIZATION_FAILED)
    return Described(
        group_id=name,
        group_state=group.state_name,
        group_epoch=group.epoch,
        assignment_epoch=group.target_epoch,
        assignor_name=preferred_assignor(member.subscription for member in group.members.values()),
        members=[_member(broker, group, member) for member in group.members.values()],
    )


def _member(broker: Broker, group: ConsumerGroup, member: ConsumerMember) -> ConsumerGroupDescribeResponse.Member:
    return ConsumerGroupDescribeResponse.Member(
        member_id=member.id,
        instance_id=member.instance_id,
        rack_id=member.subscription.rack_id,
        member_epoch=member.holding.epoch,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=sorted(member.subscription.topics),
        subscribed_topic_regex=member.subscription.pattern or None,
        assignment=_shown(broker, member.holding.assigned),
        target_assignment=_shown(broker, group.target.get(member.id, NOTHING)),
        member_type=_CONSUMER_MEMBER,
    )


def _shown(broker: Broker, partitions: Partitions) -> Shown:
    """With the topics' names; topics that have been deleted are left out."""
    shown = []
    for topic_id, indexes in by_topic(partitions).items():
        topic = broker.log.topic_by_id(topic_id)
        if topic is not None:
            shown.append(
                ConsumerGroupDescribeResponse.TopicPartitions(
                    topic_id=topic_id, topic_name=topic.name, partitions=indexes
                )
            )
    return Shown(topic_partitions=shown)
