"""On Apache Kafka, several nodes may serve the schemas of one cluster: the one that writes them is elected."""

from __future__ import annotations

import base64
import logging
from functools import partial

from headwater.app.access import advertised_url
from headwater.app.keys import NODE_USER
from headwater.cluster.kafka import KafkaCluster
from headwater.cluster.remote.membership import GroupProtocol
from headwater.core.settings import ClusterSettings, Settings
from headwater.http.registry.forwarding import register_with_writer
from headwater.registry import election
from headwater.registry.registry import Registry

_LOGGER = logging.getLogger(__name__)


class RegistryElection:
    """A member of the registries' group on behalf of one registry, whose door is at `port`. Raises `ConfigError`."""

    def __init__(self, registry: Registry, cluster: KafkaCluster, settings: Settings, port: int) -> None:
        self._registry = registry
        url = advertised_url(settings.registry.advertised_url, settings.node.host, port, settings.tls.rest_scheme)
        self._identity = election.Identity.at(url)
        protocol = GroupProtocol(
            election.GROUP,
            election.PROTOCOL_TYPE,
            election.PROTOCOL,
            election.metadata(self._identity),
            election.assign,
            self._assigned,
            self._revoked,
        )
        self._member = cluster.member(protocol)
        registry.defer(None)
        registry.ask_again = self._member.rejoin
        registry.peers = _peers(settings.cluster)
        registry.forward = partial(register_with_writer, registry)
        self.background = self._member.background

    def start(self) -> None:
        """Begin to join. Writes wait until it is known who does them."""
        self._member.start()

    async def close(self) -> None:
        """Leave the group: others may write."""
        await self._member.close()

    async def _assigned(self, told: bytes) -> None:
        assignment = election.assignment(told)
        if assignment.error == election.DUPLICATE_URLS:
            _LOGGER.error(
                "Two schema registries of group %s say that they are at one URL (ours: %s): set registry.port and "
                "node.host, or registry.advertised_url, so that each can be reached by the others",
                election.GROUP,
                self._identity.url,
            )
        if assignment.writer == self._identity:
            await self._registry.lead()
        else:
            self._registry.defer(None if assignment.writer is None else assignment.writer.url)
        _LOGGER.info("Schemas are written by %s", assignment.writer.url if assignment.writer else "nobody")

    async def _revoked(self) -> None:
        self._registry.defer(None)


def _peers(settings: ClusterSettings) -> election.Peers:
    login = f"{NODE_USER}:{settings.node_secret}".encode()
    authorization = f"Basic {base64.b64encode(login).decode()}" if settings.node_secret else None
    return election.Peers(authorization, settings.node_ca_file or settings.ssl_ca_file)
