"""What members of consumer groups ask for (KIP-848): one heartbeat joins, subscribes, reconciles and leaves.

A heartbeat is decided first and stored second; only then is the group changed, so one that cannot be stored has changed
nothing. All time comes from the timers passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Protocol

from headwater.broker.dynamic_configs import GROUP_SESSION_TIMEOUT, GroupNumber
from headwater.broker.errors import Code
from headwater.broker.groups import consumer_records as records
from headwater.broker.groups.assignors import ASSIGNORS, Assignment, Partitions
from headwater.broker.groups.consumer_group import (
    JOIN,
    LEAVE,
    LEAVE_FOR_NOW,
    ConsumerGroup,
    ConsumerMember,
    Subscription,
    departed,
    make_target,
    wanted_topics,
)
from headwater.broker.groups.group import Group, GroupStorage
from headwater.broker.groups.patterns import InvalidPatternError, compile_pattern, matching
from headwater.broker.groups.reconciliation import NOTHING, Holding, MemberState, reconcile
from headwater.broker.timers import Timers
from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError, LogError
from headwater.log.topic import Topic

logger = logging.getLogger(__name__)

Records = dict[bytes, bytes | None]


class Topics(Protocol):
    """The topics there are: `headwater.log.log.Log`."""

    @property
    def topics_version(self) -> int:
        """Rises when a topic is created, deleted or gets partitions."""
        ...

    def topics(self) -> Mapping[str, Topic]: ...


@dataclass(frozen=True, slots=True)
class ConsumerHeartbeat:
    """A member's heartbeat. None, and -1 for the timeout, mean that nothing has changed there."""

    group: str
    member_id: str
    epoch: int
    """The member's; or 0 to join, -1 to leave, -2 to leave for now."""
    instance_id: str | None = None
    rack_id: str | None = None
    rebalance_timeout_ms: int = -1
    topics: tuple[str, ...] | None = None
    pattern: str | None = None
    assignor: str | None = None
    owned: Partitions | None = None
    """What the member reads."""
    client_id: str = ""
    client_host: str = ""
    has_own_id: bool = True
    """Whether members bring their id; in version 0 the broker makes it."""
    may_see: Callable[[str], bool] = lambda topic: True
    """Whether a regular expression of this client stands for the topic too."""

    @property
    def is_full(self) -> bool:
        """Whether it says everything, as a client does that does not know what arrived of what it said before."""
        has_topics = self.topics is not None or self.pattern is not None
        return self.rebalance_timeout_ms >= 0 and has_topics and self.owned is not None


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    error: Code
    message: str | None = None
    member_id: str | None = None
    epoch: int = 0
    assignment: Partitions | None = None
    """What the member may read from now on; None if it knows."""


