"""Administration of any Kafka cluster over its protocol: what `headwater topics`, `groups` and `acls` are made of.

Everything raises `ClusterError` naming what was asked; `AuthenticationError` among them. Unlike in `KafkaCluster`,
nothing is tried for long: a person waits for the answer.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from headwater.cluster.api import TopicInfo, TopicPartition
from headwater.cluster.remote import apis
from headwater.cluster.remote.apis import Api
from headwater.cluster.remote.brokers import Brokers
from headwater.cluster.remote.errors import Code, PassingError, check
from headwater.cluster.remote.groups import GROUP, by_topic
from headwater.core.clock import Clock, SystemClock
from headwater.core.errors import ClusterError, UnknownTopicError
from headwater.core.settings import ClusterSettings
from headwater.wire import messages as m

EARLIEST, LATEST = -2, -1
"""Instead of a timestamp in ms."""
CONSUMER = "consumer"
_DESCRIBE_GROUPS = Api(15, "DescribeGroups", m.DescribeGroupsResponse, 5)
_LIST_GROUPS = Api(16, "ListGroups", m.ListGroupsResponse, 5)
_CONSUMER_GROUPS = Api(69, "ConsumerGroupDescribe", m.ConsumerGroupDescribeResponse, 0)
_CREATE_PARTITIONS = Api(37, "CreatePartitions", m.CreatePartitionsResponse, 3)
_ALTER_CONFIGS = Api(44, "IncrementalAlterConfigs", m.IncrementalAlterConfigsResponse, 1)
_DESCRIBE_ACLS = Api(29, "DescribeAcls", m.DescribeAclsResponse, 3)
_CREATE_ACLS = Api(30, "CreateAcls", m.CreateAclsResponse, 3)
_DELETE_ACLS = Api(31, "DeleteAcls", m.DeleteAclsResponse, 3)
_TOPIC_RESOURCE = 2
_FIRST_OWN = 100
"""Kinds of resource from here on are Headwater's own. Apache Kafka refuses the question, or closes the connection."""
_SET, _DELETE = 0, 1


@dataclass(frozen=True)
class PartitionInfo:
    """One partition; offsets as readers have them, `end` exclusive."""

    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class GroupInfo:
    """A group in the list; `kind` is "classic" or "consumer" (KIP-848)."""

    name: str
    state: str
    kind: str
    protocol: str


@dataclass(frozen=True)
class Member:
    """One consumer of a group."""

    member_id: str
    client_id: str
    host: str
    assignment: frozenset[TopicPartition]


@dataclass(frozen=True)
class GroupDescription:
    """A group, where it stands and who reads."""

    info: GroupInfo
    members: tuple[Member, ...]
    committed: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int] = field(default_factory=dict)
    """Of every partition that is assigned or committed, where it still exists."""

    @property
    def partitions(self) -> list[TopicPartition]:
        """Those that the group has to do with."""
        found = set(self.committed)
        for member in self.members:
            found |= member.assignment
        return sorted(found)

    def lag(self, partition: TopicPartition) -> int | None:
        """Records up to the end; None where nothing was committed or the partition is gone."""
        committed, end = self.committed.get(partition), self.ends.get(partition)
        return None if committed is None or end is None else max(end - committed, 0)

    def owner(self, partition: TopicPartition) -> Member | None:
        return next((member for member in self.members if partition in member.assignment), None)


@dataclass(frozen=True, order=True)
class AclEntry:
    """One entry, in the protocol's numbers."""

    resource: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int


@dataclass(frozen=True)
class AclSelection:
    """Selects entries; None and 1 (ANY) select all."""

    resource: int = 1
    name: str | None = None
    pattern: int = 1
    principal: str | None = None
    host: str | None = None
    operation: int = 1
    permission: int = 1


