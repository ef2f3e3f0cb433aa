"""`KafkaCluster`: the port over any Apache Kafka cluster, whole record batches in and out.

It speaks the protocol itself, with the codec of `headwater.wire`: client libraries hand out single records, and copying
and rebuilding each would cost several times what a query does with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from headwater.cluster.api import Commit, Fetched, TopicInfo, TopicPartition, TopicSpec
from headwater.cluster.remote import apis
from headwater.cluster.remote.brokers import Brokers
from headwater.cluster.remote.errors import AuthenticationError, Code, LeaderlessError, PassingError, check
from headwater.cluster.remote.fetching import Fetcher
from headwater.cluster.remote.groups import Coordinators, Groups
from headwater.cluster.remote.membership import GroupProtocol, Membership
from headwater.cluster.remote.transactions import Transactions
from headwater.cluster.remote.writing import Writer
from headwater.core.clock import Clock, SystemClock
from headwater.core.errors import StartupError, TopicExistsError, UnknownTopicError
from headwater.core.settings import ClusterSettings
from headwater.wire import messages as m


class KafkaCluster:
    """Topics and offsets of a Kafka cluster; the `Cluster` port says what each method does.

    A commit that has begun runs to its end even when the caller is cancelled, and `close` waits for it: a transaction
    left open would hold up every reader of its partitions for a minute.
    """

    def __init__(self, settings: ClusterSettings, clock: Clock | None = None) -> None:
        self._brokers = Brokers(settings, clock or SystemClock())
        self._fetcher = Fetcher(self._brokers)
        self._writer = Writer(self._brokers)
        self._coordinators = Coordinators(self._brokers)
        self._groups = Groups(self._coordinators)
        self._transactions: dict[str, Transactions] = {}
        self._commits: set[asyncio.Task[list[int]]] = set()

    @property
    def cluster_id(self) -> str:
        return self._brokers.cluster_id

    @property
    def write_failure(self) -> str | None:
        """Always None: the brokers know, and refuse or delay each write on their own."""
        return None

    async def start(self) -> None:
        servers = self._brokers.settings.bootstrap_servers
        try:
            await self.refresh()
        except AuthenticationError as error:
            await self._brokers.close()
            raise StartupError(f"{error}; check the settings of [cluster]") from error
        except PassingError as error:
            await self._brokers.close()
            raise StartupError(
                f"no Kafka cluster at {servers}: {error}; check that it runs and that the address is right"
            ) from error

    async def close(self) -> None:
        if self._commits:
            await asyncio.wait(self._commits)
        await self._fetcher.close()
        await self._brokers.close()

    # Topics

    def topic(self, name: str) -> TopicInfo | None:
        return self._brokers.topics.get(name)

    def topics(self) -> Mapping[str, TopicInfo]:
        return self._brokers.topics

    async def refresh(self) -> None:
        await self._brokers.refresh()

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        await self._brokers.refresh_leaders()
        new = list(specs)
        existing = next((i for i, s in enumerate(specs) if s.name in self._brokers.topics), None)
        if existing is not None:
            new = new[:existing]
        if new:
            await self._create(new)
        if existing is not None:
            raise TopicExistsError(f"topic {specs[existing].name} exists already")

    async def _create(self, specs: Sequence[TopicSpec]) -> None:
        request = m.CreateTopicsRequest(
            topics=[_creatable(spec) for spec in specs], timeout_ms=self._brokers.settings.request_timeout_ms
        )
        names = ", ".join(s.name for s in specs)
        tries = 0

        async def attempt() -> None:
            nonlocal tries
            tries += 1
            answer = await self._brokers.call(self._brokers.controller, apis.CREATE_TOPICS, request)
            for result in answer.topics:
                if result.error_code == Code.TOPIC_ALREADY_EXISTS and tries > 1:
                    continue  # made by the try whose answer was lost
                check(result.error_code, f"creating topic {result.name}", result.error_message)

        await self._brokers.persist(f"creating {names}", attempt)
        await self._brokers.persist(f"waiting for leaders of {names}", partial(self._await_leaders, specs))
        await self._brokers.load_configs([s.name for s in specs])

    async def _await_leaders(self, specs: Sequence[TopicSpec]) -> None:
        await self._brokers.refresh_leaders()
        for spec in specs:
            info = self.topic(spec.name)
            if info is None:
                raise LeaderlessError(f"topic {spec.name} is not known yet")
            for index in range(info.partitions):
                self._brokers.leader(TopicPartition(spec.name, index))

    async def delete_topics(self, names: Sequence[str]) -> None:
        if not names:
            return
        request = m.DeleteTopicsRequest(topic_names=list(names), timeout_ms=self._brokers.settings.request_timeout_ms)
        tries = 0

        async def attempt() -> None:
            nonlocal tries
            tries += 1
            answer = await self._brokers.call(self._brokers.controller, apis.DELETE_TOPICS, request)
            for result in answer.responses:
                if result.error_code == Code.UNKNOWN_TOPIC_OR_PARTITION:
                    if tries > 1:
                        continue  # deleted by the try whose answer was lost
                    raise UnknownTopicError(f"topic {result.name} does not exist")
                check(result.error_code, f"deleting topic {result.name}", result.error_message)

        await self._brokers.persist(f"deleting {', '.join(names)}", attempt)
        await self._brokers.persist("waiting for topics to be gone", partial(self._await_gone, names))

    async def _await_gone(self, names: Sequence[str]) -> None:
        await self._brokers.refresh_leaders()
        for name in names:
            if self.topic(name) is not None:
                raise PassingError(f"topic {name} is still there")

    # Records

    async def fetch(self, positions: Mapping[TopicPartition, int], max_bytes: int = 4 << 20) -> list[Fetched]:
        return await self._fetcher.fetch(positions, max_bytes)

    async def wait(self, positions: Mapping[TopicPartition, int], timeout: float) -> bool:
        return await self._fetcher.wait(positions, timeout)

    async def list_offset(self, partition: TopicPartition, timestamp: int) -> int:
        return await self._fetcher.list_offset(partition, timestamp)

    async def commit(self, work: Commit) -> list[int]:
        task = asyncio.create_task(self._apply(work))
        self._commits.add(task)
        task.add_done_callback(self._committed_in_the_end)
        return await asyncio.shield(task)

    def _committed_in_the_end(self, task: asyncio.Task[list[int]]) -> None:
        self._commits.discard(task)
        if not task.cancelled():
            task.exception()  # whoever was cancelled while waiting does not want to hear of it

    async def _apply(self, work: Commit) -> list[int]:
        if work.transactional_id is not None:
            return await self._transactions_as(work.transactional_id).commit(work)
        offsets = await self._writer.write(work.appends) if work.appends else []
        if work.group is not None and work.offsets:
            await self._groups.commit(work.group, work.offsets)
        return offsets

    async def take_over(self, transactional_id: str) -> None:
        """Abort what anybody has begun under the id, also this process, and shut out who had it.

        Raises `ClusterError`.
        """
        self._transactions.pop(transactional_id, None)
        await self._transactions_as(transactional_id).begin()

    async def regain(self, transactional_id: str) -> None:
        await self._transactions_as(transactional_id).begin()

    def _transactions_as(self, transactional_id: str) -> Transactions:
        known = self._transactions.get(transactional_id)
        if known is None:
            known = Transactions(self._brokers, self._coordinators, transactional_id)
            self._transactions[transactional_id] = known
        return known

    # Groups

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._groups.committed(group, partitions) if partitions else {}

    def member(self, protocol: GroupProtocol) -> Membership:
        """A member of a group, which has not joined yet."""
        return Membership(self._brokers, self._coordinators, protocol)

    async def delete_group(self, group: str) -> None:
        await self._groups.delete(group)


def _creatable(spec: TopicSpec) -> m.CreateTopicsRequest.CreatableTopic:
    Config = m.CreateTopicsRequest.CreatableTopicConfig  # noqa: N806 - a class
    return m.CreateTopicsRequest.CreatableTopic(
        name=spec.name,
        num_partitions=spec.partitions,
        replication_factor=spec.replication,
        configs=[Config(name=name, value=value) for name, value in spec.configs.items()],
    )