class RefusedError(HeadwaterError):
    """A heartbeat that cannot be accepted, and the code that says why."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class _Change:
    """What a heartbeat makes of a group. Nothing of it has happened yet."""

    group: ConsumerGroup
    member: ConsumerMember
    """The one that exists, or a new one that is not in the group yet."""
    replaced: ConsumerMember | None
    """The former self of a static member."""
    subscription: Subscription
    epoch: int
    target_epoch: int
    target: Assignment
    patterns: Mapping[str, frozenset[str]]
    topics_hash: int
    topics_version: int
    holding: Holding
    outdated: Iterable[bytes] = ()
    """Keys of records that stood for the group when it was of another kind."""


class ConsumerGroups:
    """The heartbeats of consumer groups. `groups` are all groups of the broker, of other kinds too."""

    def __init__(
        self,
        groups: MutableMapping[str, Group],
        storage: GroupStorage,
        topics: Topics,
        clock: Clock,
        timers: Timers,
        new_id: Callable[[], str],
        group_number: GroupNumber,
    ) -> None:
        self._groups = groups
        self._storage = storage
        self._topics = topics
        self._clock = clock
        self._timers = timers
        self._group_number = group_number
        self._new_id = new_id

    def start(self, group: ConsumerGroup) -> None:
        """A group was brought back. Its members stay in it if they are heard of within a session."""
        group.changed_ms = self._clock.now_ms()
        for member in group.members.values():
            self._touch(group, member)
            self._await_revocation(group, member)

    def stop(self, group: ConsumerGroup) -> None:
        """Stop the group's timers."""
        for member in group.members.values():
            _silence(member)

    def heartbeat(self, beat: ConsumerHeartbeat) -> HeartbeatResult:
        """Take note of a member and tell it what it may read."""
        try:
            _check(beat)
            return self._leave(beat) if beat.epoch in (LEAVE, LEAVE_FOR_NOW) else self._beat(beat)
        except RefusedError as refusal:
            return HeartbeatResult(refusal.code, str(refusal))
        except InvalidPatternError as error:
            return HeartbeatResult(Code.INVALID_REGULAR_EXPRESSION, str(error))
        except LogError as error:
            logger.warning("A heartbeat of group %s could not be stored: %s", beat.group, error)
            return HeartbeatResult(Code.COORDINATOR_NOT_AVAILABLE, "The group cannot be stored at the moment.")

    def remove(self, group: ConsumerGroup, leavers: Iterable[tuple[str, str | None]]) -> list[Code]:
        """An administrator removes members, as (member id, instance id); one code for each."""
        codes = []
        for member_id, instance_id in leavers:
            name = group.static.get(instance_id, "") if instance_id is not None and not member_id else member_id
            member = group.members.get(name)
            code = Code.UNKNOWN_MEMBER_ID if member is None else Code.NONE
            if member is not None:
                try:
                    self._drop(group, member)
                except LogError:
                    code = Code.COORDINATOR_NOT_AVAILABLE
            codes.append(code)
        return codes

    # One heartbeat

    def _beat(self, beat: ConsumerHeartbeat) -> HeartbeatResult:
        group, outdated = self._group(beat)
        member, replaced = self._member(group, beat)
        change = self._decide(group, member, replaced, beat)
        change.outdated = outdated
        written = _records(change)
        before = member.holding
        if written:
            self._storage.store_group(group.id, written)
            self._apply(change)
        else:
            group.patterns, group.topics_version = change.patterns, change.topics_version
            member.holding = change.holding
        self._touch(group, member)
        if member.holding is not before or replaced is not None:
            self._await_revocation(group, member)
        tell = beat.epoch == JOIN or beat.is_full or member.holding.assigned != before.assigned
        assignment = member.holding.assigned if tell else None
        return HeartbeatResult(Code.NONE, None, member.id, member.holding.epoch, assignment)

    def _group(self, beat: ConsumerHeartbeat) -> tuple[ConsumerGroup, Iterable[bytes]]:
        """The group, made if the member joins; and the records that are of no use any more then."""
        group = self._groups.get(beat.group)
        if isinstance(group, ConsumerGroup):
            return group, ()
        if beat.epoch == JOIN and (group is None or group.is_empty):
            return ConsumerGroup(beat.group), list(self._storage.group_records().get(beat.group, ()))
        what = "not found" if group is None else "is not a consumer group"
        raise RefusedError(Code.GROUP_ID_NOT_FOUND, f"Group {beat.group} {what}.")

    def _member(self, group: ConsumerGroup, beat: ConsumerHeartbeat) -> tuple[ConsumerMember, ConsumerMember | None]:
        """Who sent it, made if it joins; and the former self of a static member."""
        if beat.instance_id is None:
            member = group.members.get(beat.member_id)
        else:
            member = self._static_member(group, beat, beat.instance_id)
        if beat.epoch == JOIN:
            if member is not None and member.id == beat.member_id:
                return member, None
            name = beat.member_id or self._new_id()
            new = ConsumerMember(name, beat.instance_id, beat.client_id, beat.client_host)
            if member is not None:
                new.subscription = member.subscription
                new.holding = replace(member.holding, epoch=0, previous_epoch=0, state=MemberState.STABLE)
            return new, member
        if member is None:
            raise RefusedError(Code.UNKNOWN_MEMBER_ID, f"Group {group.id} has no member {beat.member_id}.")
        if not member.check_epoch(beat.epoch, beat.owned):
            raise RefusedError(
                Code.FENCED_MEMBER_EPOCH,
                f"The epoch of member {member.id} is {member.holding.epoch}, not {beat.epoch}. "
                "It has to give up its partitions and join again.",
            )
        return member, None

    def _static_member(self, group: ConsumerGroup, beat: ConsumerHeartbeat, instance: str) -> ConsumerMember | None:
        member = group.members.get(group.static.get(instance, ""))
        if member is None or member.id == beat.member_id:
            return member
        if beat.epoch != JOIN:
            raise RefusedError(
                Code.FENCED_INSTANCE_ID, f"Instance {instance} is member {member.id} now, not {beat.member_id}."
            )
        if member.holding.epoch != LEAVE_FOR_NOW:
            raise RefusedError(
                Code.UNRELEASED_INSTANCE_ID, f"Instance {instance} is in use by member {member.id} of group {group.id}."
            )
        return member

    def _decide(
        self, group: ConsumerGroup, member: ConsumerMember, replaced: ConsumerMember | None, beat: ConsumerHeartbeat
    ) -> _Change:
        subscription = member.subscription.updated(
            beat.topics, beat.pattern, beat.assignor, beat.rebalance_timeout_ms, beat.rack_id
        )
        is_new = replaced is None and member.id not in group.members
        changed = is_new or not subscription.wants_as(member.subscription)
        change = _Change(
            group, member, replaced, subscription, group.epoch, group.target_epoch, group.target,
            group.patterns, group.topics_hash, group.topics_version, member.holding,
        )  # fmt: skip
        if replaced is not None:
            change.target = {member.id if name == replaced.id else name: p for name, p in group.target.items()}
        version = self._topics.topics_version
        if changed or replaced is not None or group.topics_version != version or group.epoch > group.target_epoch:
            self._refresh(change, changed, version, beat)
        former = member.id if replaced is None else replaced.id
        change.holding = reconcile(
            member.holding,
            change.target_epoch,
            change.target.get(member.id, NOTHING),
            lambda partition: group.is_taken(partition, former),
            beat.owned,
        )
        return change

    def _refresh(self, change: _Change, changed: bool, version: int, beat: ConsumerHeartbeat) -> None:
        """Look at the topics anew, and make a new target if members, subscriptions or topics are not what they were."""
        group, member = change.group, change.member
        gone = None if change.replaced is None else change.replaced.id
        members = {name: known for name, known in group.members.items() if name != gone}
        members[member.id] = ConsumerMember(
            member.id, member.instance_id, member.client_id, member.client_host, change.subscription
        )
        subscriptions = [known.subscription for known in members.values()]
        change.patterns = self._resolve(group, subscriptions, version, beat)
        existing = self._topics.topics()
        wanted = wanted_topics(subscriptions, change.patterns)
        topics = {
            name: (existing[name].topic_id, len(existing[name].partitions)) for name in wanted if name in existing
        }
        change.topics_hash, change.topics_version = _hash(topics), version
        if changed or change.topics_hash != group.topics_hash:
            change.epoch += 1
        if change.epoch > change.target_epoch:
            change.target = make_target(members, change.patterns, topics, change.target)
            change.target_epoch = change.epoch

    def _resolve(
        self, group: ConsumerGroup, subscriptions: Iterable[Subscription], version: int, beat: ConsumerHeartbeat
    ) -> dict[str, frozenset[str]]:
        """What the members' regular expressions stand for; those known stay while topics do."""
        known = group.patterns if group.topics_version == version else {}
        found = {}
        for pattern in {s.pattern for s in subscriptions if s.pattern}:
            if pattern in known:
                found[pattern] = known[pattern]
            else:
                names = [name for name in self._topics.topics() if beat.may_see(name)]
                found[pattern] = matching(pattern, names, self._clock.monotonic)
        return found

    def _apply(self, change: _Change) -> None:
        group, member = change.group, change.member
        if change.replaced is not None:
            _silence(change.replaced)
            group.remove(change.replaced)
        group.epoch, group.target_epoch, group.target = change.epoch, change.target_epoch, change.target
        group.patterns, group.topics_hash = change.patterns, change.topics_hash
        group.topics_version, group.changed_ms = change.topics_version, self._clock.now_ms()
        group.release(member.id)
        member.subscription, member.holding = change.subscription, change.holding
        group.put(member)
        self._groups[group.id] = group

    # Leaving

    def _leave(self, beat: ConsumerHeartbeat) -> HeartbeatResult:
        group, _ = self._group(beat)
        member = group.members.get(beat.member_id)
        if beat.instance_id is not None:
            member = group.members.get(group.static.get(beat.instance_id, ""))
        if member is None:
            raise RefusedError(Code.UNKNOWN_MEMBER_ID, f"Group {group.id} has no such member.")
        if member.id != beat.member_id:
            raise RefusedError(Code.FENCED_INSTANCE_ID, f"Instance {beat.instance_id} is member {member.id} now.")
        if beat.epoch == LEAVE_FOR_NOW:
            holding = departed(member.holding)
            key = records.record_key(records.HOLDING, group.id, member.id)
            self._storage.store_group(group.id, {key: records.holding_value(holding)})
            group.release(member.id)
            member.holding = holding
            group.put(member)
            self._await_revocation(group, member)
        else:
            self._drop(group, member)
        return HeartbeatResult(Code.NONE, None, member.id, beat.epoch)

    def _drop(self, group: ConsumerGroup, member: ConsumerMember) -> None:
        """The member is gone; the next heartbeat of another one makes the new target. Raises `LogError`."""
        gone: Records = {
            records.record_key(kind, group.id, member.id): None
            for kind in (records.HOLDING, records.TARGET, records.MEMBER)
        }
        gone[records.record_key(records.GROUP, group.id)] = records.group_value(group.epoch + 1, group.topics_hash)
        self._storage.store_group(group.id, gone)
        self._forget(group, member)

    def _forget(self, group: ConsumerGroup, member: ConsumerMember) -> None:
        _silence(member)
        group.remove(member)
        group.epoch += 1
        group.changed_ms = self._clock.now_ms()

    def _fence(self, group: ConsumerGroup, member: ConsumerMember, why: str) -> None:
        """Time is up for a member, whether that can be stored or not: after a restart it would be up again."""
        if group.members.get(member.id) is not member:
            return
        logger.info("Member %s of group %s %s", member.id, group.id, why)
        try:
            self._drop(group, member)
        except LogError as error:
            logger.warning("That member %s of group %s is gone could not be stored: %s", member.id, group.id, error)
            self._forget(group, member)

    # Time

    def _touch(self, group: ConsumerGroup, member: ConsumerMember) -> None:
        """The member was heard of: its session starts anew."""
        if member.session is not None:
            member.session.cancel()
        seconds = self._group_number(group.id, GROUP_SESSION_TIMEOUT) / 1000
        member.session = self._timers.call_later(
            seconds, lambda: self._fence(group, member, "was not heard of for its session timeout")
        )

    def _await_revocation(self, group: ConsumerGroup, member: ConsumerMember) -> None:
        """Partitions have to be given up within the member's rebalance timeout."""
        if member.revocation is not None:
            member.revocation.cancel()
            member.revocation = None
        if member.holding.state is MemberState.UNREVOKED_PARTITIONS:
            member.revocation = self._timers.call_later(
                member.subscription.rebalance_timeout_ms / 1000,
                lambda: self._fence(group, member, "did not give up its partitions within its rebalance timeout"),
            )


