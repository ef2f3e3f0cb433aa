"""The port `Cluster`: everything above the log speaks to topics through it, be the log embedded or a Kafka cluster.

The unit of I/O is Kafka's v2 record batch, as bytes. Offsets are absolute record offsets; an "end" offset is exclusive.
One inherited conformance suite (`headwater.testing.cluster_suite`) runs against every implementation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

EARLIEST = -2
"""As `timestamp` of `list_offset`: the first offset that can still be read."""
LATEST = -1
"""As `timestamp` of `list_offset`: the offset the next record will get."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True)
class TopicSpec:
    """What to create. `replication` above the number of nodes is accepted where the cluster accepts it."""

    name: str
    partitions: int = 1
    replication: int = -1
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicInfo:
    """What exists. `configs` holds what was set explicitly at creation or later."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]
    topic_id: bytes = b""
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """Raw batches of one partition.

    `data` is a whole number of v2 record batches; the first may start before the offset asked for. `next_offset` is
    where to fetch next (it is past `data`'s last record, also when trailing batches were control batches).
    `high_watermark` is exclusive. Only committed records are in `data`.
    """

    partition: TopicPartition
    data: bytes | memoryview
    next_offset: int
    high_watermark: int


@dataclass(frozen=True, slots=True)
class Append:
    """Record batches for one partition. Base offsets inside `data` are relative: the log assigns the real ones."""

    partition: TopicPartition
    data: bytes


@dataclass(frozen=True)
class Commit:
    """One unit of work: records of any number of partitions and consumer offsets, all or nothing.

    `offsets` are the positions the group has consumed up to (exclusive). On an embedded log this is atomic also across
    kill -9. On Apache Kafka it is a transaction when `transactional_id` is set, else at-least-once: records
    first, then offsets.
    """

    appends: Sequence[Append] = ()
    group: str | None = None
    offsets: Mapping[TopicPartition, int] = field(default_factory=dict)
    transactional_id: str | None = None


class Cluster(Protocol):
    """Topics, raw batches and group offsets. All methods raise `ClusterError` or a subclass of it, or `LogError`."""

    @property
    def cluster_id(self) -> str: ...

    @property
    def write_failure(self) -> str | None:
        """Why topics cannot be written to, for the operator; None while they can, as far as is known."""
        ...

    async def start(self) -> None:
        """Connect or recover; raises `StartupError`."""
        ...

    async def close(self) -> None: ...

    def topic(self, name: str) -> TopicInfo | None:
        """The topic as last known, without I/O; `refresh` brings news from a remote cluster."""
        ...

    def topics(self) -> Mapping[str, TopicInfo]: ...

    async def refresh(self) -> None: ...

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        """Create all; raises `TopicExistsError` for the first that exists (earlier ones stay)."""
        ...

    async def delete_topics(self, names: Sequence[str]) -> None: ...

    async def fetch(self, positions: Mapping[TopicPartition, int], max_bytes: int = 4 << 20) -> list[Fetched]:
        """What is there now, at most about `max_bytes` in all, at least one batch where there is one; never waits.

        An offset below the log start is moved up to it; one above the end raises `LogError`.
        """
        ...

    async def wait(self, positions: Mapping[TopicPartition, int], timeout: float) -> bool:
        """Suspend until some partition has records at or after its position, or `timeout` seconds passed (False)."""
        ...

    async def list_offset(self, partition: TopicPartition, timestamp: int) -> int:
        """EARLIEST, LATEST, or the first offset whose record time is at or after `timestamp` ms (the end if none)."""
        ...

    async def commit(self, work: Commit) -> list[int]:
        """Apply; returns the base offset given to each append, in order."""
        ...

    async def take_over(self, transactional_id: str) -> None:
        """Shut out whoever committed under the id so far: positions that are read afterwards are the last ones.

        For whoever has just been given what is done under the id: started, elected, assigned. On an embedded log there
        is nobody else.
        """
        ...

    async def regain(self, transactional_id: str) -> None:
        """Go on as the id's owner after a failure: what came of a commit that failed is settled afterwards.

        Raises `FencedError` once somebody else has taken the id over, as every commit does from then on: stop. The same
        comes of a transaction that could not be ended before the cluster gave it up: who can tell that nobody else has
        worked since may `take_over` again.
        """
        ...

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Committed offsets of the group; partitions without one are absent."""
        ...

    async def delete_group(self, group: str) -> None:
        """Forget the group's offsets; nothing happens if it has none."""
        ...
