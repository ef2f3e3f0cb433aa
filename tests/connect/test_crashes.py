"""A source is exactly once through twenty times kill -9: records and offsets are written all or nothing."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.cluster.api import EARLIEST, TopicPartition
from headwater.cluster.local import LocalCluster
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, Log, LogSettings
from headwater.log.offsets import OffsetStore
from headwater.wire.records import read_records
from tests.connect.endless import TOPIC

ROOT = Path(__file__).parents[2]
KILLS = 20


def count_and_kill(folder: Path, batches: int) -> int:
    """Run the process until it has reported so many batches, and kill it; the last number it reported."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-m", "tests.connect.endless", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None
        reported = 0
        for _ in range(batches):
            line = process.stdout.readline()
            assert line, "the process ended by itself"
            reported = int(line)
        return reported
    finally:
        process.kill()
        process.communicate()


async def counted(folder: Path) -> dict[int, list[int]]:
    """The numbers in the topic, by partition."""
    clock = SystemClock()
    log = Log(DiskStorage(folder), clock, LogSettings())
    log.open()
    try:
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        out: dict[int, list[int]] = {}
        for partition in range(3):
            place = TopicPartition(TOPIC, partition)
            at = await cluster.list_offset(place, EARLIEST)
            while fetched := await cluster.fetch({place: at}):
                found = [json.loads(record.value or b"") for record in read_records(fetched[0].data, at)]
                out.setdefault(partition, []).extend(found)
                at = fetched[0].next_offset
        return out
    finally:
        log.close()


@pytest.mark.slow
async def test_a_source_loses_and_doubles_nothing_through_twenty_kills(tmp_path: Path) -> None:
    moments = random.Random(6)
    reported = 0
    for _ in range(KILLS):
        reported = count_and_kill(tmp_path, moments.randrange(1, 40))
    found = await counted(tmp_path)
    everything = sorted(number for numbers in found.values() for number in numbers)
    assert everything == list(range(len(everything)))
    assert len(everything) >= reported
    for numbers in found.values():
        assert numbers == sorted(numbers)
