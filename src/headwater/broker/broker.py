"""The broker: the log, the coordinators and what handlers share. Front doors hand it frames through its dispatcher."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping

from headwater.broker.access import ANONYMOUS, Access
from headwater.broker.acls import CLUSTER_NAME, OPERATIONS, Operation, Resource
from headwater.broker.apis import APIS
from headwater.broker.auth import Verifier
from headwater.broker.dispatch import Dispatcher
from headwater.broker.dynamic_configs import DynamicConfigs
from headwater.broker.errors import Code
from headwater.broker.fetch_sessions import FetchSessions
from headwater.broker.groups.coordinator import GroupCoordinator
from headwater.broker.groups.group import expired_offsets
from headwater.broker.oauth import TokenValidator
from headwater.broker.observation import Observation
from headwater.broker.quotas import Quotas
from headwater.broker.record_check import RecordCheck, unchecked
from headwater.broker.security import SecurityStore
from headwater.broker.session import Context, Session
from headwater.broker.settings import BrokerSettings
from headwater.broker.statistics import BrokerStatistics
from headwater.broker.timers import Timer, Timers
from headwater.broker.transactions.coordinator import TransactionCoordinator
from headwater.broker.transactions.transaction import ProducerId
from headwater.core.clock import Clock
from headwater.core.errors import LogError
from headwater.log.log import Log
from headwater.log.offsets import Key, Offset, OffsetStore
from headwater.log.partition import Partition
from headwater.log.slices import run_in_slices
from headwater.log.topic import Topic

_EXPIRY_S = 600.0
"""How often old positions of groups are looked for (Kafka's `offsets.retention.check.interval.ms`)."""

logger = logging.getLogger(__name__)


class Broker:
    """Serves the Kafka protocol over an open log. All calls on the event loop's thread.

    `offsets` is shared with whoever else commits offsets through the same log; it is made here if not given. `verifier`
    knows the operator's API keys; with one, clients have to log in unless `login_required` says otherwise. `tokens`
    turns OAUTHBEARER on. `timers` are those of the event loop unless a test brings its own.
    """

    def __init__(
        self,
        log: Log,
        clock: Clock,
        settings: BrokerSettings | None = None,
        *,
        offsets: OffsetStore | None = None,
        verifier: Verifier | None = None,
        login_required: bool | None = None,
        tokens: TokenValidator | None = None,
        timers: Timers | None = None,
    ) -> None:
        self.log = log
        self.clock = clock
        self.settings = settings or BrokerSettings()
        self.security = SecurityStore(log)
        required = verifier is not None if login_required is None else login_required
        self.access = Access(
            verifier,
            self.security,
            required=required,
            super_users=self.settings.super_users,
            open_without_acl=self.settings.allow_everyone_if_no_acl_found,
        )
        self.tokens = tokens
        self.offsets = offsets or OffsetStore(log, clock)
        self._shared_offsets = offsets is not None
        self._timers = timers
        self.statistics = BrokerStatistics()
        self.observation = Observation(clock)
        self.record_check: RecordCheck = unchecked
        """Asked before a client's records are appended; whoever runs the broker may set another."""
        self.reserved_topics: set[str] = set()
        """Topics that only this node itself writes, such as its SQL commands: clients may read them."""
        self.quotas = Quotas(log, clock)
        self.configs = DynamicConfigs(log, self.settings)
        self.fetch_sessions = FetchSessions(clock.monotonic, self.statistics.session_evicted)
        self.dispatcher = Dispatcher(self)
        self.advertised_versions = {key: api.advertised for key, api in sorted(APIS.items())}
        self._groups: GroupCoordinator | None = None
        self._transactions: TransactionCoordinator | None = None
        self._expiry: Timer | None = None

    async def start(self) -> None:
        """Replay committed offsets, groups and transactions. The log is open already."""
        self.security.load()
        self.quotas.load()
        self.configs.load()
        if not self._shared_offsets:
            self.offsets.load()
        if self._timers is None:
            self._timers = asyncio.get_running_loop()
        self._groups = GroupCoordinator(
            self.offsets,
            self.log,
            self.clock,
            self.timers,
            self.settings,
            group_number=self.configs.group_number,
        )
        self._groups.load()
        self._transactions = TransactionCoordinator(self.log, self.offsets, self.clock, self.timers, self.settings)
        self._transactions.load()
        self._expiry = self.timers.call_later(_EXPIRY_S, self.expire_offsets)

    async def close(self) -> None:
        """Stop timers. Listeners are to be closed before, the log after."""
        if self._expiry is not None:
            self._expiry.cancel()
        if self._groups is not None:
            self._groups.close()
        if self._transactions is not None:
            self._transactions.close()

    @property
    def timers(self) -> Timers:
        if self._timers is None:
            raise RuntimeError("The broker has not been started")
        return self._timers

    @property
    def groups(self) -> GroupCoordinator:
        if self._groups is None:
            raise RuntimeError("The broker has not been started")
        return self._groups

    @property
    def transactions(self) -> TransactionCoordinator:
        if self._transactions is None:
            raise RuntimeError("The broker has not been started")
        return self._transactions

    def new_session(
        self,
        peer: str,
        local_host: str,
        local_port: int,
        *,
        login: bool | None = None,
        advertised: tuple[str, int] = ("", 0),
    ) -> Session:
        """The state of a new connection. `login` says whether the listener's clients log in (None: if they have to on
        this node), `advertised` where they are told to connect to."""
        login = self.access.required if login is None else login
        return Session(peer, local_host, local_port, None if login else ANONYMOUS, login, *advertised)

    def advertised(self, session: Session) -> tuple[str, int]:
        """Host and port that the client is told to connect to."""
        settings = self.settings
        host = session.advertised_host or settings.advertised_host or session.local_host
        return host, session.advertised_port or settings.advertised_port or session.local_port

    # Who may do what

    def allows(self, context: Context, operation: Operation, resource: Resource, name: str) -> bool:
        """Whether the request's sender may do it."""
        session = context.session
        return self.access.allows(session.principal, session.peer, operation, resource, name)

    def authorized_operations(self, context: Context, resource: Resource, name: str = CLUSTER_NAME) -> int:
        """What the request's sender may do with it: a bit for each operation (KIP-430)."""
        return sum(1 << op for op in OPERATIONS[resource] if self.allows(context, op, resource, name))

    def allows_creation(self, context: Context, topic: str) -> bool:
        """Whether the request's sender may create the topic: this one, or any."""
        return self.allows(context, Operation.CREATE, Resource.CLUSTER, CLUSTER_NAME) or self.allows(
            context, Operation.CREATE, Resource.TOPIC, topic
        )

    def partition(self, topic: str, index: int) -> Partition | None:
        found = self.log.topic(topic)
        return found.partitions[index] if found is not None and 0 <= index < len(found.partitions) else None

    def auto_create(self, name: str) -> Topic:
        """Create a topic because a client asked for it. Raises `HeadwaterError`."""
        return self.log.create_topic(name, self.settings.default_partitions)

    async def delete_topics(self, names: Collection[str]) -> None:
        """Delete the topics, which exist, and what groups committed for them. Raises `HeadwaterError`."""
        await run_in_slices(self.log.delete_topics(names))
        self.offsets.delete_topics(names)

    def delete_group(self, name: str) -> Code:
        """Forget a group and its offsets."""
        code = self.groups.delete(name)
        has_offsets = name in self.offsets.groups()
        if code is Code.GROUP_ID_NOT_FOUND and has_offsets:
            code = Code.NONE
        if not code and has_offsets:
            self.offsets.delete(name, None)
        return code

    def expire_offsets(self) -> None:
        """Forget positions that nobody has needed for `offsets_retention_ms`, and groups that have nothing else."""
        before = self.clock.now_ms() - self.settings.offsets_retention_ms
        for name in self.offsets.groups():
            group = self.groups.groups.get(name)
            offsets = self.offsets.fetch(name)
            expired = expired_offsets(group, offsets, before)
            try:
                if expired:
                    self.offsets.delete(name, expired)
                is_old = group is not None and group.is_empty and 0 <= group.changed_ms < before
                if is_old and len(expired) == len(offsets):
                    self.groups.delete(name)
            except LogError as error:
                logger.warning("Positions of group %s stay for now: %s", name, error)
        self._expiry = self.timers.call_later(_EXPIRY_S, self.expire_offsets)

    async def commit_offsets(self, group: str, offsets: Mapping[Key, Offset]) -> None:
        """Store a group's positions; returns when they are durable. Raises `HeadwaterError`."""
        self.commit_offsets_later(group, offsets)
        await self.log.durable()

    def commit_offsets_later(
        self, group: str, offsets: Mapping[Key, Offset], producer: ProducerId | None = None
    ) -> None:
        """Append a group's positions, in a producer's transaction if given; not durable yet. Raises `LogError`."""
        number, epoch = (-1, -1) if producer is None else producer
        partition, data = self.offsets.commit_batch(group, offsets, producer_id=number, producer_epoch=epoch)
        partition.append(data)
        self.offsets.applied(group, offsets, producer_id=number)
