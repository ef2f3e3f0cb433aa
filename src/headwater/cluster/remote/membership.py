"""Being a member of a group on a Kafka cluster (the classic protocol): to share out work, or to elect one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from headwater.cluster.remote import apis
from headwater.cluster.remote.brokers import Brokers
from headwater.cluster.remote.errors import Code, PassingError, check
from headwater.cluster.remote.groups import GROUP, Coordinators
from headwater.core.supervisor import Supervised
from headwater.wire import messages as m

HEARTBEAT_SECONDS = 3.0
"""`heartbeat.interval.ms` of Kafka's clients."""
_RETRY_SECONDS = 0.2
_TRIES_PER_SESSION = 3
"""Heartbeats that may be tried before the session is over: one answer that is lost on its way must not cost it."""

_MEMBER_ID_REQUIRED, _ILLEGAL_GENERATION, _REBALANCE_IN_PROGRESS, _UNKNOWN_MEMBER = 79, 22, 27, 25
_JOIN_AGAIN = frozenset({_ILLEGAL_GENERATION, _REBALANCE_IN_PROGRESS, _UNKNOWN_MEMBER, _MEMBER_ID_REQUIRED})
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class GroupProtocol:
    """What is particular to a group. Members and assignments are known by member id; what is in them only to `assign`
    and `assigned`.

    `assign` is asked on the member that Kafka chose for it. `assigned` gets this member's part, and is cancelled when
    the group goes on without its end. `revoked` is awaited before the member joins again, and called when it does not
    know any more whether it is one. Both may take their time: heartbeats go on meanwhile.
    """

    group: str
    protocol_type: str
    name: str
    metadata: bytes
    assign: Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
    assigned: Callable[[bytes], Awaitable[None]]
    revoked: Callable[[], Awaitable[None]]
    session_ms: int = 10_000
    """After this time without a heartbeat the group goes on without the member. As long as that of Kafka Connect's
    workers and Confluent's registries; consumers have 45 s."""
    rebalance_ms: int = 60_000
    """How long a group waits for its members to join again."""
    polled: Callable[[], float] | None = None
    """When (monotonic) the slowest part of the work last went on. A member whose work stands still for `rebalance_ms`
    leaves the group: `max.poll.interval.ms` of Kafka's consumers (KIP-62)."""


