"""Being a member of a group on a Kafka cluster (the classic protocol): to share out work, or to elect one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from headwater.cluster.remote import apis
from headwater.cluster.remote.brokers import Brokers
from headwater.cluster.remote.errors import Code, PassingError, check
from headwater.cluster.remote.groups import GROUP, Coordinators
from headwater.wire import messages as m

SESSION_MS = 10_000
"""After this time without a heartbeat the group goes on without the member."""
REBALANCE_MS = 30_000
"""How long a group waits for its members to join again."""
HEARTBEAT_SECONDS = 2.0
_RETRY_SECONDS = 0.2

_MEMBER_ID_REQUIRED, _ILLEGAL_GENERATION, _REBALANCE_IN_PROGRESS, _UNKNOWN_MEMBER = 79, 22, 27, 25
_JOIN_AGAIN = frozenset({_ILLEGAL_GENERATION, _REBALANCE_IN_PROGRESS, _UNKNOWN_MEMBER, _MEMBER_ID_REQUIRED})


@dataclass(frozen=True)
class GroupProtocol:
    """What is particular to a group. Members and assignments are known by member id; what is in them only to `assign`
    and `assigned`.

    `assign` is asked on the member that Kafka chose for it. `assigned` gets this member's part; `revoked` is called
    before anything else may be assigned, and when the member does not know any more whether it is one.
    """

    group: str
    protocol_type: str
    name: str
    metadata: bytes
    assign: Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
    assigned: Callable[[bytes], Awaitable[None]]
    revoked: Callable[[], None]


class Membership:
    """`round` again and again (by `Supervised`), then `leave`."""

    def __init__(self, brokers: Brokers, coordinators: Coordinators, protocol: GroupProtocol) -> None:
        self._brokers = brokers
        self._coordinators = coordinators
        self._protocol = protocol
        self._member_id = ""
        self._generation = -1
        self._joined = False

    async def round(self) -> None:
        """Join, or stay a member for one more heartbeat. Raises `ClusterError` for what does not pass by itself."""
        try:
            if not self._joined:
                await self._join()
            else:
                await self._brokers.clock.sleep(HEARTBEAT_SECONDS)
                await self._beat()
        except PassingError:
            self._lose()
            self._coordinators.forget(GROUP, self._protocol.group)
            await self._brokers.clock.sleep(_RETRY_SECONDS)
        except BaseException:
            self._lose()
            raise

    async def leave(self) -> None:
        """Tell the group, so that it goes on at once; nothing happens if it cannot be told."""
        if not self._member_id:
            return
        self._lose()
        member = m.LeaveGroupRequest.MemberIdentity(member_id=self._member_id)
        request = m.LeaveGroupRequest(group_id=self._protocol.group, member_id=self._member_id, members=[member])
        try:
            node = await self._coordinators.find(GROUP, self._protocol.group)
            await self._brokers.call(node, apis.LEAVE_GROUP, request)
        except PassingError:
            return

    def _lose(self) -> None:
        if self._joined:
            self._joined = False
            self._protocol.revoked()

    async def _join(self) -> None:
        protocol = self._protocol
        node = await self._coordinators.find(GROUP, protocol.group)
        offer = m.JoinGroupRequest.JoinGroupRequestProtocol(name=protocol.name, metadata=protocol.metadata)
        request = m.JoinGroupRequest(
            group_id=protocol.group,
            session_timeout_ms=SESSION_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            member_id=self._member_id,
            protocol_type=protocol.protocol_type,
            protocols=[offer],
        )
        answer = await self._brokers.call_held(node, apis.JOIN_GROUP, request, REBALANCE_MS / 1000)
        if answer.error_code == _MEMBER_ID_REQUIRED:
            self._member_id = answer.member_id
        elif not await self._again(answer.error_code, "joining"):
            self._member_id, self._generation = answer.member_id, answer.generation_id
            members = {member.member_id: bytes(member.metadata) for member in answer.members}
            await self._sync(node, protocol.assign(members) if answer.leader == self._member_id else {})

    async def _sync(self, node: int, assignments: Mapping[str, bytes]) -> None:
        Assignment = m.SyncGroupRequest.SyncGroupRequestAssignment  # noqa: N806 - a class
        request = m.SyncGroupRequest(
            group_id=self._protocol.group,
            generation_id=self._generation,
            member_id=self._member_id,
            protocol_type=self._protocol.protocol_type,
            protocol_name=self._protocol.name,
            assignments=[Assignment(member_id=to, assignment=what) for to, what in assignments.items()],
        )
        answer = await self._brokers.call_held(node, apis.SYNC_GROUP, request, REBALANCE_MS / 1000)
        if not await self._again(answer.error_code, "waiting for the assignment of"):
            self._joined = True
            await self._protocol.assigned(bytes(answer.assignment))

    async def _beat(self) -> None:
        node = await self._coordinators.find(GROUP, self._protocol.group)
        request = m.HeartbeatRequest(
            group_id=self._protocol.group, generation_id=self._generation, member_id=self._member_id
        )
        answer = await self._brokers.call(node, apis.HEARTBEAT, request)
        await self._again(answer.error_code, "staying in")

    async def _again(self, code: int, doing: str) -> bool:
        """Whether the member has to join (again)."""
        if code not in _JOIN_AGAIN:
            check(code, f"{doing} group {self._protocol.group}")
            return code != Code.NONE
        if code == _UNKNOWN_MEMBER:
            self._member_id = ""
        self._lose()
        return True
