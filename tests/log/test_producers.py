"""Idempotent and transactional producers: duplicates, gaps, fencing, what is stable and what was aborted."""

from __future__ import annotations

from random import Random

import pytest

from headwater.log import (
    FsyncPolicy,
    InvalidProducerEpochError,
    InvalidRecordError,
    InvalidTransactionStateError,
    MemoryStorage,
    OutOfOrderSequenceError,
    Partition,
)
from headwater.log.markers import ABORT, COMMIT, build_marker, marker_type
from headwater.log.producers import Aborted, Producers
from headwater.testing import ManualClock
from headwater.testing.clock import START_MS
from headwater.testing.storage import FaultyStorage
from headwater.wire.records import batch_headers, check_crc, read_records
from tests.log.support import batch, open_log, records

LAST = (1 << 31) - 1


def new_partition() -> Partition:
    return open_log(MemoryStorage()).create_topic("t").partitions[0]


def produce(
    partition: Partition, sequence: int, *, records: int = 1, epoch: int = 0, producer: int = 5
) -> tuple[int, bool]:
    data = batch(*[b"%d" % sequence] * records, producer=producer, epoch=epoch, sequence=sequence)
    result = partition.append(data, from_client=True)
    return result.base_offset, result.duplicate


def transact(partition: Partition, value: bytes, *, producer: int = 5, sequence: int = 0, epoch: int = 0) -> None:
    data = batch(value, producer=producer, sequence=sequence, epoch=epoch, transactional=True)
    partition.append(data, from_client=True)


def end(partition: Partition, *, commit: bool, producer: int = 5, epoch: int = 0) -> int:
    return partition.append(build_marker(producer, epoch, commit=commit, timestamp=START_MS)).base_offset


def test_a_repeated_batch_is_answered_with_its_first_offset() -> None:
    partition = new_partition()
    for sequence in range(0, 10, 2):
        assert produce(partition, sequence, records=2) == (sequence, False)
    for sequence in range(0, 10, 2):
        assert produce(partition, sequence, records=2) == (sequence, True)
    assert partition.log_end == 10


def test_only_the_last_five_batches_are_known_as_duplicates() -> None:
    partition = new_partition()
    for sequence in range(6):
        produce(partition, sequence)
    with pytest.raises(OutOfOrderSequenceError):
        produce(partition, 0)


@pytest.mark.parametrize("sequence", [0, 2, 100, LAST])
def test_a_gap_in_the_sequence_is_refused(sequence: int) -> None:
    partition = new_partition()
    produce(partition, 0, records=1)
    if sequence == 0:
        assert produce(partition, 0) == (0, True)
        return
    with pytest.raises(OutOfOrderSequenceError, match="expected 1"):
        produce(partition, sequence)
    assert partition.log_end == 1


def test_sequences_wrap_around() -> None:
    partition = new_partition()
    produce(partition, LAST - 1, records=3)
    assert produce(partition, 1) == (3, False)
    assert produce(partition, LAST - 1, records=3) == (0, True)


def test_an_unknown_producer_may_begin_anywhere() -> None:
    partition = new_partition()
    assert produce(partition, 17) == (0, False)


def test_a_new_epoch_begins_at_zero_and_fences_the_old_one() -> None:
    partition = new_partition()
    produce(partition, 0)
    with pytest.raises(OutOfOrderSequenceError, match="not 0"):
        produce(partition, 1, epoch=1)
    assert produce(partition, 0, epoch=1) == (1, False)
    with pytest.raises(InvalidProducerEpochError, match="epoch 1"):
        produce(partition, 1, epoch=0)


def test_producers_do_not_disturb_each_other() -> None:
    partition = new_partition()
    for sequence in range(3):
        for producer in (1, 2):
            assert not produce(partition, sequence, producer=producer)[1]


def test_a_producer_without_sequence_is_refused() -> None:
    data = batch(b"a", producer=5, sequence=-1)
    with pytest.raises(InvalidRecordError, match="sequence"):
        new_partition().append(data, from_client=True)


def test_a_producer_silent_for_long_is_forgotten() -> None:
    clock = ManualClock()
    log = open_log(MemoryStorage(), clock, producer_id_expiration_ms=1000)
    partition = log.create_topic("t").partitions[0]
    produce(partition, 0)
    clock.advance(1001)
    log.maintenance()
    assert produce(partition, 7) == (1, False)


def test_markers_can_be_told_apart() -> None:
    for commit in (True, False):
        data = build_marker(5, 2, commit=commit, timestamp=START_MS)
        (header,) = batch_headers(data)
        assert (header.producer_id, header.producer_epoch, header.is_control, header.is_transactional) == (
            5,
            2,
            True,
            True,
        )
        assert header.base_sequence == -1
        assert check_crc(data, 0, len(data))
        assert marker_type(data, header) == (COMMIT if commit else ABORT)
        assert read_records(data) == []


