"""What classic members ask for: joining, syncing, heartbeats, leaving, and what happens when time is up.

Nothing here waits: `join` and `sync` take the function to call with the result, at once or later. All time comes from
the timers passed in, so with manual ones every run is the same. The rules are Apache Kafka's (KIP-62, KIP-345, KIP-394,
KIP-814): a rebalance gathers all members (PreparingRebalance), hands the leader their subscriptions, waits for its
assignment (CompletingRebalance) and is done (Stable).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace

from headwater.broker.errors import Code
from headwater.broker.groups.classic_group import (
    ClassicGroup,
    ClassicMember,
    JoinReply,
    JoinRequest,
    JoinResult,
    State,
    SyncReply,
    SyncResult,
)
from headwater.broker.groups.classic_records import group_to_value
from headwater.broker.groups.group import Group, GroupStorage
from headwater.broker.settings import BrokerSettings
from headwater.broker.timers import Timers
from headwater.core.clock import Clock
from headwater.core.errors import LogError
from headwater.log.offsets import group_key

logger = logging.getLogger(__name__)


class ClassicGroups:
    """The rebalances of classic groups. `groups` are all groups of the broker, of other kinds too."""

    def __init__(
        self,
        groups: MutableMapping[str, Group],
        storage: GroupStorage,
        clock: Clock,
        timers: Timers,
        settings: BrokerSettings,
        new_id: Callable[[], str],
    ) -> None:
        self._groups = groups
        self._storage = storage
        self._clock = clock
        self._timers = timers
        self._settings = settings
        self._new_id = new_id

    def start(self, group: ClassicGroup) -> None:
        """A group was brought back. Its members stay in it if they are heard of within a session."""
        for member in group.members.values():
            self.touch(group, member)

    def stop(self, group: ClassicGroup) -> None:
        """Stop the group's timers."""
        for timer in (group.timer, *group.pending.values(), *(m.session for m in group.members.values())):
            if timer is not None:
                timer.cancel()

    # Requests of members

    def join(self, request: JoinRequest, reply: JoinReply) -> None:
        """A member joins or joins again; `reply` is called when the group is complete, or at once with an error."""

        def refuse(error: Code) -> None:
            reply(JoinResult(error, request.member_id))

        settings, present = self._settings, self._groups.get(request.group)
        if not request.group:
            return refuse(Code.INVALID_GROUP_ID)
        low, high = settings.group_min_session_timeout_ms, settings.group_max_session_timeout_ms
        if not low <= request.session_timeout_ms <= high:
            return refuse(Code.INVALID_SESSION_TIMEOUT)
        if present is None or (not isinstance(present, ClassicGroup) and present.is_empty):
            if request.member_id:
                return refuse(Code.UNKNOWN_MEMBER_ID)
            group = ClassicGroup(request.group)
            if present is not None and not self._forget(present):
                return refuse(Code.COORDINATOR_NOT_AVAILABLE)
        elif isinstance(present, ClassicGroup):
            group = present
        else:
            return refuse(Code.INCONSISTENT_GROUP_PROTOCOL)
        if not group.accepts(request.protocol_type, request.protocols):
            return refuse(Code.INCONSISTENT_GROUP_PROTOCOL)
        self._groups[group.id] = group
        if not request.member_id:
            return self._join_new(group, request, reply)
        return self._join_known(group, request, reply)

    def sync(
        self,
        group_id: str,
        generation: int,
        member_id: str,
        instance_id: str | None,
        protocol: tuple[str | None, str | None],
        assignments: Mapping[str, bytes],
        reply: SyncReply,
    ) -> None:
        """A member asks for its assignment; the leader brings everybody's. `protocol` is (type, name) as it knows."""
        group = self._group(group_id)
        error = Code.UNKNOWN_MEMBER_ID if group is None else group.check_present(generation, member_id, instance_id)
        if group is None or error:
            return reply(SyncResult(error))
        for said, known in zip(protocol, (group.protocol_type, group.protocol), strict=True):
            if said is not None and said != known:
                return reply(SyncResult(Code.INCONSISTENT_GROUP_PROTOCOL))
        if group.state is State.PREPARING:
            return reply(SyncResult(Code.REBALANCE_IN_PROGRESS))
        member = group.members[member_id]
        member.synced = True
        self.touch(group, member)
        if group.state is State.STABLE:
            return reply(SyncResult(Code.NONE, group.protocol_type, group.protocol, member.assignment))
        _answer_sync(member, SyncResult(Code.REBALANCE_IN_PROGRESS))
        member.sync_reply = reply
        if member_id == group.leader:
            self._assign(group, assignments)
        return None

    def heartbeat(self, group_id: str, generation: int, member_id: str, instance_id: str | None) -> Code:
        """A member is alive. REBALANCE_IN_PROGRESS tells it to join again."""
        group = self._group(group_id)
        error = Code.UNKNOWN_MEMBER_ID if group is None else group.check_present(generation, member_id, instance_id)
        if group is None or error:
            return error
        self.touch(group, group.members[member_id])
        return Code.REBALANCE_IN_PROGRESS if group.state is State.PREPARING else Code.NONE

    def leave(self, group: ClassicGroup, leavers: Iterable[tuple[str, str | None]]) -> list[Code]:
        """Members, as (member id, instance id), leave at once; one code for each."""
        return [self._leave_one(group, member_id, instance_id) for member_id, instance_id in leavers]

    # Joining

    def _join_new(self, group: ClassicGroup, request: JoinRequest, reply: JoinReply) -> None:
        member_id = f"{request.instance_id or request.client_id}-{self._new_id()}"
        if request.instance_id is not None:
            old = group.static.get(request.instance_id)
            if old is not None:
                return self._replace_static(group, group.members[old], member_id, request, reply)
            return self._add(group, member_id, request, reply)
        if not request.require_member_id:
            return self._add(group, member_id, request, reply)

        def forget() -> None:
            if group.pending.pop(member_id, None) is not None:
                self._complete_if_ready(group)

        group.pending[member_id] = self._timers.call_later(request.session_timeout_ms / 1000, forget)
        return reply(JoinResult(Code.MEMBER_ID_REQUIRED, member_id))

    def _join_known(self, group: ClassicGroup, request: JoinRequest, reply: JoinReply) -> None:
        pending = group.pending.pop(request.member_id, None)
        if pending is not None:
            pending.cancel()
            return self._add(group, request.member_id, request, reply)
        error = group.check_member(request.member_id, request.instance_id)
        if error or group.state in (State.EMPTY, State.DEAD):
            return reply(JoinResult(error or Code.UNKNOWN_MEMBER_ID, request.member_id))
        member = group.members[request.member_id]
        unchanged = member.protocols == request.protocols
        if unchanged and group.state is State.COMPLETING:
            self.touch(group, member)
            return reply(group.join_result(member))
        if unchanged and group.state is State.STABLE and member.id != group.leader:
            self.touch(group, member)
            return reply(group.join_result(member))
        return self._rejoin(group, member, request, reply)

    def _add(self, group: ClassicGroup, member_id: str, request: JoinRequest, reply: JoinReply) -> None:
        member = ClassicMember(
            member_id,
            request.instance_id,
            request.client_id,
            request.client_host,
            request.session_timeout_ms,
            request.rebalance_timeout_ms,
            request.protocols,
        )
        if not group.members:
            group.protocol_type = request.protocol_type
        group.members[member_id] = member
        if request.instance_id is not None:
            group.static[request.instance_id] = member_id
        self._rejoin(group, member, request, reply)

    def _rejoin(self, group: ClassicGroup, member: ClassicMember, request: JoinRequest, reply: JoinReply) -> None:
        """The member is in the group and waits for the next generation."""
        member.protocols = request.protocols
        member.session_timeout_ms = request.session_timeout_ms
        member.rebalance_timeout_ms = request.rebalance_timeout_ms
        _answer_join(member, JoinResult(Code.REBALANCE_IN_PROGRESS, member.id))
        member.join_reply = reply
        self.touch(group, member)
        if group.state is State.PREPARING:
            self._complete_if_ready(group)
        else:
            self._prepare(group)

    def _replace_static(
        self, group: ClassicGroup, old: ClassicMember, new_id: str, request: JoinRequest, reply: JoinReply
    ) -> None:
        """A static member has restarted: it takes its old place, without a rebalance if nothing changed (KIP-345)."""
        fenced = Code.FENCED_INSTANCE_ID
        _answer_join(old, JoinResult(fenced, old.id))
        _answer_sync(old, SyncResult(fenced))
        old_leader, was_leader = group.leader or "", group.leader == old.id
        unchanged = old.protocols == request.protocols
        group.members = {new_id if key == old.id else key: member for key, member in group.members.items()}
        group.static[request.instance_id or ""] = new_id
        old.id = new_id
        old.client_id, old.client_host = request.client_id, request.client_host
        if was_leader:
            group.leader = new_id
        if group.state is not State.STABLE or not unchanged:
            return self._rejoin(group, old, request, reply)
        self.touch(group, old)
        self._store(group)
        result = group.join_result(old)
        if request.can_skip_assignment:
            return reply(replace(result, skip_assignment=was_leader))
        # An older client would assign if it were told that it leads, so it is told that its former self does.
        return reply(replace(result, leader=old_leader, members=()))

    # Rebalancing

    def _prepare(self, group: ClassicGroup) -> None:
        """Begin a rebalance: every member has to join again."""
        for member in group.members.values():
            member.synced = False
            _answer_sync(member, SyncResult(Code.REBALANCE_IN_PROGRESS))
        delay = self._settings.group_initial_rebalance_delay_ms
        group.delayed = group.state is State.EMPTY and delay > 0
        group.state = State.PREPARING
        self._restart_timer(group, delay if group.delayed else group.rebalance_timeout_ms(), self._complete)
        self._complete_if_ready(group)

    def _complete_if_ready(self, group: ClassicGroup) -> None:
        if group.state is State.PREPARING and not group.delayed and group.everybody_joined():
            self._complete(group)

    def _complete(self, group: ClassicGroup) -> None:
        """Begin the next generation with those who have joined; dynamic members who have not are dropped."""
        group.delayed = False
        for member in list(group.members.values()):
            if member.join_reply is None and member.instance_id is None:
                self._remove(group, member)
        joined = [member for member in group.members.values() if member.join_reply is not None]
        if group.members and not joined:
            # Only static members, none of them back yet: they keep their places until their sessions end.
            return self._restart_timer(group, group.rebalance_timeout_ms(), self._complete)
        group.generation += 1
        if not group.members:
            return self._become_empty(group)
        if group.leader not in {member.id for member in joined}:
            group.leader = joined[0].id
        group.protocol = group.select_protocol()
        group.state = State.COMPLETING
        self._restart_timer(group, group.rebalance_timeout_ms(), self._drop_unsynced)
        for member in joined:
            self.touch(group, member)
            _answer_join(member, group.join_result(member))
        return None

    def _become_empty(self, group: ClassicGroup) -> None:
        if group.timer is not None:
            group.timer.cancel()
        group.state, group.protocol, group.leader = State.EMPTY, None, None
        try:
            self._store(group)
        except LogError as error:
            logger.warning("Group %s is empty now, but that could not be stored: %s", group.id, error)

    def _drop_unsynced(self, group: ClassicGroup) -> None:
        """Time for the assignment is up: whoever has not asked for its own is dropped and the rest starts over."""
        for member in list(group.members.values()):
            if not member.synced:
                self._remove(group, member)
        self._prepare(group)

    def _assign(self, group: ClassicGroup, assignments: Mapping[str, bytes]) -> None:
        """The leader's assignment is here: store it, then hand it out."""
        for member in group.members.values():
            member.assignment = assignments.get(member.id, b"")
        try:
            self._store(group)
        except LogError as error:
            logger.warning("The assignment of group %s could not be stored: %s", group.id, error)
            for member in group.members.values():
                member.assignment = b""
                _answer_sync(member, SyncResult(Code.COORDINATOR_NOT_AVAILABLE))
            return self._prepare(group)
        group.state = State.STABLE
        for member in group.members.values():
            result = SyncResult(Code.NONE, group.protocol_type, group.protocol, member.assignment)
            _answer_sync(member, result)
        # Members who have not asked yet keep the time they had.
        self._restart_timer(group, group.rebalance_timeout_ms(), self._drop_late)
        return None

    def _drop_late(self, group: ClassicGroup) -> None:
        late = [member for member in group.members.values() if not member.synced]
        if group.state is State.STABLE and late:
            for member in late:
                self._remove(group, member)
            self._prepare(group)

    # Leaving

    def _leave_one(self, group: ClassicGroup, member_id: str, instance_id: str | None) -> Code:
        pending = group.pending.pop(member_id, None)
        if pending is not None:
            pending.cancel()
            self._complete_if_ready(group)
            return Code.NONE
        if instance_id is not None and not member_id:
            member_id = group.static.get(instance_id, "")
        error = group.check_member(member_id, instance_id)
        if not error:
            self._drop(group, group.members[member_id])
        return error

    def _drop(self, group: ClassicGroup, member: ClassicMember) -> None:
        """The member is gone: the others share its part."""
        self._remove(group, member)
        if group.state is State.PREPARING:
            self._complete_if_ready(group)
        else:
            self._prepare(group)

    def _remove(self, group: ClassicGroup, member: ClassicMember) -> None:
        if member.session is not None:
            member.session.cancel()
        _answer_join(member, JoinResult(Code.UNKNOWN_MEMBER_ID, member.id))
        _answer_sync(member, SyncResult(Code.UNKNOWN_MEMBER_ID))
        del group.members[member.id]
        if member.instance_id is not None:
            group.static.pop(member.instance_id, None)
        if group.leader == member.id:
            group.leader = None

    # Helpers

    def _forget(self, group: Group) -> bool:
        """A group of another kind becomes one of this: its records are of no use any more. Whether that was stored."""
        try:
            self._storage.store_group(group.id, dict.fromkeys(self._storage.group_records().get(group.id, ())))
        except LogError as error:
            logger.warning("Group %s cannot become a classic one for now: %s", group.id, error)
            return False
        return True

    def _group(self, name: str) -> ClassicGroup | None:
        group = self._groups.get(name)
        return group if isinstance(group, ClassicGroup) else None

    def touch(self, group: ClassicGroup, member: ClassicMember) -> None:
        """The member was heard of: its session starts anew."""
        if member.session is not None:
            member.session.cancel()

        def expire() -> None:
            if group.members.get(member.id) is not member:
                return
            if member.waits:
                self.touch(group, member)
                return
            logger.info("Member %s of group %s was not heard of for its session timeout", member.id, group.id)
            self._drop(group, member)

        member.session = self._timers.call_later(member.session_timeout_ms / 1000, expire)

    def _restart_timer(self, group: ClassicGroup, delay_ms: int, action: Callable[[ClassicGroup], None]) -> None:
        if group.timer is not None:
            group.timer.cancel()
        group.timer = self._timers.call_later(delay_ms / 1000, lambda: action(group))

    def _store(self, group: ClassicGroup) -> None:
        group.changed_ms = self._clock.now_ms()
        self._storage.store_group(group.id, {group_key(group.id): group_to_value(group, group.changed_ms)})


def _answer_join(member: ClassicMember, result: JoinResult) -> None:
    reply, member.join_reply = member.join_reply, None
    if reply is not None:
        reply(result)


def _answer_sync(member: ClassicMember, result: SyncResult) -> None:
    reply, member.sync_reply = member.sync_reply, None
    if reply is not None:
        reply(result)
