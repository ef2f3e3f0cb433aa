"""What a broker can be told: identity, limits and defaults. Times in ms, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BrokerSettings:
    """Defaults are Apache Kafka's unless the comment says otherwise."""

    node_id: int = 1
    advertised_host: str = ""
    """Host that clients are told to connect to; empty: the address over which each client came."""
    advertised_port: int = 0
    """Port that clients are told to connect to; 0: the port over which each client came."""
    default_partitions: int = 1
    auto_create_topics: bool = True
    max_request_bytes: int = 100 << 20
    """`socket.request.max.bytes`: a longer frame closes the connection."""
    max_fetch_bytes: int = 55 << 20
    """`fetch.max.bytes`: bounds one fetch answer whatever the client asks for."""
    group_min_session_timeout_ms: int = 6_000
    group_max_session_timeout_ms: int = 1_800_000
    group_initial_rebalance_delay_ms: int = 0
    """Kafka waits 3 s for more members of a new group. One node with few consumers answers at once instead."""
    group_consumer_session_timeout_ms: int = 45_000
    """`group.consumer.session.timeout.ms`: a member of a consumer group (KIP-848) not heard of for so long is out."""
    group_consumer_heartbeat_interval_ms: int = 1_000
    """`group.consumer.heartbeat.interval.ms`, how often such members are to be heard of. They learn of a rebalance by
    it, so Kafka's 5 s would make each one take several times that; one node with few members can afford more beats."""
    max_offset_metadata_bytes: int = 4_096
    offsets_retention_ms: int = 7 * 24 * 3_600_000
    """Positions of a group that has had no members for so long are forgotten, and the group with them."""
    transaction_max_timeout_ms: int = 900_000
    """A producer may not ask for a longer `transaction.timeout.ms`."""
    transactional_id_expiration_ms: int = 7 * 24 * 3_600_000
    """A transactional id that was not used for so long is forgotten."""
    super_users: frozenset[str] = frozenset()
    """Users who may do everything, beside the operator's API keys; all others need ACLs. Without any API key nobody has
    to log in and everybody may do everything."""
    allow_everyone_if_no_acl_found: bool = False
    """Everybody may do what no ACL is about, and clients without a login are under ACLs, too."""
    max_connections: int = 20_000
    """`max.connections`, of all listeners; Kafka has no limit."""
    max_connections_per_ip: int = 10_000
    """`max.connections.per.ip`, of all listeners; Kafka has no limit."""
    max_in_flight_requests: int = 1_000
    """Requests of one connection that may wait for their answers before no more are read; clients have 5 or fewer."""
    max_bytes_before_login: int = 64 << 10
    """What a client may send in all before it has logged in: a login takes some hundred bytes, a token some KB."""
    login_timeout_ms: int = 30_000
    """A client that has not logged in by then is disconnected; also the longest TLS handshake. A login takes some ms,
    but busy or distant clients need seconds."""
    connections_max_idle_ms: int = 600_000
    """`connections.max.idle.ms`: a connection without a request for so long is closed."""
    connections_max_reauth_ms: int = 0
    """`connections.max.reauth.ms` (KIP-368): after so long a client has to log in again; 0: never."""
    failed_login_delay_ms: int = 100
    """`connection.failed.authentication.delay.ms`."""
