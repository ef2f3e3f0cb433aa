"""One transactional id: who owns it, what its transaction covers; decisions about it without any effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from headwater.broker.errors import Code

LAST_EPOCH = 32_766
"""No producer is given a later epoch: the one after it is kept for fencing this one, then a new id is needed."""

Place = tuple[str, int]
"""Topic and partition."""


class ProducerId(NamedTuple):
    """Who writes: the number, and which incarnation of it."""

    id: int
    epoch: int


class State(Enum):
    """Where a transactional id is in its life; the values are what clients are told.

    Kafka's two "Prepare" states are missing: markers and the new state are appended in one atomic commit here.
    """

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transactional id. Times in ms; `started_ms` is -1 unless a transaction is or was open."""

    name: str
    producer: ProducerId
    timeout_ms: int
    state: State = State.EMPTY
    partitions: frozenset[Place] = frozenset()
    started_ms: int = -1
    updated_ms: int = -1
    previous: ProducerId | None = None
    """What the client knew when it was last given the present one: it may ask again if the answer was lost."""
    version: int = 0
    """2 if the client follows KIP-890: its epoch is raised by each end of a transaction."""

    @property
    def is_open(self) -> bool:
        return self.state is State.ONGOING

    @property
    def is_exhausted(self) -> bool:
        """Whether there is no next epoch, so that the next owner needs a new producer id."""
        return self.producer.epoch >= LAST_EPOCH

    def check(self, producer: ProducerId) -> Code:
        """NONE if this is the producer in charge, else what is wrong."""
        if producer.id != self.producer.id:
            return Code.INVALID_PRODUCER_ID_MAPPING
        return Code.NONE if producer.epoch == self.producer.epoch else Code.PRODUCER_FENCED

    def can_take_over(self, known: ProducerId | None) -> bool:
        """Whether one who was `known` so far may have the next epoch (KIP-360); None is a new one, who always may."""
        return known is None or known == self.producer or known == self.previous

    def adding(self, places: frozenset[Place], now_ms: int, version: int) -> Transaction:
        """With more partitions; begins a transaction if none is open."""
        if self.is_open:
            return replace(self, partitions=self.partitions | places, updated_ms=now_ms)
        return replace(
            self,
            state=State.ONGOING,
            partitions=places,
            started_ms=now_ms,
            updated_ms=now_ms,
            previous=None,
            version=version,
        )

    def ended(self, producer: ProducerId, now_ms: int, *, commit: bool) -> Transaction:
        """After the markers; `producer` is who may go on."""
        return replace(
            self,
            state=State.COMPLETE_COMMIT if commit else State.COMPLETE_ABORT,
            producer=producer,
            partitions=frozenset(),
            updated_ms=now_ms,
            previous=self.producer if producer != self.producer else None,
        )


class Verdict(Enum):
    """What becomes of a request to end a transaction."""

    END = "write the markers"
    REPEATED = "it has ended so already"
    REFUSED = "there is nothing that could end so"


def judge_end(transaction: Transaction, *, repeated: bool, commit: bool, bumps: bool) -> Verdict:
    """Whether a transaction is to be committed or aborted now.

    `bumps`: the client follows KIP-890; it may abort what it never told us about, to be sure that nothing is left.
    `repeated`: it names the producer it was before its last transaction ended.
    """
    same_end = transaction.state is (State.COMPLETE_COMMIT if commit else State.COMPLETE_ABORT)
    if repeated:
        return Verdict.REPEATED if same_end else Verdict.REFUSED
    if transaction.is_open:
        return Verdict.END
    if bumps:
        return Verdict.REFUSED if commit else Verdict.END
    return Verdict.REPEATED if same_end else Verdict.REFUSED