class Membership:
    """`start`, later `close`. Joining and heartbeats are a task of their own, beside whatever the member works at."""

    def __init__(self, brokers: Brokers, coordinators: Coordinators, protocol: GroupProtocol) -> None:
        self._brokers = brokers
        self._coordinators = coordinators
        self._protocol = protocol
        self._member_id = ""
        self._generation = -1
        self._joined = False
        self._heard = 0.0
        """When the group last answered, on the monotonic clock."""
        self._is_late = False
        """The last try to be heard failed: the next heartbeat does not wait for its time."""
        self._beginning: asyncio.Task[None] | None = None
        """`assigned` at work."""
        self._ending: asyncio.Task[None] | None = None
        """`revoked` at work; nothing is joined before its end."""
        self.background = Supervised(f"group {protocol.group}", brokers.clock, self._round)

    def start(self) -> None:
        """Begin to join, in the running event loop."""
        self.background.start()

    async def close(self) -> None:
        """End the work, then tell the group, so that it goes on at once; nothing happens if it cannot be told."""
        await self.background.close()
        self._lose()
        ending, self._ending = self._ending, None
        if ending is not None:
            for problem in await asyncio.gather(ending, return_exceptions=True):
                if problem is not None:
                    _LOGGER.warning("What group %s gave did not end well: %s", self._protocol.group, problem)
        await self._leave()

    def rejoin(self) -> None:
        """Join again: the member has found that what it was given is somebody else's by now."""
        self._lose()

    async def _round(self) -> None:
        """Join, or stay a member for one more heartbeat. Raises `ClusterError` for what does not pass by itself."""
        try:
            if self._joined:
                await self._stay()
            elif self._ending is not None:
                await self._await_end(self._ending)
            else:
                await self._join()
        except PassingError:
            if self._silent_ms() > self._protocol.session_ms:
                self._lose()
            self._coordinators.forget(GROUP, self._protocol.group)
            self._is_late = True
            await self._brokers.clock.sleep(_RETRY_SECONDS)
        except BaseException:
            self._lose()
            raise

    def _silent_ms(self) -> float:
        return (self._brokers.clock.monotonic() - self._heard) * 1000

    # Being a member

    async def _stay(self) -> None:
        beginning = self._beginning
        await self._pause(beginning)
        if beginning is not None and beginning is self._beginning and beginning.done():
            self._beginning = None
            try:
                beginning.result()
            except BaseException:
                self._lose()
                raise
        if self._is_stuck():
            _LOGGER.warning(
                "What group %s gave stands still for %g s: the member leaves, so that others can go on with it",
                self._protocol.group,
                self._protocol.rebalance_ms / 1000,
            )
            self._lose()
            await self._leave()
        else:
            await self._beat()

    async def _await_end(self, ending: asyncio.Task[None]) -> None:
        await self._pause(ending)
        if ending.done():
            self._ending = None
            ending.result()
        elif self._member_id:
            await self._beat()

    async def _pause(self, work: asyncio.Task[None] | None) -> None:
        """The time between heartbeats, or until the work is done; nothing after a heartbeat that failed."""
        if self._is_late:
            self._is_late = False
            return
        sleep = asyncio.ensure_future(self._brokers.clock.sleep(HEARTBEAT_SECONDS))
        try:
            await asyncio.wait([sleep] if work is None else [sleep, work], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()

    def _is_stuck(self) -> bool:
        protocol, now = self._protocol, self._brokers.clock.monotonic()
        return protocol.polled is not None and (now - protocol.polled()) * 1000 > protocol.rebalance_ms

    def _lose(self) -> None:
        if self._joined:
            self._joined = False
            beginning, self._beginning = self._beginning, None
            self._ending = asyncio.get_running_loop().create_task(self._end(beginning), name=self.background.name)

    async def _end(self, beginning: asyncio.Task[None] | None) -> None:
        if beginning is not None:
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
        await self._protocol.revoked()

    # What is said to the group

    async def _join(self) -> None:
        protocol = self._protocol
        node = await self._coordinators.find(GROUP, protocol.group)
        offer = m.JoinGroupRequest.JoinGroupRequestProtocol(name=protocol.name, metadata=protocol.metadata)
        request = m.JoinGroupRequest(
            group_id=protocol.group,
            session_timeout_ms=protocol.session_ms,
            rebalance_timeout_ms=protocol.rebalance_ms,
            member_id=self._member_id,
            protocol_type=protocol.protocol_type,
            protocols=[offer],
        )
        answer = await self._brokers.call_held(node, apis.JOIN_GROUP, request, protocol.rebalance_ms / 1000)
        if answer.error_code == _MEMBER_ID_REQUIRED:
            self._member_id = answer.member_id
        elif not self._again(answer.error_code, "joining"):
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
        answer = await self._brokers.call_held(node, apis.SYNC_GROUP, request, self._protocol.rebalance_ms / 1000)
        if not self._again(answer.error_code, "waiting for the assignment of"):
            self._joined, self._heard = True, self._brokers.clock.monotonic()
            self._beginning = asyncio.ensure_future(self._begin(bytes(answer.assignment)))

    async def _begin(self, told: bytes) -> None:
        await self._protocol.assigned(told)

    async def _beat(self) -> None:
        """On a connection where nothing is under way: a write that the broker takes long over must not hold it up."""
        request = m.HeartbeatRequest(
            group_id=self._protocol.group, generation_id=self._generation, member_id=self._member_id
        )
        try:
            async with asyncio.timeout(self._protocol.session_ms / 1000 / _TRIES_PER_SESSION):
                node = await self._coordinators.find(GROUP, self._protocol.group)
                answer = await self._brokers.call_held(node, apis.HEARTBEAT, request, 0.0)
        except TimeoutError:
            raise PassingError(f"a heartbeat of group {self._protocol.group} was not answered") from None
        self._heard = self._brokers.clock.monotonic()
        self._again(answer.error_code, "staying in")

    async def _leave(self) -> None:
        member_id, self._member_id = self._member_id, ""
        if not member_id:
            return
        member = m.LeaveGroupRequest.MemberIdentity(member_id=member_id)
        request = m.LeaveGroupRequest(group_id=self._protocol.group, member_id=member_id, members=[member])
        try:
            node = await self._coordinators.find(GROUP, self._protocol.group)
            await self._brokers.call(node, apis.LEAVE_GROUP, request)
        except PassingError:
            return

    def _again(self, code: int, doing: str) -> bool:
        """Whether the member has to join (again). Raises what does not pass by joining."""
        if code not in _JOIN_AGAIN:
            check(code, f"{doing} group {self._protocol.group}")
            return code != Code.NONE
        if code == _UNKNOWN_MEMBER:
            self._member_id = ""
        self._lose()
        return True
