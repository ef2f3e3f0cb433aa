"""Consumer groups: joining, syncing, heartbeats, leaving, and their administration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from headwater.broker.acls import Operation, Resource
from headwater.broker.errors import Code
from headwater.broker.groups.classic_group import ClassicGroup, JoinRequest, JoinResult, State, SyncResult
from headwater.broker.session import Context
from headwater.wire.messages import (
    DeleteGroupsRequest,
    DeleteGroupsResponse,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    JoinGroupResponse,
    LeaveGroupRequest,
    LeaveGroupResponse,
    ListGroupsRequest,
    ListGroupsResponse,
    SyncGroupRequest,
    SyncGroupResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

T = TypeVar("T")
_FIRST_WITH_REQUIRED_ID = 4
_FIRST_WITH_SKIPPED_ASSIGNMENT = 9
_FIRST_WITH_NULL_PROTOCOL = 7
_FIRST_LEAVING_IN_BATCHES = 3
_FIRST_WITH_NOT_FOUND = 6


def _may_read(broker: Broker, context: Context, group: str) -> bool:
    """Whether the client may be a member of the group."""
    return broker.allows(context, Operation.READ, Resource.GROUP, group)


def _reply_to(future: asyncio.Future[T]) -> Callable[[T], None]:
    """Resolves the future, unless its connection is gone already."""

    def reply(result: T) -> None:
        if not future.done():
            future.set_result(result)

    return reply


def _answer(future: asyncio.Future[T], make: Callable[[T], JoinGroupResponse | SyncGroupResponse]) -> Awaitable[object]:
    async def wait() -> object:
        return make(await future)

    return wait()


def join_group(broker: Broker, context: Context, request: JoinGroupRequest) -> Awaitable[object] | JoinGroupResponse:
    """Answered when the group's next generation begins."""
    if not _may_read(broker, context, request.group_id):
        return JoinGroupResponse(error_code=Code.GROUP_AUTHORIZATION_FAILED, protocol_name="")
    future: asyncio.Future[JoinResult] = asyncio.get_running_loop().create_future()
    timeout = request.rebalance_timeout_ms if context.version >= 1 else request.session_timeout_ms
    wanted = JoinRequest(
        request.group_id,
        request.member_id,
        request.group_instance_id,
        context.client_id,
        f"/{context.session.peer}",
        request.session_timeout_ms,
        timeout,
        request.protocol_type,
        tuple((protocol.name, protocol.metadata) for protocol in request.protocols),
        require_member_id=context.version >= _FIRST_WITH_REQUIRED_ID,
        can_skip_assignment=context.version >= _FIRST_WITH_SKIPPED_ASSIGNMENT,
    )
    broker.groups.classic.join(wanted, _reply_to(future))
    broker.observation.joined((context.client_id, context.session.peer), request.group_id)

    def make(result: JoinResult) -> JoinGroupResponse:
        nothing = None if context.version >= _FIRST_WITH_NULL_PROTOCOL else ""
        return JoinGroupResponse(
            error_code=result.error,
            generation_id=result.generation,
            protocol_type=result.protocol_type,
            protocol_name=nothing if result.protocol is None else result.protocol,
            leader=result.leader,
            skip_assignment=result.skip_assignment,
            member_id=result.member_id,
            members=[
                JoinGroupResponse.JoinGroupResponseMember(
                    member_id=m.member_id, group_instance_id=m.instance_id, metadata=m.subscription
                )
                for m in result.members
            ],
        )

    return make(future.result()) if future.done() else _answer(future, make)


def sync_group(broker: Broker, context: Context, request: SyncGroupRequest) -> Awaitable[object] | SyncGroupResponse:
    """Answered when the leader has brought the assignment."""
    if not _may_read(broker, context, request.group_id):
        return SyncGroupResponse(error_code=Code.GROUP_AUTHORIZATION_FAILED)
    future: asyncio.Future[SyncResult] = asyncio.get_running_loop().create_future()
    broker.groups.classic.sync(
        request.group_id,
        request.generation_id,
        request.member_id,
        request.group_instance_id,
        (request.protocol_type, request.protocol_name),
        {assignment.member_id: assignment.assignment for assignment in request.assignments},
        _reply_to(future),
    )

    def make(result: SyncResult) -> SyncGroupResponse:
        return SyncGroupResponse(
            error_code=result.error,
            protocol_type=result.protocol_type,
            protocol_name=result.protocol,
            assignment=result.assignment,
        )

    return make(future.result()) if future.done() else _answer(future, make)


