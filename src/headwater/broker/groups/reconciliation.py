"""How a member gets from the partitions it has to those it is to have, step by step (KIP-848). Pure.

First it gives up what it is not to keep; only when it says that it has, it goes on to the new epoch; and what others
have not given up yet it gets when they have. So no partition ever has two readers, and who keeps partitions reads on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from headwater.broker.groups.assignors import Partitions, TopicPartition

NOTHING: Partitions = frozenset()


class MemberState(IntEnum):
    """Where a member is on its way; the numbers are those of Kafka's records."""

    STABLE = 0
    """It has what it is to have."""
    UNREVOKED_PARTITIONS = 1
    """It has been told to give up partitions, and has not said that it did."""
    UNRELEASED_PARTITIONS = 2
    """It waits for partitions that others have not given up."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a member has. `epoch` is the one it has to name; the previous one counts if our answer was lost."""

    epoch: int = 0
    previous_epoch: int = -1
    state: MemberState = MemberState.STABLE
    assigned: Partitions = NOTHING
    revoking: Partitions = NOTHING
    """Partitions it may still be reading, but has to give up."""

    @property
    def everything(self) -> Partitions:
        """What nobody else may have."""
        return self.assigned | self.revoking if self.revoking else self.assigned

    def is_at(self, epoch: int) -> bool:
        """Whether it has all that it is to have in this epoch."""
        return self.state is MemberState.STABLE and self.epoch == epoch


def reconcile(
    holding: Holding,
    epoch: int,
    target: Partitions,
    is_taken: Callable[[TopicPartition], bool],
    owned: Partitions | None,
) -> Holding:
    """The next step towards `target`, which is that of `epoch`; the same object if there is none.

    `is_taken` says whether another member has a partition. `owned` is what the member says it reads, if it did.
    """
    if holding.is_at(epoch):
        return holding
    if holding.state is MemberState.UNREVOKED_PARTITIONS and _still_owns(holding.revoking, owned):
        return holding
    revoking = holding.assigned - target
    if revoking and _still_owns(revoking, owned):
        return Holding(
            holding.epoch, holding.epoch, MemberState.UNREVOKED_PARTITIONS, holding.assigned & target, revoking
        )
    free = frozenset(partition for partition in target if partition in holding.assigned or not is_taken(partition))
    state = MemberState.STABLE if len(free) == len(target) else MemberState.UNRELEASED_PARTITIONS
    following = Holding(epoch, holding.epoch, state, free)
    return holding if _same(following, holding) else following


def _still_owns(revoking: Partitions, owned: Partitions | None) -> bool:
    return owned is None or not revoking.isdisjoint(owned)


def _same(one: Holding, other: Holding) -> bool:
    """Whether nothing moved: that the previous epoch would be forgotten is no reason for a record."""
    return (one.epoch, one.state, one.assigned, one.revoking) == (
        other.epoch,
        other.state,
        other.assigned,
        other.revoking,
    )
