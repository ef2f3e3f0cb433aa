"""One consumer group: its members, generation and state; decisions about them without any effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from headwater.broker.errors import Code
from headwater.broker.timers import Timer
from headwater.log.offsets import OffsetAndMetadata

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
class Member:
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
class Group:
    """A group. Members are in the order in which they came."""

    id: str
    state: State = State.EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str | None = None
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    static: dict[str, str] = field(default_factory=dict)
    """Instance id of a static member (KIP-345) to its present member id."""
    pending: dict[str, Timer] = field(default_factory=dict)
    """Ids given out whose owners have not come back yet; each is forgotten after a session timeout."""
    timer: Timer | None = None
    """Ends the present phase of a rebalance."""
    changed_ms: int = -1
    """When it was last stored, so for an empty one: since when it has had no members."""
    delayed: bool = False
    """Whether the first rebalance is being held back for more members."""

    def expired_offsets(
        self, offsets: Mapping[tuple[str, int], OffsetAndMetadata], before_ms: int
    ) -> list[tuple[str, int]]:
        """Which offsets nobody has needed since `before_ms`: no members since, committed before (KIP-211)."""
        if self.members or self.pending or self.changed_ms >= before_ms:
            return []
        return [key for key, committed in offsets.items() if committed.timestamp < before_ms]

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

    def join_result(self, member: Member) -> JoinResult:
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
