"""One classic group: its members, generation and state; decisions about them without any effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from headwater.broker.errors import Code
from headwater.broker.groups.group import Group, GroupKind
from headwater.broker.timers import Timer
from headwater.wire.codec import WireError, decode
from headwater.wire.messages import ConsumerProtocolSubscription

CONSUMER = "consumer"
"""The protocol type of consumers; Kafka Connect's workers and others have their own."""

Protocols = tuple[tuple[str, bytes], ...]
"""What a member can do, in its order of preference: assignment strategy and its subscription for it."""


class State(Enum):
    """Where a group is in its life; the values are what clients are told."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    """Waiting for every member to join again."""
    COMPLETING = "CompletingRebalance"
    """Waiting for the leader's assignment."""
    STABLE = "Stable"
    DEAD = "Dead"


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A member that wants to be in the group. `member_id` is "" for one that does not have an id yet."""

    group: str
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: Protocols
    require_member_id: bool = False
    """Whether a member without an id is first given one and must come again (KIP-394)."""
    can_skip_assignment: bool = False
    """Whether a returning static leader understands that nothing is to be assigned (KIP-814)."""


@dataclass(frozen=True, slots=True)
class JoinedMember:
    """A member as the leader sees it."""

    member_id: str
    instance_id: str | None
    subscription: bytes


@dataclass(frozen=True, slots=True)
class JoinResult:
    error: Code
    member_id: str = ""
    generation: int = -1
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str = ""
    members: tuple[JoinedMember, ...] = ()
    """Only for the leader."""
    skip_assignment: bool = False


@dataclass(frozen=True, slots=True)
class SyncResult:
    error: Code
    protocol_type: str | None = None
    protocol: str | None = None
    assignment: bytes = b""


JoinReply = Callable[[JoinResult], None]
SyncReply = Callable[[SyncResult], None]


@dataclass(slots=True)
class ClassicMember:
    """A member. While `join_reply` or `sync_reply` is set it waits for us, so its session cannot run out."""

    id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: Protocols
    assignment: bytes = b""
    join_reply: JoinReply | None = None
    sync_reply: SyncReply | None = None
    synced: bool = False
    """Whether it has asked for its assignment in this generation."""
    session: Timer | None = None

    @property
    def waits(self) -> bool:
        return self.join_reply is not None or self.sync_reply is not None

    def subscription(self, protocol: str) -> bytes:
        """What the member said for this strategy."""
        return next((metadata for name, metadata in self.protocols if name == protocol), b"")


@dataclass(slots=True)
class ClassicGroup(Group):
    """A group whose leader assigns. Members are in the order in which they came."""

    state: State = State.EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str | None = None
    leader: str | None = None
    members: dict[str, ClassicMember] = field(default_factory=dict)
    static: dict[str, str] = field(default_factory=dict)
    """Instance id of a static member (KIP-345) to its present member id."""
    pending: dict[str, Timer] = field(default_factory=dict)
    """Ids given out whose owners have not come back yet; each is forgotten after a session timeout."""
    timer: Timer | None = None
    """Ends the present phase of a rebalance."""
    delayed: bool = False
    """Whether the first rebalance is being held back for more members."""

    @property
    def kind(self) -> GroupKind:
        return GroupKind.CLASSIC

    @property
    def state_name(self) -> str:
        return self.state.value

    @property
    def protocol_name(self) -> str:
        return self.protocol_type

    @property
    def is_empty(self) -> bool:
        return not self.members and not self.pending

    def subscribed_topics(self) -> set[str]:
        """The topics in the subscriptions of consumers; other kinds of members have a form of their own."""
        topics: set[str] = set()
        for member in self.members.values() if self.protocol_type == CONSUMER else ():
            for _, metadata in member.protocols:
                topics |= _topics_in(metadata)
        return topics

    def check_commit(self, epoch: int, member_id: str, instance_id: str | None, version: int) -> Code:
        if epoch < 0 and not member_id and instance_id is None:
            return Code.NONE if self.state is State.EMPTY else Code.UNKNOWN_MEMBER_ID
        error = self.check_present(epoch, member_id, instance_id)
        return error or (Code.REBALANCE_IN_PROGRESS if self.state is State.COMPLETING else Code.NONE)

    def check_transactional_commit(self, epoch: int, member_id: str, instance_id: str | None) -> Code:
        if epoch < 0 and (self.state is State.EMPTY or (not member_id and instance_id is None)):
            return Code.NONE
        error = self.check_member(member_id, instance_id)
        return error or (Code.NONE if epoch == self.generation else Code.ILLEGAL_GENERATION)

    def check_fetch(self, epoch: int, member_id: str | None) -> Code:
        return Code.NONE

    def check_present(self, generation: int, member_id: str, instance_id: str | None) -> Code:
        """NONE if the member is who it says and knows the present generation, else what is wrong."""
        if self.state in (State.EMPTY, State.DEAD):
            return Code.UNKNOWN_MEMBER_ID
        error = self.check_member(member_id, instance_id)
        return error or (Code.NONE if generation == self.generation else Code.ILLEGAL_GENERATION)

    def accepts(self, protocol_type: str, protocols: Protocols) -> bool:
        """Whether a member with these strategies can be in the group: one of them is known to every other member."""
        if not protocol_type or not protocols:
            return False
        if not self.members:
            return True
        return protocol_type == self.protocol_type and bool(self.common_protocols() & {name for name, _ in protocols})

    def common_protocols(self) -> set[str]:
        """The strategies that every member knows."""
        known = [{name for name, _ in member.protocols} for member in self.members.values()]
        return set.intersection(*known) if known else set()

    def select_protocol(self) -> str:
        """The common strategy that most members like best; between equals the one named first."""
        common = self.common_protocols()
        votes: dict[str, int] = {}
        for member in self.members.values():
            choice = next(name for name, _ in member.protocols if name in common)
            votes[choice] = votes.get(choice, 0) + 1
        return max(votes, key=lambda name: votes[name])

    def everybody_joined(self) -> bool:
        return not self.pending and all(member.join_reply is not None for member in self.members.values())

    def rebalance_timeout_ms(self) -> int:
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def check_member(self, member_id: str, instance_id: str | None) -> Code:
        """NONE if the member is who it says, else what is wrong."""
        if instance_id is not None:
            known = self.static.get(instance_id)
            if known is None:
                return Code.UNKNOWN_MEMBER_ID
            if known != member_id:
                return Code.FENCED_INSTANCE_ID
        return Code.NONE if member_id in self.members else Code.UNKNOWN_MEMBER_ID

    def joined_members(self) -> tuple[JoinedMember, ...]:
        """All members with their subscriptions under the selected strategy."""
        protocol = self.protocol or ""
        return tuple(JoinedMember(m.id, m.instance_id, m.subscription(protocol)) for m in self.members.values())

    def join_result(self, member: ClassicMember) -> JoinResult:
        """What the member is told about the present generation."""
        return JoinResult(
            Code.NONE,
            member.id,
            self.generation,
            self.protocol_type,
            self.protocol,
            self.leader or "",
            self.joined_members() if member.id == self.leader else (),
        )


def _topics_in(metadata: bytes) -> set[str]:
    """The topics in a consumer's subscription; nothing if it is in a form of its own."""
    version = int.from_bytes(metadata[:2], "big")
    try:
        return set(decode(ConsumerProtocolSubscription, min(version, 3), metadata, 2).topics)
    except WireError:
        return set()
