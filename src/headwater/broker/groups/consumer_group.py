"""One group whose assignment the broker makes (KIP-848): its members, epochs and target; nothing here has an effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from headwater.broker.errors import Code
from headwater.broker.groups.assignors import (
    ASSIGNORS,
    DEFAULT_ASSIGNOR,
    Assignment,
    Partitions,
    Subscriber,
    TopicPartition,
)
from headwater.broker.groups.classic_group import CONSUMER
from headwater.broker.groups.group import Group, GroupKind
from headwater.broker.groups.reconciliation import NOTHING, Holding
from headwater.broker.timers import Timer

JOIN, LEAVE, LEAVE_FOR_NOW = 0, -1, -2
"""Member epochs with a meaning of their own; the last is for static members who will be back."""
_FIRST_COMMIT_WITH_EPOCH = 9


class ConsumerState(Enum):
    """Where a group is in its life; the values are what clients are told."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    """A new target has to be made."""
    RECONCILING = "Reconciling"
    """Members are on the way to the target."""
    STABLE = "Stable"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a member wants. A heartbeat says only what has changed."""

    topics: frozenset[str] = frozenset()
    pattern: str = ""
    """A regular expression; topics that match it are wanted beside `topics`."""
    assignor: str | None = None
    rebalance_timeout_ms: int = -1
    rack_id: str | None = None

    def updated(
        self,
        topics: Iterable[str] | None,
        pattern: str | None,
        assignor: str | None,
        rebalance_timeout_ms: int,
        rack_id: str | None,
    ) -> Subscription:
        """With what a heartbeat says; None and -1 are "as before"."""
        return Subscription(
            self.topics if topics is None else frozenset(topics),
            self.pattern if pattern is None else pattern,
            self.assignor if assignor is None else assignor,
            self.rebalance_timeout_ms if rebalance_timeout_ms < 0 else rebalance_timeout_ms,
            self.rack_id if rack_id is None else rack_id,
        )

    def wants_as(self, other: Subscription) -> bool:
        """Whether the assignment can stay when one replaces the other."""
        return (self.topics, self.pattern, self.assignor) == (other.topics, other.pattern, other.assignor)


@dataclass(slots=True)
class ConsumerMember:
    """A member. What it wants and has are values, replaced as a whole."""

    id: str
    instance_id: str | None
    client_id: str
    client_host: str
    subscription: Subscription = Subscription()
    holding: Holding = field(default_factory=Holding)
    session: Timer | None = None
    """Ends its membership if it is not heard of."""
    revocation: Timer | None = None
    """Ends its membership if it does not give up what it has to."""

    def check_epoch(self, epoch: int, owned: Partitions | None) -> bool:
        """Whether the member may go on from the epoch that it names: the present one, or the one before if our last
        answer was lost, which shows in that it owns nothing it would not be allowed to."""
        holding = self.holding
        if epoch == holding.epoch:
            return True
        return epoch == holding.previous_epoch and owned is not None and owned <= holding.assigned


