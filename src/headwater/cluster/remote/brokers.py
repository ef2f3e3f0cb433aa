"""The brokers of a cluster: who they are, which leads what, and the connections to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from headwater.cluster.api import TopicInfo, TopicPartition
from headwater.cluster.remote import apis
from headwater.cluster.remote.apis import Api
from headwater.cluster.remote.connection import Address, Connection
from headwater.cluster.remote.errors import BusyError, Code, LeaderlessError, PassingError, check
from headwater.core.clock import Clock
from headwater.core.errors import ClusterError, ConfigError, UnknownTopicError
from headwater.core.settings import MAX_PORT, ClusterSettings
from headwater.wire import messages as m
from headwater.wire.definitions import Struct

S = TypeVar("S", bound=Struct)
T = TypeVar("T")

FIRST_BACKOFF = 0.02
LAST_BACKOFF = 0.5
"""Seconds between tries, doubling: elections take tens of ms to a few seconds."""
BUSY_BACKOFF = 0.004
"""Seconds between tries while a transaction is being written out: a broker of one node takes 5 to 10 ms."""
UNKNOWN_BACKOFF = 0.1
"""That a topic is unknown is believed from this backoff on: a new one takes a while to be known everywhere."""
_DYNAMIC_TOPIC_CONFIG = 1
_TOPIC_RESOURCE = 2
_DESCRIBED_AT_ONCE = 200
"""Topics per DescribeConfigs: each answers with some forty entries of about 60 bytes where all are asked for."""


def parse_addresses(bootstrap_servers: str) -> list[Address]:
    """`host:port,host:port` as addresses; raises `ConfigError`."""
    addresses = []
    for part in filter(None, (p.strip() for p in bootstrap_servers.split(","))):
        host, _, port = part.removeprefix("PLAINTEXT://").removeprefix("SASL_SSL://").rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) <= MAX_PORT:
            raise ConfigError(f"`{part}` in the setting cluster.bootstrap_servers is not `host:port`")
        addresses.append(Address(host.strip("[]"), int(port)))
    if not addresses:
        raise ConfigError("the setting cluster.bootstrap_servers names no broker; write `host:port`")
    return addresses


class Brokers:
    """Connections by node and the latest metadata. One connection per node takes short requests side by side; fetches,
    which a broker may hold back, borrow idle ones of their own."""

    def __init__(self, settings: ClusterSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.cluster_id = ""
        self.controller = -1
        self.topics: dict[str, TopicInfo] = {}
        self._bootstrap = parse_addresses(settings.bootstrap_servers)
        self._addresses: dict[int, Address] = {}
        self._leaders: dict[TopicPartition, int] = {}
        self._connections: dict[Address, Connection] = {}
        self._opening: dict[Address, asyncio.Lock] = {}
        self._borrowed: dict[Address, list[Connection]] = {}
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def request_timeout(self) -> float:
        """Seconds."""
        return self.settings.request_timeout_ms / 1000

    def leader(self, partition: TopicPartition) -> int:
        """The node to read from and write to; raises `LeaderlessError` when not known (yet)."""
        try:
            return self._leaders[partition]
        except KeyError:
            raise LeaderlessError(f"partition {partition.partition} of topic {partition.topic} has no leader") from None

    def by_leader(self, partitions: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        """The partitions of each leading node; raises `LeaderlessError`."""
        grouped: dict[int, list[TopicPartition]] = {}
        for partition in partitions:
            grouped.setdefault(self.leader(partition), []).append(partition)
        return grouped

    def nodes(self) -> list[int]:
        """The ids of all brokers known."""
        return sorted(self._addresses)

    # Calls

    async def call(self, node: int, api: Api[S], request: Struct) -> S:
        """Ask a node, on its connection for short requests."""
        connection = await self._connection(self._address(node))
        return await connection.call(api, request, self.request_timeout)

    async def call_any(self, api: Api[S], request: Struct) -> S:
        """Ask whichever broker answers, known ones first."""
        problem: ClusterError = PassingError("no broker is known")
        for address in dict.fromkeys([*self._addresses.values(), *self._bootstrap]):
            try:
                connection = await self._connection(address)
                return await connection.call(api, request, self.request_timeout)
            except PassingError as error:
                problem = error
        raise problem

    async def call_held(self, node: int, api: Api[S], request: Struct, held: float) -> S:
        """Ask a node something that it may answer up to `held` seconds later, on a connection where nobody queues."""
        address = self._address(node)
        pool = self._borrowed.setdefault(address, [])
        pool[:] = [c for c in pool if c.is_open]
        connection = next((c for c in pool if c.is_idle), None)
        if connection is None:
            connection = await Connection.open(address, self.settings)
            pool.append(connection)
        return await connection.call(api, request, held + self.request_timeout)

    def _address(self, node: int) -> Address:
        try:
            return self._addresses[node]
        except KeyError:
            raise PassingError(f"Kafka's broker {node} is not known") from None

    async def _connection(self, address: Address) -> Connection:
        async with self._opening.setdefault(address, asyncio.Lock()):
            connection = self._connections.get(address)
            if connection is None or not connection.is_open:
                connection = self._connections[address] = await Connection.open(address, self.settings)
            return connection

    async def persist(
        self, what: str, attempt: Callable[[], Awaitable[T]], partitions: Iterable[TopicPartition] = ()
    ) -> T:
        """Run `attempt` until it raises no `PassingError` or the request timeout is over, with news of leaders between.

        Raises what the last attempt raised, as `ClusterError`, or `UnknownTopicError` when one of `partitions` stays
        unknown to the cluster.
        """
        deadline = self.clock.monotonic() + self.request_timeout
        backoff = FIRST_BACKOFF
        while True:
            try:
                return await attempt()
            except BusyError as error:
                if self.clock.monotonic() > deadline:
                    raise ClusterError(f"{what} failed for {self.request_timeout:g} s, last: {error}") from error
                await self.clock.sleep(BUSY_BACKOFF)
                continue
            except PassingError as error:
                if isinstance(error, LeaderlessError) and backoff > UNKNOWN_BACKOFF:
                    self._require(partitions)
                if self.clock.monotonic() + backoff > deadline:
                    raise ClusterError(f"{what} failed for {self.request_timeout:g} s, last: {error}") from error
            await self.clock.sleep(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF)
            try:
                await self.refresh_leaders()
            except PassingError:
                continue  # the next attempt says so better

    def _require(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            info = self.topics.get(partition.topic)
            if info is None:
                raise UnknownTopicError(f"topic {partition.topic} does not exist")
            if not 0 <= partition.partition < info.partitions:
                raise UnknownTopicError(
                    f"topic {partition.topic} has no partition {partition.partition}: it has {info.partitions}"
                )

    # Metadata

    async def refresh_leaders(self) -> None:
        """News of brokers, topics and leaders; configs of known topics stay as they are. Concurrent calls share one."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._load_metadata())
        await asyncio.shield(self._refreshing)

    async def refresh(self) -> None:
        """All news, configs too."""
        await self.refresh_leaders()
        names = list(self.topics)
        for start in range(0, len(names), _DESCRIBED_AT_ONCE):
            await self.load_configs(names[start : start + _DESCRIBED_AT_ONCE])

    async def _load_metadata(self) -> None:
        request = m.MetadataRequest(topics=None, allow_auto_topic_creation=False)
        answer = await self.call_any(apis.METADATA, request)
        self._addresses = {b.node_id: Address(b.host, b.port) for b in answer.brokers}
        self.cluster_id = answer.cluster_id or self.cluster_id
        self.controller = answer.controller_id
        leaders: dict[TopicPartition, int] = {}
        topics: dict[str, TopicInfo] = {}
        for topic in answer.topics:
            if topic.name is None or topic.error_code not in (Code.NONE, Code.LEADER_NOT_AVAILABLE):
                continue
            for p in topic.partitions:
                if p.leader_id >= 0:
                    leaders[TopicPartition(topic.name, p.partition_index)] = p.leader_id
            known = self.topics.get(topic.name)
            same = known is not None and known.topic_id == topic.topic_id
            topics[topic.name] = TopicInfo(
                name=topic.name,
                partitions=len(topic.partitions),
                replication=max((len(p.replica_nodes) for p in topic.partitions), default=0),
                configs=known.configs if known is not None and same else {},
                topic_id=topic.topic_id,
                internal=topic.is_internal,
            )
        self._leaders, self.topics = leaders, topics

    async def load_configs(self, names: Sequence[str]) -> None:
        Resource = m.DescribeConfigsRequest.DescribeConfigsResource  # noqa: N806 - a class
        resources = [Resource(resource_type=_TOPIC_RESOURCE, resource_name=n, configuration_keys=None) for n in names]
        answer = await self.call_any(apis.DESCRIBE_CONFIGS, m.DescribeConfigsRequest(resources=resources))
        for result in answer.results:
            info = self.topics.get(result.resource_name)
            if info is None or result.error_code == Code.UNKNOWN_TOPIC_OR_PARTITION:
                continue  # deleted meanwhile
            check(result.error_code, f"reading the configs of topic {result.resource_name}", result.error_message)
            configs = {c.name: c.value or "" for c in result.configs if c.config_source == _DYNAMIC_TOPIC_CONFIG}
            self.topics[info.name] = TopicInfo(
                info.name, info.partitions, info.replication, configs, info.topic_id, info.internal
            )

    async def close(self) -> None:
        """Close every connection."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])
        for connection in [*self._connections.values(), *(c for pool in self._borrowed.values() for c in pool)]:
            connection.close()
        self._connections.clear()
        self._borrowed.clear()
