"""After a kill at any byte, a power cut or a failing disk the log opens, keeps what it promised and no half commit."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from headwater.core.errors import StartupError
from headwater.log import DiskStorage, FsyncPolicy, Log, Partition, StorageError
from headwater.testing import ManualClock
from headwater.testing.storage import FaultyStorage, ProcessKilled
from tests.log.support import batch, open_log, records, values

LOG_FILE = "topics/t-0/00000000000000000000.log"


def test_a_reopened_log_is_as_it_was() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    topic = log.create_topic("t", 2, configs={"retention.ms": "-1"})
    topic.partitions[0].append(batch(b"a", b"b"))
    topic.partitions[1].append(batch(b"c"))
    before = (log.cluster_id, topic.topic_id, [records(p) for p in topic.partitions])
    log.close()
    again = open_log(storage)
    reopened = again.topics()["t"]
    assert (again.cluster_id, reopened.topic_id, [records(p) for p in reopened.partitions]) == before
    assert reopened.config("retention.ms") == -1
    assert again.topic_by_id(topic.topic_id) is reopened


def test_a_torn_tail_is_cut_at_every_byte_of_the_last_batches() -> None:
    storage = FaultyStorage()
    partition = open_log(storage).create_topic("t").partitions[0]
    ends = [0]
    for number in range(3):
        partition.append(batch(b"v%d" % number, b"w"))
        ends.append(partition.size_bytes)
    whole = storage.read(LOG_FILE)
    for size in range(len(whole) + 1):
        storage.restart()
        storage.remove("checkpoint")
        storage.replace(LOG_FILE, whole[:size], sync=False)
        log = open_log(storage)
        recovered = log.partition("t", 0)
        batches = sum(size >= end for end in ends[1:])
        assert recovered.log_end == 2 * batches, f"torn at byte {size}"
        assert recovered.size_bytes == ends[batches]
        assert len(values(recovered)) == 2 * batches
        assert recovered.append(batch(b"next")).base_offset == 2 * batches
        assert values(recovered)[-1] == b"next"


def test_a_flipped_byte_cuts_the_log_there() -> None:
    storage = FaultyStorage()
    partition = open_log(storage).create_topic("t").partitions[0]
    for number in range(3):
        partition.append(batch(b"v%d" % number))
    whole = storage.read(LOG_FILE)
    size = len(whole) // 3
    for position in range(size, 2 * size):
        if position - size < 12 + 4:
            continue  # base offset, length and leader epoch are not in the checksum
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        storage.restart()
        storage.remove("checkpoint")
        storage.replace(LOG_FILE, damaged, sync=False)
        assert values(open_log(storage).partition("t", 0)) == [b"v0"], f"byte {position}"


def test_a_kill_at_every_operation_leaves_a_commit_whole_or_absent() -> None:
    for rolling in (False, True):
        outcomes = {_kill_during_commit(operation, rolling=rolling) for operation in range(12)}
        assert outcomes == {0, 1}, "some kill came before the commit counted and some after"


def _kill_during_commit(operation: int, *, rolling: bool) -> int:
    """Kill at bytes all over the operation; returns whether the commit has happened when killed after all of it."""
    happened = 0
    for cut in (*range(0, 220, 11), 10_000):
        storage = FaultyStorage()
        log = open_log(storage, fsync=FsyncPolicy.NONE)
        topic = log.create_topic("t", 3, configs={"segment.bytes": "200"} if rolling else {})
        log.commit([(p, batch(b"before%d" % p.index)) for p in topic.partitions])
        topic.partitions[0].append(batch(b"alone"))
        storage.kill_at(operation, cut)
        appends = [(p, batch(b"x") + batch(b"y", b"z")) for p in topic.partitions[:2]]
        try:
            log.commit([*appends, (topic.partitions[2], batch(b"q"))])
            storage.kill()
        except ProcessKilled:
            pass
        storage.restart()
        again = open_log(storage, fsync=FsyncPolicy.NONE)
        found = [values(p) for p in again.topics()["t"].partitions]
        absent = [[b"before0", b"alone"], [b"before1"], [b"before2"]]
        whole = [absent[0] + [b"x", b"y", b"z"], absent[1] + [b"x", b"y", b"z"], absent[2] + [b"q"]]
        assert found in (absent, whole), f"operation {operation}, byte {cut}"
        happened = int(found == whole)
        _goes_on(storage, again)
    return happened


def _goes_on(storage: FaultyStorage, log: Log) -> None:
    """A recovered log takes commits, and a second unclean start finds them."""
    parts = log.topics()["t"].partitions
    expected = [[*values(p), b"more"] for p in parts]
    log.commit([(p, batch(b"more")) for p in parts])
    storage.kill()
    storage.restart()
    assert [values(p) for p in open_log(storage, fsync=FsyncPolicy.NONE).topics()["t"].partitions] == expected


def test_a_kill_during_recovery_is_recovered_from() -> None:
    def killed_mid_commit() -> FaultyStorage:
        storage = FaultyStorage()
        log = open_log(storage, fsync=FsyncPolicy.NONE)
        topic = log.create_topic("t", 3)
        log.commit([(p, batch(b"a")) for p in topic.partitions])
        storage.kill_at(3, 20)  # the journal, partition 0 and 1 are written, 2 is not
        with pytest.raises(ProcessKilled):
            log.commit([(p, batch(b"b")) for p in topic.partitions])
        storage.restart()
        return storage

    for operation in range(20):
        storage = killed_mid_commit()
        storage.kill_at(operation, 5)
        try:
            open_log(storage, fsync=FsyncPolicy.NONE)
            storage.kill()
        except ProcessKilled:
            pass
        storage.restart()
        log = open_log(storage, fsync=FsyncPolicy.NONE)
        assert [values(p) for p in log.topics()["t"].partitions] == [[b"a"]] * 3, f"killed at {operation}"


@pytest.mark.parametrize("seed", range(30))
def test_a_power_cut_loses_nothing_that_was_visible(seed: int) -> None:
    random = Random(seed)
    storage = FaultyStorage()
    log = open_log(storage)
    topic = log.create_topic("t", 3, configs={"segment.bytes": "600"})
    for number in range(random.randint(1, 30)):
        chosen = [p for p in topic.partitions if random.random() < 0.7]
        log.commit([(p, batch(b"%d" % number, producer=number % 3, sequence=number)) for p in chosen])
        if random.random() < 0.2:
            log.maintenance()
    visible = [values(p) for p in topic.partitions]
    storage.kill()
    storage.power_cut(random)
    again = open_log(storage)
    assert [values(p) for p in again.topics()["t"].partitions] == visible


@pytest.mark.parametrize("seed", range(30))
def test_without_syncs_a_power_cut_leaves_a_prefix(seed: int) -> None:
    random = Random(seed)
    storage = FaultyStorage()
    log = open_log(storage, fsync=FsyncPolicy.NONE, checkpoint_interval_ms=1 << 40)
    partition = log.create_topic("t", configs={"segment.bytes": "600"}).partitions[0]
    for number in range(30):
        partition.append(batch(b"%d" % number))
    everything = values(partition)
    storage.kill()
    storage.power_cut(random)
    found = values(open_log(storage).partition("t", 0))
    assert found == everything[: len(found)]


def test_a_full_disk_refuses_the_append_and_reads_go_on() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t").partitions[0]
    partition.append(batch(b"a"))
    storage.capacity = storage.used + 30
    with pytest.raises(StorageError, match="No space left"):
        partition.append(batch(b"b" * 100))
    assert values(partition) == [b"a"]
    storage.capacity = None
    assert partition.append(batch(b"c")).base_offset == 1
    assert values(partition) == [b"a", b"c"]


def test_a_full_disk_refuses_the_whole_commit() -> None:
    for spare in range(0, 700, 7):
        storage = FaultyStorage()
        log = open_log(storage)
        topic = log.create_topic("t", 3, configs={"segment.bytes": "200"})
        log.commit([(p, batch(b"a")) for p in topic.partitions])
        storage.capacity = storage.used + spare
        appends = [(p, batch(b"b" * 50)) for p in topic.partitions]
        try:
            log.commit(appends)
            expected = [[b"a", b"b" * 50]] * 3
        except StorageError:
            expected = [[b"a"]] * 3
        assert [values(p) for p in topic.partitions] == expected
        storage.capacity = None
        log.commit([(p, batch(b"c")) for p in topic.partitions])
        storage.kill()
        storage.restart()
        again = open_log(storage)
        assert [values(p) for p in again.topics()["t"].partitions] == [[*e, b"c"] for e in expected]


def test_a_commit_that_cannot_be_undone_stops_appends_and_is_undone_at_the_next_start() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    topic = log.create_topic("t", 2)
    log.commit([(p, batch(b"a")) for p in topic.partitions])
    storage.capacity = storage.used + 250
    storage.broken_truncates = True
    with pytest.raises(StorageError, match="No space left"):
        log.commit([(topic.partitions[0], batch(b"b")), (topic.partitions[1], batch(b"b" * 500))])
    storage.capacity = None
    with pytest.raises(StorageError, match="until"):
        topic.partitions[0].append(batch(b"c"))
    assert [values(p) for p in topic.partitions] == [[b"a"], [b"a"]]
    log.close()
    storage.broken_truncates = False
    assert [values(p) for p in open_log(storage).topics()["t"].partitions] == [[b"a"], [b"a"]]


def test_after_a_failed_sync_nothing_is_appended_or_shown() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t").partitions[0]
    partition.append(batch(b"a"))
    storage.broken_syncs = True
    with pytest.raises(StorageError):
        partition.append(batch(b"b"))
    with pytest.raises(StorageError, match="opened again"):
        partition.append(batch(b"c"))
    assert values(partition) == [b"a"]


def test_a_checkpoint_bounds_what_is_scanned() -> None:
    storage = FaultyStorage()
    clock = ManualClock()
    log = open_log(storage, clock)
    partition = log.create_topic("t").partitions[0]
    for _ in range(5):
        partition.append(batch(b"old"))
    clock.advance(60_000)
    log.maintenance()
    checked = partition.size_bytes
    partition.append(batch(b"new"))
    storage.kill()
    storage.restart()
    damaged = bytearray(storage.read(LOG_FILE))
    damaged[checked - 1] ^= 0xFF  # would be found by a scan of the whole segment
    storage.replace(LOG_FILE, damaged, sync=False)
    again = open_log(storage).partition("t", 0)
    assert again.log_end == 6


def test_a_log_that_grew_is_not_lost_by_a_stale_clean_marker() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    log.create_topic("t").partitions[0].append(batch(b"a"))
    log.close()
    log = open_log(storage)
    log.partition("t", 0).append(batch(b"b"))
    storage.kill()
    storage.restart()
    storage.replace("clean", b"", sync=True)
    assert values(open_log(storage).partition("t", 0)) == [b"a", b"b"]


def test_a_damaged_index_is_found_out() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    partition = log.create_topic("t", configs={"index.interval.bytes": "100"}).partitions[0]
    for number in range(50):
        partition.append(batch(b"%d" % number))
    expected = records(partition)
    log.close()
    index = LOG_FILE.replace(".log", ".index")
    good = storage.read(index)
    assert len(good) > 100
    for damage in (b"", good[:-3], bytes(len(good)), good[:32] + b"\xff" * 64, good[16:], good + good):
        storage.replace(index, damage, sync=False)
        log = open_log(storage)
        for offset in (0, 17, 49):
            assert records(log.partition("t", 0), offset) == expected[offset:]
        storage.kill()
        storage.restart()


def _delete_and_kill(operation: int) -> tuple[FaultyStorage, list[Partition]]:
    storage = FaultyStorage()
    log = open_log(storage)
    topic = log.create_topic("t", 2)
    log.commit([(p, batch(b"a")) for p in topic.partitions])
    storage.kill_at(operation, 10_000)
    with pytest.raises(ProcessKilled):
        log.delete_topic("t")
    storage.restart()
    return storage, topic.partitions


@pytest.mark.parametrize("operation", [0, 1, 2])
def test_a_topic_whose_deletion_was_interrupted_stays_deleted(operation: int) -> None:
    storage, _ = _delete_and_kill(operation)
    log = open_log(storage)
    assert "t" not in log.topics()
    assert storage.names("topics") == []
    assert values(log.create_topic("t").partitions[0]) == []


def test_lost_metadata_is_not_taken_for_an_empty_log() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    log.create_topic("t").partitions[0].append(batch(b"a"))
    log.close()
    storage.remove("meta.json")
    with pytest.raises(StartupError, match=r"meta\.json"):
        open_log(storage)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"not json", b'{"version": 99}'])
def test_damaged_metadata_stops_the_start(content: bytes) -> None:
    storage = FaultyStorage()
    open_log(storage).close()
    storage.replace("meta.json", content, sync=False)
    with pytest.raises(StartupError, match=r"meta\.json"):
        open_log(storage)


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    log = open_log(DiskStorage(tmp_path))
    with pytest.raises(StartupError, match=r"in use by process \d+"):
        open_log(DiskStorage(tmp_path))
    log.close()
    open_log(DiskStorage(tmp_path)).close()


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="Cannot use the data folder"):
        open_log(DiskStorage(tmp_path / "file"))


def test_producer_ids_are_never_given_out_twice() -> None:
    storage = FaultyStorage()
    seen: set[int] = set()
    for _ in range(5):
        log = open_log(storage)
        for _ in range(3):
            producer_id = log.next_producer_id()
            assert producer_id not in seen
            seen.add(producer_id)
        storage.kill()
        storage.restart()


def test_a_full_disk_is_told_once_a_minute_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    storage = FaultyStorage()
    clock = ManualClock()
    log = open_log(storage, clock)
    partitions = log.create_topic("t", 2).partitions
    storage.capacity = storage.used + 200

    def refuse() -> None:
        with pytest.raises(StorageError):
            partitions[0].append(batch(b"b" * 1000))
        with pytest.raises(StorageError):
            log.commit([(partition, batch(b"b" * 1000)) for partition in partitions])

    for _ in range(3):
        refuse()
    assert "No space left" in str(log.write_failure)
    clock.advance(61_000)
    refuse()
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Writes to the log are refused (1 so far)",
        "Writes to the log are refused (7 so far)",
    ]
    caplog.clear()
    partitions[0].append(batch(b""))  # small enough
    assert (log.write_failure is None) is False  # in words that do not tell mypy it stays so
    storage.capacity = storage.used - 1
    log.maintenance()  # notices too, while nobody writes
    storage.capacity = None
    clock.advance(30_000)
    log.maintenance()
    assert log.write_failure is None
    assert caplog.messages == ["The log can be written again; 9 writes were refused in 61 s"]
