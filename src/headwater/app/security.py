"""What of a node keeps strangers out: its keys, its Kafka listeners with their certificates, and who may log in how."""

from __future__ import annotations

import logging
import ssl
from functools import partial

from headwater.app.access import check_exposure
from headwater.app.keys import key_ring
from headwater.app.listeners import Listener, listeners, login_required
from headwater.app.tls import ServerTls
from headwater.app.tokens import token_validator
from headwater.broker.broker import Broker
from headwater.broker.net import KafkaListener
from headwater.broker.settings import BrokerSettings
from headwater.broker.sockets import ConnectionCounts
from headwater.core.clock import Clock
from headwater.core.settings import KafkaSettings, Settings
from headwater.core.supervisor import Supervised

logger = logging.getLogger(__name__)

KEYS_SECONDS = 1.0
"""How often the file of keys is looked at; one `stat`."""
RENEWAL_SECONDS = 3_600.0


class NodeSecurity:
    """Made from settings before anything starts. Raises `ConfigError` or `StartupError`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.listeners = listeners(settings)
        check_exposure(settings, self.listeners)
        self.keys = key_ring(settings)
        self.login_required = login_required(settings)
        self.tokens = token_validator(settings.oauthbearer, clock)
        self._tls: ServerTls | None = None

    def rest_tls(self) -> ssl.SSLContext | None:
        """What the REST doors accept with; None where they do without. Raises `ConfigError` about certificates."""
        if not self._settings.tls.rest:
            return None
        context = self._certificates().context
        context.set_alpn_protocols(["h2", "http/1.1"])  # Kafka's clients do not ask
        return context

    def background(self) -> list[Supervised]:
        """What notices changed keys and renews certificates; to be started and closed by the node."""
        work = [Supervised("apiKeys", self._clock, self._watch_keys)]
        if self.rest_tls() is not None or self._tls is not None:  # of any listener
            work.append(Supervised("certificates", self._clock, partial(self._renew, self._certificates())))
        return work

    def kafka_listeners(self, broker: Broker) -> list[tuple[Listener, KafkaListener]]:
        """Listeners for the broker, not started yet. Raises `ConfigError` or `StartupError` about certificates."""
        counts = ConnectionCounts.of(broker.settings)
        return [(listener, self._listener(broker, listener, counts)) for listener in self.listeners]

    def _listener(self, broker: Broker, listener: Listener, counts: ConnectionCounts) -> KafkaListener:
        return KafkaListener(
            broker,
            listener.host,
            listener.port,
            tls=self._certificates().context if listener.protocol.has_tls else None,
            login=listener.protocol.has_login,
            advertised=(listener.advertised_host, listener.advertised_port),
            counts=counts,
            setting=listener.setting,
        )

    def _certificates(self) -> ServerTls:
        if self._tls is None:
            self._tls = ServerTls(self._settings, self._clock)
        return self._tls

    async def _watch_keys(self) -> None:
        await self._clock.sleep(KEYS_SECONDS)
        self.keys.refresh()

    async def _renew(self, tls: ServerTls) -> None:
        await self._clock.sleep(RENEWAL_SECONDS)
        tls.renew()


def broker_settings(kafka: KafkaSettings) -> BrokerSettings:
    """What the broker takes, from the node's settings."""
    names = kafka.super_users.split(";")
    return BrokerSettings(
        node_id=kafka.node_id,
        group_min_session_timeout_ms=kafka.group_min_session_timeout_ms,
        group_initial_rebalance_delay_ms=kafka.group_initial_rebalance_delay_ms,
        default_partitions=kafka.default_partitions,
        auto_create_topics=kafka.auto_create_topics,
        super_users=frozenset(name.strip().removeprefix("User:") for name in names if name.strip()),
        allow_everyone_if_no_acl_found=kafka.allow_everyone_if_no_acl_found,
        max_connections=kafka.max_connections,
        max_connections_per_ip=kafka.max_connections_per_ip,
        max_request_bytes=kafka.max_request_bytes,
        max_in_flight_requests=kafka.max_in_flight_requests,
        max_bytes_before_login=kafka.max_bytes_before_login,
        login_timeout_ms=kafka.login_timeout_ms,
        failed_login_delay_ms=kafka.failed_login_delay_ms,
        connections_max_idle_ms=kafka.connections_max_idle_ms,
        connections_max_reauth_ms=kafka.connections_max_reauth_ms,
    )
