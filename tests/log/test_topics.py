"""Many topics at once: created and deleted together, whole or not at all, without holding up the event loop."""

from __future__ import annotations

import asyncio

import pytest

from headwater.core.errors import HeadwaterError, TopicExistsError, UnknownTopicError
from headwater.log import Log, MemoryStorage, StorageError
from headwater.log.errors import InvalidPartitionsError, InvalidTopicConfigError, InvalidTopicError
from headwater.log.slices import run, run_in_slices
from headwater.log.topic import NewTopic
from headwater.testing.storage import FaultyStorage, ProcessKilled
from tests.log.support import batch, open_log, values

NAMES = [f"t{number}" for number in range(5)]


def create(log: Log, *names: str, partitions: int = 2) -> list[str | type[HeadwaterError]]:
    """The name of each that was created, the class of the error of each that was not."""
    made = run(log.create_topics([NewTopic(name, partitions) for name in names]))
    return [type(found) if isinstance(found, HeadwaterError) else found.name for found in made]


class CountingStorage(MemoryStorage):
    """Counts how often the metadata is written."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata_writes = 0

    def replace(self, path: str, data: bytes | bytearray | memoryview, *, sync: bool) -> None:
        self.metadata_writes += path == "meta.json"
        super().replace(path, data, sync=sync)


def test_many_topics_are_one_write_of_the_metadata() -> None:
    storage = CountingStorage()
    log = open_log(storage)
    before = storage.metadata_writes
    assert create(log, *NAMES) == NAMES
    assert storage.metadata_writes == before + 1
    run(log.delete_topics(NAMES))
    assert storage.metadata_writes == before + 2
    assert not log.topics()


def test_many_topics_grow_and_change_with_one_write_each_and_those_that_cannot_have_their_reason() -> None:
    storage = CountingStorage()
    log = open_log(storage)
    create(log, *NAMES)
    before = storage.metadata_writes
    assert {name: type(error) for name, error in log.grow_topics({"t0": 5, "t1": 1, "no": 2, "t2": 3}).items()} == {
        "t1": InvalidPartitionsError,
        "no": UnknownTopicError,
    }
    assert [len(log.topics()[name].partitions) for name in NAMES] == [5, 2, 3, 2, 2]
    changes = {"t0": {"retention.ms": "5"}, "t1": {"retention.ms": "x"}, "no": {}}
    assert set(log.alter_topics(changes)) == {"t1", "no"}
    assert (log.topics()["t0"].configs, log.topics()["t1"].configs) == ({"retention.ms": "5"}, {})
    assert storage.metadata_writes == before + 2
    assert log.grow_topics({}) == log.alter_topics({}) == {}
    assert storage.metadata_writes == before + 2


def test_each_topic_that_cannot_be_has_its_reason_and_the_others_are_created() -> None:
    log = open_log(MemoryStorage())
    log.create_topic("there")
    wanted = [
        NewTopic("a"),
        NewTopic("there"),
        NewTopic("b/c"),
        NewTopic("d", 0),
        NewTopic("e", configs={"retention.ms": "x"}),
        NewTopic("a"),
        NewTopic("f", 3),
    ]
    made = run(log.create_topics(wanted))
    assert [type(found) for found in made if isinstance(found, HeadwaterError)] == [
        TopicExistsError,
        InvalidTopicError,
        InvalidPartitionsError,
        InvalidTopicConfigError,
        TopicExistsError,
    ]
    assert {name: len(topic.partitions) for name, topic in log.topics().items()} == {"there": 1, "a": 1, "f": 3}


def test_a_topic_created_by_another_meanwhile_is_kept() -> None:
    log = open_log(MemoryStorage())
    steps = log.create_topics([NewTopic("a"), NewTopic("b")])
    next(steps)
    theirs = log.create_topic("a")
    made = run(steps)
    assert isinstance(made[0], TopicExistsError)
    assert log.topics()["a"] is theirs
    assert log.topics()["b"] is made[1]


@pytest.mark.parametrize("operation", range(3))
@pytest.mark.parametrize("cut", [0, 10, 200, 10_000])
def test_a_kill_while_topics_are_created_leaves_all_or_none(operation: int, cut: int) -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    log.create_topic("old").partitions[0].append(batch(b"kept"))
    run(log.delete_topics(["old"]))
    log.create_topic("before").partitions[0].append(batch(b"a"))
    storage.kill_at(operation, cut)
    try:
        create(log, *NAMES)
        storage.kill()
    except ProcessKilled:
        pass
    storage.restart()
    again = open_log(storage)
    assert set(again.topics()) in ({"before"}, {"before", *NAMES})
    assert values(again.partition("before", 0)) == [b"a"]
    missing = [name for name in NAMES if name not in again.topics()]
    assert create(again, *missing) == missing
    assert all(values(partition) == [] for name in NAMES for partition in again.topics()[name].partitions)


@pytest.mark.parametrize("operation", range(8))
@pytest.mark.parametrize("cut", [0, 10_000])
def test_a_kill_while_topics_are_deleted_leaves_all_or_none_and_no_files(operation: int, cut: int) -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    create(log, *NAMES, partitions=1)
    for topic in log.topics().values():
        topic.partitions[0].append(batch(b"a"))
    storage.kill_at(operation, cut)
    try:
        run(log.delete_topics(NAMES[:4]))
        storage.kill()
    except ProcessKilled:
        pass
    storage.restart()
    again = open_log(storage)
    assert set(again.topics()) in ({NAMES[4]}, set(NAMES))
    assert sorted(storage.names("topics")) == [f"{name}-0" for name in sorted(again.topics())]
    assert all(values(topic.partitions[0]) == [b"a"] for topic in again.topics().values())


def test_nothing_is_created_or_deleted_when_the_metadata_cannot_be_written() -> None:
    storage = FaultyStorage()
    log = open_log(storage)
    log.create_topic("kept")
    storage.capacity = storage.used
    with pytest.raises(StorageError):
        create(log, *NAMES)
    with pytest.raises(UnknownTopicError):
        run(log.delete_topics(["kept", "nowhere"]))
    assert list(log.topics()) == ["kept"]


def test_a_topic_made_again_while_its_files_are_being_removed_is_empty() -> None:
    log = open_log(MemoryStorage())
    create(log, *NAMES, partitions=3)
    for topic in log.topics().values():
        log.commit([(partition, batch(b"old")) for partition in topic.partitions])
    steps = log.delete_topics(NAMES)
    next(steps)
    assert not log.topics()
    create(log, "t4", partitions=1)
    log.partition("t4", 0).append(batch(b"new"))
    log.add_partitions("t4", 2)
    log.partition("t4", 1).append(batch(b"new"))
    run(steps)
    log.add_partitions("t4", 3)
    log.partition("t4", 2).append(batch(b"new"))
    assert [values(partition) for partition in log.topics()["t4"].partitions] == [[b"new"]] * 3


async def test_others_work_while_many_topics_are_created() -> None:
    log = open_log(MemoryStorage())
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await run_in_slices(log.create_topics(NewTopic(f"t{number}", 100) for number in range(500)))
    task.cancel()
    assert len(log.topics()) == 500
    assert turns > 1


def test_partitions_have_limits_for_a_topic_and_for_the_node() -> None:
    storage = MemoryStorage()
    log = open_log(storage, max_partitions_per_topic=10, max_partitions=25)
    with pytest.raises(InvalidPartitionsError, match=r"11 partitions are too .* is 10 \(setting log\.max_part"):
        log.create_topic("t", 11)
    assert create(log, "a", "b", "c", partitions=9) == ["a", "b", InvalidPartitionsError]
    with pytest.raises(InvalidPartitionsError, match=r"would have 26, its limit is 25 \(setting log\.max_partitions\)"):
        log.check_create_topic("d", 8)
    with pytest.raises(InvalidPartitionsError, match="11 partitions are too many"):
        log.add_partitions("a", 11)
    log.create_topic("e", 7)
    with pytest.raises(InvalidPartitionsError, match="would have 26"):
        log.add_partitions("a", 10)
    log.close()
    log = open_log(storage, max_partitions_per_topic=10, max_partitions=25)
    with pytest.raises(InvalidPartitionsError, match="would have 26"):
        log.create_topic("f")
    log.delete_topic("e")
    log.add_partitions("a", 10)
    assert len(log.create_topic("f", 6).partitions) == 6
