"""How far groups are behind: for metrics, the console and people's commands.

How to read: `group_lag(broker, "orders-app")` gives one `Lag` for each partition that the group has committed,
`all_lags(broker)` those of all groups. Both only look numbers up, so they may be called for every page of metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headwater.broker.broker import Broker


@dataclass(frozen=True, slots=True)
class Lag:
    """One partition of one group. Offsets are the next ones to read and to be written."""

    group: str
    topic: str
    partition: int
    committed: int
    end: int
    """The high watermark."""

    @property
    def records(self) -> int:
        """Offsets between them, as Kafka's own tools count; never below 0, though a topic may have been cut or made
        again since the commit."""
        return max(0, self.end - self.committed)


def group_lag(broker: Broker, group: str) -> list[Lag]:
    """The lag of each partition that the group has committed a position of, in order; nothing for an unknown group.

    Partitions of topics that are gone are left out.
    """
    found = []
    for (topic, index), position in sorted(broker.offsets.fetch(group).items()):
        partition = broker.partition(topic, index)
        if partition is not None:
            found.append(Lag(group, topic, index, position.offset, partition.high_watermark))
    return found


def all_lags(broker: Broker) -> Iterator[Lag]:
    """The lag of every group, by group, topic and partition."""
    for group in sorted(broker.offsets.groups()):
        yield from group_lag(broker, group)
