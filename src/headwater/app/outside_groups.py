"""The consumer groups of an outside Kafka cluster, as the catalog knows them: looked at now and then, told from memory.

The cluster says who reads: its groups, their members and positions. It does not say who writes: a broker knows
producers by numbers only (DescribeProducers), without a client id or a user.
"""

from __future__ import annotations

from collections.abc import Sequence

from headwater.catalog.platform import GroupFact
from headwater.cluster.admin import ClusterAdmin, GroupDescription
from headwater.core.clock import Clock
from headwater.core.settings import ClusterSettings
from headwater.core.supervisor import Supervised

LOOK_SECONDS = 15.0
"""Between two looks, each of two requests per group."""


class OutsideGroups:
    """`background` is to be started and closed by the owner."""

    def __init__(self, settings: ClusterSettings, clock: Clock) -> None:
        self.facts: Sequence[GroupFact] = ()
        """As last seen."""
        self.seen = False
        """Whether there has been a look: only then is a group that is missing none."""
        self.background = Supervised("consumerGroups", clock, self._round)
        self._settings = settings
        self._clock = clock

    async def look(self) -> None:
        """See what there is. Raises `ClusterError`."""
        async with ClusterAdmin(self._settings, self._clock) as admin:
            self.facts = [_fact(group) for group in await admin.consumer_groups()]
        self.seen = True

    async def _round(self) -> None:
        await self.look()
        await self._clock.sleep(LOOK_SECONDS)


def _fact(group: GroupDescription) -> GroupFact:
    committed: dict[str, int] = {}
    for place, offset in group.committed.items():
        committed[place.topic] = committed.get(place.topic, 0) + offset
    topics = tuple(sorted({place.topic for place in group.partitions}))
    clients = tuple(sorted({member.client_id for member in group.members}))
    return GroupFact(group.info.name, group.info.state, topics, clients, committed)
