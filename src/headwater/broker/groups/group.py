"""What every group is to the rest of the broker, whichever protocol its members speak."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from headwater.broker.errors import Code
from headwater.log.offsets import OffsetAndMetadata


class GroupKind(Enum):
    """Who decides the assignment; the values are what clients are told as the group's type (KIP-848)."""

    CLASSIC = "classic"
    """A member, the leader."""
    CONSUMER = "consumer"
    """The broker."""


class GroupStorage(Protocol):
    """Where groups survive a restart: `headwater.log.offsets.OffsetStore`."""

    def store_group(self, group: str, records: Mapping[bytes, bytes | None]) -> None:
        """Write records of the group, by key, all or none; None forgets one. Raises `LogError`."""
        ...

    def group_records(self) -> Mapping[str, Mapping[bytes, bytes]]:
        """By group: what was stored and not forgotten, by key."""
        ...


@dataclass(slots=True)
class Group(ABC):
    """A group of either kind."""

    id: str
    changed_ms: int = -1
    """When it was last stored, so for an empty one: since when it has had no members."""

    @property
    @abstractmethod
    def kind(self) -> GroupKind: ...

    @property
    @abstractmethod
    def state_name(self) -> str:
        """What clients are told."""

    @property
    @abstractmethod
    def protocol_name(self) -> str:
        """What the members are: "consumer", "connect"; "" for a group that never had any."""

    @property
    @abstractmethod
    def is_empty(self) -> bool:
        """Whether nobody is in it and nobody is expected."""

    @abstractmethod
    def subscribed_topics(self) -> set[str]:
        """The topics that members read, as far as the broker understands what they said."""

    @abstractmethod
    def check_commit(self, epoch: int, member_id: str, instance_id: str | None, version: int) -> Code:
        """Whether this client may commit offsets, with OffsetCommit of this version. `epoch` is the generation in a
        classic group, -1 for a client that is no member."""

    @abstractmethod
    def check_transactional_commit(self, epoch: int, member_id: str, instance_id: str | None) -> Code:
        """As `check_commit` for offsets in a transaction: who names neither generation nor member is let pass, because
        the producers of before KIP-447 do not."""

    @abstractmethod
    def check_fetch(self, epoch: int, member_id: str | None) -> Code:
        """Whether this client may ask for offsets; `epoch` is -1 for one that does not say it is a member (KIP-848)."""


def expired_offsets(
    group: Group | None, offsets: Mapping[tuple[str, int], OffsetAndMetadata], before_ms: int
) -> list[tuple[str, int]]:
    """Which offsets nobody has needed since `before_ms`: no members since, committed before (KIP-211)."""
    if group is not None and (not group.is_empty or group.changed_ms >= before_ms):
        return []
    return [key for key, committed in offsets.items() if committed.timestamp < before_ms]
