"""Random lives of a log, from a seed: appends, commits, kills, power cuts and full disks against a plain model."""

from __future__ import annotations

from random import Random

import pytest

from headwater.log import FsyncPolicy, Log, StorageError
from headwater.log.journal import JOURNAL
from headwater.testing import ManualClock
from headwater.testing.storage import FaultyStorage, ProcessKilled
from tests.log.support import batch, open_log, records

PARTITIONS = 3
Model = list[list[tuple[int, bytes | None]]]
"""Per partition the records that must be there: (offset, value)."""


class Life:
    """One log and what it should hold. With the adaptive policy power may be cut, else only the process dies."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.storage = FaultyStorage()
        self.clock = ManualClock()
        self.policy = self.random.choice((FsyncPolicy.ADAPTIVE, FsyncPolicy.NONE))
        self.log = self.opened()
        configs = {"segment.bytes": self.random.choice(("200", "700", "100000")), "index.interval.bytes": "100"}
        self.log.create_topic("t", PARTITIONS, configs={**configs, "retention.ms": "-1"})
        self.model: Model = [[] for _ in range(PARTITIONS)]
        self.ends = [0] * PARTITIONS
        self.number = 0

    def opened(self) -> Log:
        return open_log(self.storage, self.clock, fsync=self.policy)

    def step(self) -> None:
        actions = [self.append] * 4 + [self.commit] * 6 + [self.upkeep] * 2 + [self.delete, self.reopen, self.fill_up]
        action = self.random.choice(actions)
        if self.random.random() < 0.2:
            self.storage.kill_at(self.random.randrange(6), self.random.randrange(250))
        try:
            action()
            if self.random.random() < 0.05:
                self.storage.kill()
                self.restart()
        except ProcessKilled:
            self.restart()
        self.check()

    def restart(self) -> None:
        if self.policy is FsyncPolicy.ADAPTIVE and self.random.random() < 0.5:
            # The journal of a commit is older than its data, so it is taken to be written out before that, see there.
            self.storage.power_cut(self.random, written_out={JOURNAL})
        self.storage.restart()
        if self.random.random() < 0.3:  # the recovery is killed too
            self.storage.kill_at(self.random.randrange(5), self.random.randrange(100))
        try:
            self.log = self.opened()
        except ProcessKilled:
            self.restart()

    def values(self) -> tuple[bytes, ...]:
        self.number += 1
        return tuple(b"%d-%d" % (self.number, n) for n in range(self.random.randint(1, 3)))

    def append(self) -> None:
        index = self.random.randrange(PARTITIONS)
        self.write([(index, self.values())], alone=True)

    def commit(self) -> None:
        chosen = self.random.choices(range(PARTITIONS), k=self.random.randint(1, 4))
        self.write([(index, self.values()) for index in chosen], alone=False)

    def write(self, appends: list[tuple[int, tuple[bytes, ...]]], *, alone: bool) -> None:
        after = [list(partition) for partition in self.model]
        ends = list(self.ends)
        for index, values in appends:
            after[index] += [(ends[index] + n, value) for n, value in enumerate(values)]
            ends[index] += len(values)
        parts = self.log.topics()["t"].partitions
        try:
            if alone:
                ((index, values),) = appends
                parts[index].append(batch(*values))
            else:
                self.log.commit([(parts[index], batch(*values)) for index, values in appends])
        except StorageError:
            return
        except ProcessKilled:
            self.restart()
            if self.found_ends() == ends:  # it was done when the process died
                self.model, self.ends = after, ends
            return
        self.model, self.ends = after, ends

    def upkeep(self) -> None:
        self.clock.advance(self.random.choice((1, 40_000)))
        self.log.maintenance()

    def delete(self) -> None:
        index = self.random.randrange(PARTITIONS)
        partition = self.log.partition("t", index)
        start = self.random.randint(partition.log_start, partition.high_watermark)
        self.model[index] = [record for record in self.model[index] if record[0] >= start]
        partition.delete_records(start)
        self.log.maintenance()  # which makes it last

    def reopen(self) -> None:
        self.log.close()
        self.log = self.opened()

    def fill_up(self) -> None:
        self.storage.capacity = self.storage.used + self.random.randrange(400)
        try:
            self.commit()
        finally:
            self.storage.capacity = None

    def found_ends(self) -> list[int]:
        return [partition.log_end for partition in self.log.topics()["t"].partitions]

    def check(self) -> None:
        parts = self.log.topics()["t"].partitions
        for partition, end, expected in zip(parts, self.ends, self.model, strict=True):
            assert (partition.log_end, partition.high_watermark) == (end, end)
            held = records(partition)
            # A deletion that a kill interrupted may have come undone: then there is more before, never less.
            assert held[len(held) - len(expected) :] == expected
            if held:
                offset, value = self.random.choice(held)
                assert records(partition, offset)[0] == (offset, value)


@pytest.mark.parametrize("seed", range(30))
def test_a_log_holds_exactly_what_was_written(seed: int) -> None:
    life = Life(seed)
    for _ in range(60):
        life.step()