def _check(beat: ConsumerHeartbeat) -> None:
    """Raises `RefusedError` if the heartbeat makes no sense by itself."""
    wrong = _first_fault(beat)
    if wrong is not None:
        raise RefusedError(Code.INVALID_REQUEST, wrong)
    if not beat.group:
        raise RefusedError(Code.INVALID_GROUP_ID, "The group needs a name.")
    if beat.assignor is not None and beat.assignor not in ASSIGNORS:
        known = ", ".join(sorted(ASSIGNORS))
        raise RefusedError(
            Code.UNSUPPORTED_ASSIGNOR, f"There is no assignor {beat.assignor} on the broker, only {known}."
        )
    if beat.pattern:
        compile_pattern(beat.pattern)


def _first_fault(beat: ConsumerHeartbeat) -> str | None:
    rules = {
        "InstanceId must not be empty.": beat.instance_id == "",
        "RackId must not be empty.": beat.rack_id == "",
        "MemberId must not be empty.": not beat.member_id and (beat.has_own_id or beat.epoch != JOIN),
        f"MemberEpoch must not be {beat.epoch}.": beat.epoch < LEAVE_FOR_NOW,
        "InstanceId is needed to leave for now.": beat.epoch == LEAVE_FOR_NOW and beat.instance_id is None,
        "RebalanceTimeoutMs is needed to join.": beat.epoch == JOIN and beat.rebalance_timeout_ms < 0,
        "TopicPartitions must be empty to join.": beat.epoch == JOIN and (beat.owned is None or bool(beat.owned)),
        "SubscribedTopicNames or SubscribedTopicRegex is needed to join.": (
            beat.epoch == JOIN and beat.topics is None and not beat.pattern
        ),
    }
    return next((text for text, broken in rules.items() if broken), None)


