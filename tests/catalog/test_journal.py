"""The catalog's topic when reading it fails on the way: nothing is left out the next time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from headwater.catalog.journal import TOPIC, Journal
from headwater.catalog.state import decode
from headwater.cluster.api import Append, Commit, Fetched, TopicPartition, TopicSpec
from headwater.cluster.local import LocalCluster
from headwater.core.errors import ClusterError
from headwater.log import Log, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.testing import ManualClock
from headwater.wire.records import build_batch


class Failing(LocalCluster):
    """Gives a batch at a time, and fails where it is told to."""

    fails_at: int | None = None

    async def fetch(self, positions: Mapping[TopicPartition, int], max_bytes: int = 4 << 20) -> list[Fetched]:
        if self.fails_at in positions.values():
            self.fails_at = None
            raise ClusterError("gone for a moment")
        return await super().fetch(positions, 1)


@pytest.fixture
async def cluster() -> AsyncIterator[Failing]:
    clock = ManualClock()
    log = Log(MemoryStorage(), clock)
    log.open()
    made = Failing(log, OffsetStore(log, clock), clock)
    await made.start()
    yield made
    await made.close()
    log.close()


async def test_what_was_read_before_a_failure_is_read_again(cluster: Failing) -> None:
    key = b'["TAGDEF","%d"]'
    value = b'{"name":"%d"}'
    await cluster.create_topics([TopicSpec(TOPIC, 1)])
    for number in range(3):
        batch = build_batch([(key % number, value % number, 1, ())])
        await cluster.commit(Commit([Append(TopicPartition(TOPIC, 0), batch)]))
    everything = [decode(key % number, value % number) for number in range(3)]
    journal = Journal(cluster, ManualClock())
    cluster.fails_at = 2
    with pytest.raises(ClusterError):
        await journal.read()
    assert await journal.read() == everything
    assert await journal.read() == []