def heartbeat(broker: Broker, context: Context, request: HeartbeatRequest) -> HeartbeatResponse:
    """A member is alive."""
    if not _may_read(broker, context, request.group_id):
        return HeartbeatResponse(error_code=Code.GROUP_AUTHORIZATION_FAILED)
    error = broker.groups.classic.heartbeat(
        request.group_id, request.generation_id, request.member_id, request.group_instance_id
    )
    return HeartbeatResponse(error_code=error)


def leave_group(broker: Broker, context: Context, request: LeaveGroupRequest) -> LeaveGroupResponse:
    """One member leaves, or several from version 3 on (KIP-345)."""
    if not _may_read(broker, context, request.group_id):
        return LeaveGroupResponse(error_code=Code.GROUP_AUTHORIZATION_FAILED)
    if context.version < _FIRST_LEAVING_IN_BATCHES:
        (error,) = broker.groups.leave(request.group_id, [(request.member_id, None)])
        return LeaveGroupResponse(error_code=error)
    errors = broker.groups.leave(request.group_id, [(m.member_id, m.group_instance_id) for m in request.members])
    return LeaveGroupResponse(
        members=[
            LeaveGroupResponse.MemberResponse(
                member_id=m.member_id, group_instance_id=m.group_instance_id, error_code=error
            )
            for m, error in zip(request.members, errors, strict=True)
        ]
    )


def describe_groups(broker: Broker, context: Context, request: DescribeGroupsRequest) -> DescribeGroupsResponse:
    """State and members of classic groups. A group that only has offsets is empty; an unknown one is dead, and so is a
    consumer group, for which there is ConsumerGroupDescribe (KIP-848)."""
    groups = [_describe(broker, context, group_id) for group_id in request.groups]
    for group in groups:
        if request.include_authorized_operations and not group.error_code:
            group.authorized_operations = broker.authorized_operations(context, Resource.GROUP, group.group_id)
    return DescribeGroupsResponse(groups=groups)


def _describe(broker: Broker, context: Context, group_id: str) -> DescribeGroupsResponse.DescribedGroup:
    if not broker.allows(context, Operation.DESCRIBE, Resource.GROUP, group_id):
        return DescribeGroupsResponse.DescribedGroup(group_id=group_id, error_code=Code.GROUP_AUTHORIZATION_FAILED)
    group = broker.groups.groups.get(group_id)
    if not isinstance(group, ClassicGroup):
        result = DescribeGroupsResponse.DescribedGroup(group_id=group_id, group_state=State.DEAD.value)
        if group is None and group_id in broker.offsets.groups():
            result.group_state = State.EMPTY.value
        elif context.version >= _FIRST_WITH_NOT_FOUND:
            what = "not found" if group is None else "is not a classic group"
            result.error_code, result.error_message = Code.GROUP_ID_NOT_FOUND, f"Group {group_id} {what}."
        return result
    stable = group.state is State.STABLE
    protocol = group.protocol or "" if stable else ""
    return DescribeGroupsResponse.DescribedGroup(
        group_id=group_id,
        group_state=group.state.value,
        protocol_type=group.protocol_type,
        protocol_data=protocol,
        members=[
            DescribeGroupsResponse.DescribedGroupMember(
                member_id=member.id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.subscription(protocol) if stable else b"",
                member_assignment=member.assignment if stable else b"",
            )
            for member in group.members.values()
        ],
    )


def list_groups(broker: Broker, context: Context, request: ListGroupsRequest) -> ListGroupsResponse:
    """All groups, filtered by state (KIP-518) and type (KIP-848) without regard to case."""
    known = broker.groups.groups
    groups = [*known.values(), *(ClassicGroup(name) for name in broker.offsets.groups() if name not in known)]
    states = {state.lower() for state in request.states_filter}
    types = {kind.lower() for kind in request.types_filter}
    return ListGroupsResponse(
        groups=[
            ListGroupsResponse.ListedGroup(
                group_id=group.id,
                protocol_type=group.protocol_name,
                group_state=group.state_name,
                group_type=group.kind.value,
            )
            for group in groups
            if (not states or group.state_name.lower() in states)
            and (not types or group.kind.value in types)
            and broker.allows(context, Operation.DESCRIBE, Resource.GROUP, group.id)
        ]
    )


def delete_groups(broker: Broker, context: Context, request: DeleteGroupsRequest) -> DeleteGroupsResponse:
    """Delete groups without members, and their offsets."""
    return DeleteGroupsResponse(
        results=[
            DeleteGroupsResponse.DeletableGroupResult(
                group_id=name,
                error_code=broker.delete_group(name)
                if broker.allows(context, Operation.DELETE, Resource.GROUP, name)
                else Code.GROUP_AUTHORIZATION_FAILED,
            )
            for name in request.groups_names
        ]
    )