def _records(change: _Change) -> Records:
    """What has to be stored for the change to be remembered."""
    group, member, name = change.group, change.member, change.group.id
    out: Records = dict.fromkeys(change.outdated)
    if change.replaced is not None:
        for kind in (records.HOLDING, records.TARGET, records.MEMBER):
            out[records.record_key(kind, name, change.replaced.id)] = None
    is_new = member.id not in group.members
    if is_new or change.subscription != member.subscription:
        out[records.record_key(records.MEMBER, name, member.id)] = records.member_value(member, change.subscription)
    if change.epoch != group.epoch or change.topics_hash != group.topics_hash:
        out[records.record_key(records.GROUP, name)] = records.group_value(change.epoch, change.topics_hash)
    if change.target is not group.target:
        for other, partitions in change.target.items():
            if other not in group.target or group.target[other] != partitions:
                out[records.record_key(records.TARGET, name, other)] = records.target_value(partitions)
    if change.target_epoch != group.target_epoch:
        out[records.record_key(records.TARGET_EPOCH, name)] = records.target_epoch_value(change.target_epoch)
    if is_new or change.holding != member.holding:
        out[records.record_key(records.HOLDING, name, member.id)] = records.holding_value(change.holding)
    return out


def _hash(topics: Mapping[str, tuple[bytes, int]]) -> int:
    """Differs when any topic is another one or has another number of partitions."""
    text = repr(sorted(topics.items())).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def _silence(member: ConsumerMember) -> None:
    for timer in (member.session, member.revocation):
        if timer is not None:
            timer.cancel()
    member.session = member.revocation = None