def test_an_open_transaction_holds_the_last_stable_offset() -> None:
    partition = new_partition()
    partition.append(batch(b"plain"))
    transact(partition, b"a")
    partition.append(batch(b"after"))
    assert (partition.last_stable_offset, partition.high_watermark) == (1, 3)
    transact(partition, b"b", producer=6)
    end(partition, commit=True)
    assert partition.last_stable_offset == 3
    end(partition, commit=False, producer=6)
    assert partition.last_stable_offset == partition.log_end == 6
    assert partition.aborted_in(0, 6) == [Aborted(6, 3, 5)]
    assert partition.aborted_in(0, 3) == []
    assert partition.aborted_in(5, 6) == [Aborted(6, 3, 5)]


def test_an_aborted_transaction_without_records_leaves_no_trace() -> None:
    partition = new_partition()
    end(partition, commit=False)
    assert partition.aborted_in(0, 10) == []
    assert partition.last_stable_offset == 1


def test_a_transaction_survives_the_epoch_bump_that_fences_its_producer() -> None:
    partition = new_partition()
    transact(partition, b"a")
    end(partition, commit=False, epoch=1)
    assert partition.last_stable_offset == 2
    assert partition.aborted_in(0, 2) == [Aborted(5, 0, 1)]
    with pytest.raises(InvalidProducerEpochError):
        transact(partition, b"zombie", sequence=1)


def test_a_plain_batch_inside_ones_own_transaction_is_refused() -> None:
    partition = new_partition()
    transact(partition, b"a")
    with pytest.raises(InvalidTransactionStateError):
        produce(partition, 1)


def state(partition: Partition) -> bytes:
    producers = partition.producers
    return b"" if producers is None else producers.encode()


def random_history(random: Random, partition: Partition, first_id: int) -> None:
    """Producers, transactions and markers in any order."""
    sequences = dict.fromkeys(range(first_id, first_id + 4), 0)
    opened: set[int] = set()
    for _ in range(random.randint(5, 40)):
        producer = first_id + random.randrange(4)
        action = random.random()
        if action < 0.2:
            partition.append(batch(b"plain"))
        elif action < 0.4 and producer in opened:
            end(partition, commit=random.random() < 0.5, producer=producer)
            opened.discard(producer)
        elif producer in opened or action < 0.7:
            transact(partition, b"t", producer=producer, sequence=sequences[producer])
            sequences[producer] += 1
            opened.add(producer)
        else:
            produce(partition, sequences[producer], producer=producer)
            sequences[producer] += 1


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("stop", ["clean", "killed", "cut"])
def test_producers_after_a_restart_are_as_before(seed: int, stop: str) -> None:
    random = Random(seed)
    storage, clock = FaultyStorage(), ManualClock()
    log = open_log(storage, clock, fsync=FsyncPolicy.ADAPTIVE if stop == "cut" else FsyncPolicy.NONE)
    partition = log.create_topic("t", configs={"segment.bytes": "700"}).partitions[0]
    for round_number in range(random.randint(1, 3)):
        random_history(random, partition, 10 * round_number)
        clock.advance(random.choice((1, 40_000)))
        log.maintenance()
    before = (state(partition), partition.last_stable_offset, records(partition))
    if stop == "clean":
        log.close()
    elif stop == "killed":
        storage.kill()
        storage.restart()
    else:
        storage.kill()
        storage.power_cut(random)
    again = open_log(storage, clock).partition("t", 0)
    assert (state(again), again.last_stable_offset, records(again)) == before


async def test_a_snapshot_never_tells_of_what_a_power_cut_took() -> None:
    storage, clock = FaultyStorage(), ManualClock()
    log = open_log(storage, clock)
    partition = log.create_topic("t").partitions[0]
    produce(partition, 0)
    await log.durable()
    produce(partition, 1)  # not synced: the loop has had no turn since
    clock.advance(60_000)
    log.maintenance()
    storage.kill()
    storage.power_cut(Random(3))
    again = open_log(storage, clock).partition("t", 0)
    assert produce(again, again.log_end) == (again.log_end - 1, False)


@pytest.mark.parametrize("data", [b"", b"short", b"\0" * 40])
def test_a_damaged_snapshot_is_no_snapshot(data: bytes) -> None:
    assert Producers.decode(data) is None


def test_a_lost_snapshot_is_made_up_for_by_the_log() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t").partitions[0]
    produce(partition, 0)
    transact(partition, b"a", sequence=1)
    before = state(partition)
    log.close()
    (snapshot,) = (name for name in storage.names("topics/t-0") if name.endswith(".snapshot"))
    storage.remove(f"topics/t-0/{snapshot}")
    assert state(open_log(storage).partition("t", 0)) == before