class ClusterAdmin:
    """Connections for as long as the `async with` lasts."""

    def __init__(self, settings: ClusterSettings, clock: Clock | None = None) -> None:
        self._brokers = Brokers(settings, clock or SystemClock())
        self._timeout_ms = settings.request_timeout_ms

    async def __aenter__(self) -> Self:
        try:
            await self._brokers.refresh_leaders()
        except BaseException:
            await self._brokers.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._brokers.close()

    # Topics

    def topics(self) -> list[TopicInfo]:
        """All that may be seen, by name; without their configs."""
        return [info for _, info in sorted(self._brokers.topics.items())]

    def topic(self, name: str) -> TopicInfo:
        """Raises `UnknownTopicError`."""
        try:
            return self._brokers.topics[name]
        except KeyError:
            raise UnknownTopicError(f"there is no topic {name}, or it may not be seen") from None

    async def configs(self, name: str) -> Mapping[str, str]:
        """What was set for the topic itself."""
        self.topic(name)
        await self._brokers.load_configs([name])
        return self.topic(name).configs

    async def partitions(self, name: str) -> list[PartitionInfo]:
        """Raises `UnknownTopicError`."""
        info = self.topic(name)
        Wanted = m.MetadataRequest.MetadataRequestTopic  # noqa: N806 - a class
        answer = await self._brokers.call_any(apis.METADATA, m.MetadataRequest(topics=[Wanted(name=name)]))
        found = answer.topics[0]
        check(found.error_code, f"describing topic {name}")
        every = [TopicPartition(name, index) for index in range(info.partitions)]
        starts, ends = await self.offsets(every, EARLIEST), await self.offsets(every, LATEST)
        return [
            PartitionInfo(
                p.partition_index,
                p.leader_id,
                tuple(p.replica_nodes),
                tuple(p.isr_nodes),
                starts.get(TopicPartition(name, p.partition_index), 0),
                ends.get(TopicPartition(name, p.partition_index), 0),
            )
            for p in sorted(found.partitions, key=lambda p: p.partition_index)
        ]

    async def create_topic(
        self, name: str, partitions: int = -1, replication: int = -1, configs: Mapping[str, str] | None = None
    ) -> None:
        """-1 leaves a number to the cluster."""
        Config = m.CreateTopicsRequest.CreatableTopicConfig  # noqa: N806 - a class
        wanted = m.CreateTopicsRequest.CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=replication,
            configs=[Config(name=key, value=value) for key, value in (configs or {}).items()],
        )
        request = m.CreateTopicsRequest(topics=[wanted], timeout_ms=self._timeout_ms)
        answer = await self._brokers.call(self._brokers.controller, apis.CREATE_TOPICS, request)
        for result in answer.topics:
            check(result.error_code, f"creating topic {result.name}", result.error_message)

    async def delete_topics(self, names: Sequence[str]) -> None:
        for name in names:
            self.topic(name)
        request = m.DeleteTopicsRequest(topic_names=list(names), timeout_ms=self._timeout_ms)
        answer = await self._brokers.call(self._brokers.controller, apis.DELETE_TOPICS, request)
        for result in answer.responses:
            check(result.error_code, f"deleting topic {result.name}", result.error_message)

    async def add_partitions(self, name: str, count: int) -> None:
        """Up to `count` in all."""
        self.topic(name)
        topic = m.CreatePartitionsRequest.CreatePartitionsTopic(name=name, count=count, assignments=None)
        request = m.CreatePartitionsRequest(topics=[topic], timeout_ms=self._timeout_ms)
        answer = await self._brokers.call(self._brokers.controller, _CREATE_PARTITIONS, request)
        for result in answer.results:
            check(result.error_code, f"giving topic {name} {count} partitions", result.error_message)

    async def alter_configs(self, name: str, put: Mapping[str, str], removed: Iterable[str]) -> None:
        """Set some of a topic's configs, and give others their defaults back."""
        self.topic(name)
        Config = m.IncrementalAlterConfigsRequest.AlterableConfig  # noqa: N806 - a class
        configs = [Config(name=key, config_operation=_SET, value=value) for key, value in put.items()]
        configs += [Config(name=key, config_operation=_DELETE, value=None) for key in removed]
        resource = m.IncrementalAlterConfigsRequest.AlterConfigsResource(
            resource_type=_TOPIC_RESOURCE, resource_name=name, configs=configs
        )
        request = m.IncrementalAlterConfigsRequest(resources=[resource])
        answer = await self._brokers.call_any(_ALTER_CONFIGS, request)
        for result in answer.responses:
            check(result.error_code, f"changing the configs of topic {name}", result.error_message)

    async def offsets(self, partitions: Iterable[TopicPartition], timestamp: int) -> dict[TopicPartition, int]:
        """The first offset at or after the time (ms, or EARLIEST or LATEST); -1 for none. Unknown partitions are left
        out."""
        known = [p for p in partitions if p.topic in self._brokers.topics]
        known = [p for p in known if 0 <= p.partition < self._brokers.topics[p.topic].partitions]
        found: dict[TopicPartition, int] = {}
        Topic = m.ListOffsetsRequest.ListOffsetsTopic  # noqa: N806 - a class
        Partition = m.ListOffsetsRequest.ListOffsetsPartition  # noqa: N806
        for node, theirs in self._brokers.by_leader(known).items():
            topics = [
                Topic(
                    name=name,
                    partitions=[
                        Partition(partition_index=i, current_leader_epoch=-1, timestamp=timestamp) for i, _ in indexes
                    ],
                )
                for name, indexes in by_topic(dict.fromkeys(theirs, 0)).items()
            ]
            request = m.ListOffsetsRequest(replica_id=-1, isolation_level=0, topics=topics)
            answer = await self._brokers.call(node, apis.LIST_OFFSETS, request)
            for topic in answer.topics:
                for p in topic.partitions:
                    check(p.error_code, f"looking for offsets of {topic.name}, partition {p.partition_index}")
                    found[TopicPartition(topic.name, p.partition_index)] = p.offset
        return found

    # Groups

    async def groups(self) -> list[GroupInfo]:
        """Of all brokers, by name."""
        found = {info.name: info for node in self._brokers.nodes() for info in await self._groups_of(node)}
        return [info for _, info in sorted(found.items())]

    async def _groups_of(self, node: int) -> list[GroupInfo]:
        """Those that the broker coordinates."""
        answer = await self._brokers.call(node, _LIST_GROUPS, m.ListGroupsRequest())
        check(answer.error_code, "listing groups")
        return [
            GroupInfo(group.group_id, group.group_state, (group.group_type or "classic").lower(), group.protocol_type)
            for group in answer.groups
        ]

    async def consumer_groups(self) -> list[GroupDescription]:
        """Every group of consumers with its members and positions, but not the partitions' ends. Groups that may not be
        described, or go meanwhile, are left out."""
        found: list[GroupDescription] = []
        for node in self._brokers.nodes():
            for info in await self._groups_of(node):
                if info.kind == CONSUMER or (info.kind == "classic" and info.protocol in (CONSUMER, "")):
                    with contextlib.suppress(ClusterError):
                        found.append(await self._described(node, info))
        return sorted(found, key=lambda group: group.info.name)

    async def describe_group(self, name: str) -> GroupDescription:
        """Raises `ClusterError` if there is no such group."""
        info = next((group for group in await self.groups() if group.name == name), None)
        if info is None:
            raise ClusterError(f"there is no group {name}")
        description = await self._described(await self._coordinator(name), info)
        return replace(description, ends=await self.offsets(description.partitions, LATEST))

    async def _described(self, node: int, info: GroupInfo) -> GroupDescription:
        name = info.name
        members = await (self._consumers(node, name) if info.kind == CONSUMER else self._members(node, name))
        return GroupDescription(info, members, await self._committed(node, name))

    async def _members(self, node: int, name: str) -> tuple[Member, ...]:
        answer = await self._brokers.call(node, _DESCRIBE_GROUPS, m.DescribeGroupsRequest(groups=[name]))
        group = answer.groups[0]
        check(group.error_code, f"describing group {name}", group.error_message)
        return tuple(
            Member(e.member_id, e.client_id, e.client_host.lstrip("/"), assigned(bytes(e.member_assignment)))
            for e in group.members
        )

    async def _consumers(self, node: int, name: str) -> tuple[Member, ...]:
        request = m.ConsumerGroupDescribeRequest(group_ids=[name])
        answer = await self._brokers.call(node, _CONSUMER_GROUPS, request)
        group = answer.groups[0]
        check(group.error_code, f"describing group {name}", group.error_message)
        return tuple(
            Member(
                e.member_id,
                e.client_id,
                e.client_host.lstrip("/"),
                frozenset(
                    TopicPartition(topic.topic_name, index)
                    for topic in (e.assignment.topic_partitions if e.assignment else ())
                    for index in topic.partitions
                ),
            )
            for e in group.members
        )

    async def _committed(self, node: int, name: str) -> dict[TopicPartition, int]:
        request = m.OffsetFetchRequest(group_id=name, topics=None, require_stable=False)
        answer = await self._brokers.call(node, apis.OFFSET_FETCH, request)
        check(answer.error_code, f"reading the offsets of group {name}")
        return {
            TopicPartition(topic.name, p.partition_index): p.committed_offset
            for topic in answer.topics
            for p in topic.partitions
            if p.committed_offset >= 0
        }

    async def commit(self, name: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit as nobody's member, which works while the group has none."""
        Topic = m.OffsetCommitRequest.OffsetCommitRequestTopic  # noqa: N806 - a class
        Partition = m.OffsetCommitRequest.OffsetCommitRequestPartition  # noqa: N806
        topics = [
            Topic(
                name=topic,
                partitions=[Partition(partition_index=i, committed_offset=offset) for i, offset in partitions],
            )
            for topic, partitions in by_topic(offsets).items()
        ]
        request = m.OffsetCommitRequest(group_id=name, generation_id_or_member_epoch=-1, topics=topics)
        answer = await self._brokers.call(await self._coordinator(name), apis.OFFSET_COMMIT, request)
        for result in answer.topics:
            for p in result.partitions:
                if p.error_code == Code.UNKNOWN_MEMBER_ID:
                    raise ClusterError(f"group {name} has members: stop its consumers first")
                check(p.error_code, f"committing offsets of group {name} for topic {result.name}")

    async def delete_group(self, name: str) -> None:
        request = m.DeleteGroupsRequest(groups_names=[name])
        answer = await self._brokers.call(await self._coordinator(name), apis.DELETE_GROUPS, request)
        for result in answer.results:
            if result.error_code == Code.NON_EMPTY_GROUP:
                raise ClusterError(f"group {name} has members: stop its consumers first")
            if result.error_code == Code.GROUP_ID_NOT_FOUND:
                raise ClusterError(f"there is no group {name}")
            check(result.error_code, f"deleting group {name}")

    async def _coordinator(self, name: str) -> int:
        request = m.FindCoordinatorRequest(key=name, key_type=GROUP)
        answer = await self._brokers.call_any(apis.FIND_COORDINATOR, request)
        check(answer.error_code, f"finding the coordinator of group {name}", answer.error_message)
        return answer.node_id

    # ACLs

    async def acls(self, wanted: AclSelection) -> list[AclEntry]:
        request = m.DescribeAclsRequest(
            resource_type_filter=wanted.resource,
            resource_name_filter=wanted.name,
            pattern_type_filter=wanted.pattern,
            principal_filter=wanted.principal,
            host_filter=wanted.host,
            operation=wanted.operation,
            permission_type=wanted.permission,
        )
        try:
            answer = await self._brokers.call_any(_DESCRIBE_ACLS, request)
        except PassingError:
            if wanted.resource < _FIRST_OWN:
                raise
            return []
        if wanted.resource >= _FIRST_OWN and answer.error_code in (Code.INVALID_REQUEST, Code.UNKNOWN_SERVER_ERROR):
            return []
        check(answer.error_code, "listing ACLs", answer.error_message)
        return sorted(
            AclEntry(
                r.resource_type, r.resource_name, r.pattern_type, a.principal, a.host, a.operation, a.permission_type
            )
            for r in answer.resources
            for a in r.acls
        )

    async def add_acls(self, entries: Sequence[AclEntry]) -> None:
        Creation = m.CreateAclsRequest.AclCreation  # noqa: N806 - a class
        request = m.CreateAclsRequest(
            creations=[
                Creation(
                    resource_type=e.resource,
                    resource_name=e.name,
                    resource_pattern_type=e.pattern,
                    principal=e.principal,
                    host=e.host,
                    operation=e.operation,
                    permission_type=e.permission,
                )
                for e in entries
            ]
        )
        answer = await self._brokers.call(self._brokers.controller, _CREATE_ACLS, request)
        for result in answer.results:
            check(result.error_code, "adding ACLs", result.error_message)

    async def remove_acls(self, wanted: AclSelection) -> int:
        """How many there were."""
        selection = m.DeleteAclsRequest.DeleteAclsFilter(
            resource_type_filter=wanted.resource,
            resource_name_filter=wanted.name,
            pattern_type_filter=wanted.pattern,
            principal_filter=wanted.principal,
            host_filter=wanted.host,
            operation=wanted.operation,
            permission_type=wanted.permission,
        )
        if wanted.resource >= _FIRST_OWN and not await self.acls(wanted):
            return 0
        request = m.DeleteAclsRequest(filters=[selection])
        answer = await self._brokers.call(self._brokers.controller, _DELETE_ACLS, request)
        for result in answer.filter_results:
            check(result.error_code, "removing ACLs", result.error_message)
        return sum(len(result.matching_acls) for result in answer.filter_results)


def assigned(data: bytes) -> frozenset[TopicPartition]:
    """What a classic member's assignment holds, when it is that of consumers; nothing for other protocols."""
    found: set[TopicPartition] = set()
    try:
        _, topics = struct.unpack_from(">hi", data)
        at = 6
        for _ in range(topics):
            (size,) = struct.unpack_from(">h", data, at)
            name = data[at + 2 : at + 2 + size].decode()
            (count,) = struct.unpack_from(">i", data, at + 2 + size)
            at += 6 + size
            found.update(TopicPartition(name, index) for index in struct.unpack_from(f">{count}i", data, at))
            at += 4 * count
    except (struct.error, UnicodeDecodeError):
        return frozenset()
    return frozenset(found)
