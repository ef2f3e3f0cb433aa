"""On Apache Kafka, several nodes may serve the connectors of one cluster: the one that runs them is elected."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from headwater.cluster.kafka import KafkaCluster
from headwater.cluster.remote.membership import GroupProtocol
from headwater.connect.worker import Worker

_LOGGER = logging.getLogger(__name__)
PROTOCOL_TYPE = "headwater-connect"
"""Not that of Java's workers: they run other connectors, and cannot be members of one group with ours."""
PROTOCOL = "leader"
_FIRST_SECONDS = 15.0
"""How long a start waits for the first election; longer than a group needs to notice that a member is gone."""


def assign(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every member is told the URL of the one that leads: the smallest, so that all would say the same."""
    return dict.fromkeys(members, min(members.values()))


class ConnectElection:
    """A member of the workers' group on behalf of one worker, whose door is at `url`."""

    def __init__(self, worker: Worker, cluster: KafkaCluster, url: str) -> None:
        self._worker = worker
        self._url = url
        self._decided = asyncio.Event()
        group = worker.settings.group_id
        said = msgspec.json.encode(url)
        protocol = GroupProtocol(group, PROTOCOL_TYPE, PROTOCOL, said, assign, self._assigned, self._revoked)
        self._member = cluster.member(protocol)
        self.background = self._member.background
        worker.shut_out = self._member.rejoin

    async def start(self) -> None:
        """Join, and return when it is known who leads, or after a while."""
        self._member.start()
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                await self._decided.wait()
        except TimeoutError:
            _LOGGER.warning("Nobody runs connectors yet: group %s has no leader", self._worker.settings.group_id)

    async def close(self) -> None:
        """Leave the group; the worker is stopped before."""
        await self._member.close()

    async def _assigned(self, told: bytes) -> None:
        leader = msgspec.json.decode(told, type=str)
        if leader == self._url:
            await self._worker.start()
        else:
            await self._worker.follow(leader)
        _LOGGER.info("Connectors run at %s", leader)
        self._decided.set()

    async def _revoked(self) -> None:
        """Stop at once: somebody else may begin."""
        await self._worker.follow(None)
