"""Transactions over kills of the process and power cuts: all or nothing, and nothing acknowledged is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest

from headwater.broker.settings import BrokerSettings
from headwater.broker.transactions.coordinator import TransactionCoordinator
from headwater.broker.transactions.transaction import ProducerId
from headwater.core.errors import LogError
from headwater.log.journal import JOURNAL
from headwater.log.log import Log
from headwater.log.offsets import OffsetStore
from headwater.log.storage import Storage
from headwater.testing.storage import FaultyStorage, ProcessKilled
from headwater.wire.records import build_batch, read_records
from tests.broker.support import ManualTime

PARTITIONS = 2


@dataclass
class Node:
    """Log, offsets and coordinator over a storage, as the broker has them."""

    log: Log
    offsets: OffsetStore
    coordinator: TransactionCoordinator

    @classmethod
    def start(cls, storage: Storage, time: ManualTime) -> Node:
        log = Log(storage, time)
        log.open()
        offsets = OffsetStore(log, time)
        offsets.load()
        coordinator = TransactionCoordinator(log, offsets, time, time, BrokerSettings())
        coordinator.load()
        return cls(log, offsets, coordinator)


@dataclass
class Seen:
    """What the clients were told."""

    committed: set[int] = field(default_factory=set)
    aborted: set[int] = field(default_factory=set)
    begun: int = 0


async def work(node: Node, seen: Seen, transactions: int) -> None:
    """Transactions over two partitions and a group's offset, every third one aborted; `seen` only what was durable."""
    log, coordinator = node.log, node.coordinator
    if log.topic("t") is None:
        log.create_topic("t", PARTITIONS)
    code, producer = coordinator.init_producer("x", 60_000, None)
    assert not code
    for sequence in range(transactions):
        number = seen.begun
        seen.begun += 1
        assert not coordinator.add("x", producer, [("t", index) for index in range(PARTITIONS)])
        for index in range(PARTITIONS):
            batch = build_batch(
                [(b"k", b"%d" % number, 0, ())],
                producer_id=producer.id,
                producer_epoch=producer.epoch,
                base_sequence=sequence,
                transactional=True,
            )
            log.partition("t", index).append(batch, from_client=True)
        commit_offset(node, producer, number)
        commit = number % 3 != 2
        code, _ = coordinator.end("x", producer, commit=commit, bumps=False)
        assert not code
        await log.durable()
        (seen.committed if commit else seen.aborted).add(number)


def commit_offset(node: Node, producer: ProducerId, number: int) -> None:
    assert not node.coordinator.add_group("x", producer, "g")
    offsets = {("t", 0): (number, -1, "")}
    partition, data = node.offsets.commit_batch("g", offsets, producer_id=producer.id, producer_epoch=producer.epoch)
    partition.append(data)
    node.offsets.applied("g", offsets, producer_id=producer.id)


def committed(node: Node, index: int) -> list[int]:
    """What a reader of committed records gets from a partition."""
    partition = node.log.partition("t", index)
    data = partition.read(partition.log_start, 1 << 20, max_offset=partition.last_stable_offset)
    aborted = partition.aborted_in(0, 1 << 40)
    return [
        int(record.value or b"")
        for record in read_records(data)
        if not any(a.first_offset <= record.offset <= a.last_offset for a in aborted)
    ]


def check(node: Node, seen: Seen) -> None:
    """The partitions and the group's offset tell of the same transactions, none acknowledged is missing."""
    if node.log.topic("t") is None:
        assert not seen.committed
        return
    code, _ = node.coordinator.init_producer("x", 60_000, None)  # the next owner: what is open is aborted
    assert not code
    first, second = committed(node, 0), committed(node, 1)
    assert first == second == sorted(set(first))
    assert seen.committed <= set(first)
    assert not seen.aborted & set(first)
    at = node.offsets.get("g", ("t", 0))
    assert (first[-1] if first else None) == (at.offset if at is not None else None)
    for index in range(PARTITIONS):
        assert node.log.partition("t", index).last_stable_offset <= node.log.partition("t", index).log_end
        producers = node.log.partition("t", index).producers
        assert producers is None or producers.first_open == -1


@pytest.mark.parametrize("how", ["kill", *(f"power cut {number}" for number in range(4))])
async def test_a_crash_at_any_change_leaves_whole_transactions(how: str) -> None:
    random = Random(how)
    for operation in count(0, 2 if how == "kill" else 3):
        storage, seen, time = FaultyStorage(), Seen(), ManualTime()
        storage.kill_at(operation, random.choice((0, 1, 30, 100)) if how == "kill" else 0)
        survived = False
        try:
            await work(Node.start(storage, time), seen, 6)
            survived = True
        except (ProcessKilled, LogError):
            pass  # a sync that was under way reports the end of the process as a failed one
        if how == "kill":
            storage.restart()
        else:
            storage.kill()
            storage.power_cut(random, written_out={JOURNAL})  # what the journal promises holds with it on disk first
        node = Node.start(storage, time)
        check(node, seen)
        await work(node, seen, 3)
        check(node, seen)
        if survived:
            assert operation > 10
            return