@dataclass(slots=True)
class ConsumerGroup(Group):
    """A group of consumers. Members are in the order in which they came."""

    epoch: int = 0
    """Rises with every change of members, subscriptions or topics."""
    target_epoch: int = 0
    """The epoch that `target` was made for."""
    target: Assignment = field(default_factory=dict)
    members: dict[str, ConsumerMember] = field(default_factory=dict)
    static: dict[str, str] = field(default_factory=dict)
    """Instance id to member id."""
    owners: dict[TopicPartition, str] = field(default_factory=dict)
    """Who may be reading a partition."""
    patterns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Regular expressions of members to the topics they stand for."""
    topics_hash: int = 0
    """Of the subscribed topics and their partitions; changes when the target has to."""
    topics_version: int = -1
    """Of the log's topics, when patterns and hash were made."""

    @property
    def kind(self) -> GroupKind:
        return GroupKind.CONSUMER

    @property
    def state(self) -> ConsumerState:
        if not self.members:
            return ConsumerState.EMPTY
        if self.epoch > self.target_epoch:
            return ConsumerState.ASSIGNING
        if all(member.holding.is_at(self.target_epoch) for member in self.members.values()):
            return ConsumerState.STABLE
        return ConsumerState.RECONCILING

    @property
    def state_name(self) -> str:
        return self.state.value

    @property
    def protocol_name(self) -> str:
        return CONSUMER

    @property
    def is_empty(self) -> bool:
        return not self.members

    def subscribed_topics(self) -> set[str]:
        return wanted_topics((member.subscription for member in self.members.values()), self.patterns)

    def is_taken(self, partition: TopicPartition, member_id: str) -> bool:
        """Whether somebody other than the member may be reading the partition."""
        return self.owners.get(partition, member_id) != member_id

    def check_commit(self, epoch: int, member_id: str, instance_id: str | None, version: int) -> Code:
        if epoch < 0 and self.is_empty:
            return Code.NONE
        error = self._check_epoch(epoch, member_id)
        if not error and version < _FIRST_COMMIT_WITH_EPOCH:
            return Code.UNSUPPORTED_VERSION
        return error

    def check_transactional_commit(self, epoch: int, member_id: str, instance_id: str | None) -> Code:
        if epoch < 0 and (self.is_empty or (not member_id and instance_id is None)):
            return Code.NONE
        return Code.ILLEGAL_GENERATION if self._check_epoch(epoch, member_id) else Code.NONE

    def check_fetch(self, epoch: int, member_id: str | None) -> Code:
        return Code.NONE if epoch < 0 and not member_id else self._check_epoch(epoch, member_id or "")

    def _check_epoch(self, epoch: int, member_id: str) -> Code:
        member = self.members.get(member_id)
        if member is None:
            return Code.UNKNOWN_MEMBER_ID
        return Code.NONE if epoch == member.holding.epoch else Code.STALE_MEMBER_EPOCH

    # Changes; whoever makes them stores them

    def put(self, member: ConsumerMember) -> None:
        """Add a member, or take note of what it has now."""
        self.release(member.id)
        self.members[member.id] = member
        if member.instance_id is not None:
            self.static[member.instance_id] = member.id
        self.owners.update(dict.fromkeys(member.holding.everything, member.id))

    def release(self, member_id: str) -> None:
        """What the member had is free."""
        known = self.members.get(member_id)
        for partition in known.holding.everything if known is not None else NOTHING:
            if self.owners.get(partition) == member_id:
                del self.owners[partition]

    def remove(self, member: ConsumerMember) -> None:
        """The member is gone."""
        self.release(member.id)
        del self.members[member.id]
        self.target.pop(member.id, None)
        if member.instance_id is not None and self.static.get(member.instance_id) == member.id:
            del self.static[member.instance_id]


def wanted_topics(subscriptions: Iterable[Subscription], patterns: Mapping[str, frozenset[str]]) -> set[str]:
    """Names of all topics that are wanted, whether they exist or not."""
    topics: set[str] = set()
    for subscription in subscriptions:
        topics |= subscription.topics
        if subscription.pattern:
            topics |= patterns.get(subscription.pattern, frozenset())
    return topics


def preferred_assignor(subscriptions: Iterable[Subscription]) -> str:
    """The strategy that most members ask for; the default one if none does."""
    votes = Counter(s.assignor for s in subscriptions if s.assignor is not None)
    return max(sorted(votes), key=votes.__getitem__) if votes else DEFAULT_ASSIGNOR


def make_target(
    members: Mapping[str, ConsumerMember],
    patterns: Mapping[str, frozenset[str]],
    topics: Mapping[str, tuple[bytes, int]],
    previous: Mapping[str, Partitions],
) -> Assignment:
    """Who is to have what. `topics` are the existing ones among those wanted: name to id and partition count."""
    subscribers = []
    for member in members.values():
        wanted = wanted_topics([member.subscription], patterns)
        ids = frozenset(topics[name][0] for name in wanted if name in topics)
        subscribers.append(Subscriber(member.id, member.instance_id, ids, previous.get(member.id, NOTHING)))
    assign = ASSIGNORS[preferred_assignor(member.subscription for member in members.values())]
    return assign(subscribers, {topics[name][0]: topics[name][1] for name in sorted(topics)})


def departed(holding: Holding) -> Holding:
    """What a static member has that left and will be back: its place is kept."""
    return replace(holding, epoch=LEAVE_FOR_NOW, revoking=NOTHING, state=Holding().state)
