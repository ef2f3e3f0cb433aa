"""The log on a real disk in a real process: killed at any moment, opened many times, used from several event loops."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, FsyncPolicy, Log, LogSettings
from tests.log.support import batch, values

WRITER = """
import sys
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, FsyncPolicy, Log, LogSettings
from tests.log.support import batch

log = Log(DiskStorage(sys.argv[1]), SystemClock(), LogSettings(fsync=FsyncPolicy(sys.argv[2])))
log.open()
partitions = log.topics()["t"].partitions
print("ready", flush=True)
while True:
    number = partitions[0].log_end
    log.commit([(p, batch(b"%d" % number, at=0)) for p in partitions])
    if number % 50 == 0:
        log.maintenance()
        print(number, flush=True)
"""


def open_disk(folder: Path, policy: FsyncPolicy = FsyncPolicy.NONE) -> Log:
    log = Log(DiskStorage(folder), SystemClock(), LogSettings(fsync=policy))
    log.open()
    return log


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("policy", FsyncPolicy, ids=lambda policy: policy.value)
def test_a_killed_writer_leaves_whole_commits(tmp_path: Path, policy: FsyncPolicy) -> None:
    log = open_disk(tmp_path)
    log.create_topic("t", 3, configs={"segment.bytes": "5000", "retention.ms": "-1"})
    log.close()
    before = 0
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), policy.value],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        )
        assert writer.stdout is not None
        with writer.stdout:
            assert writer.stdout.readline() == b"ready\n"
            reported = int(writer.stdout.readline())
            writer.kill()
            writer.wait()
        log = open_disk(tmp_path)
        found = [values(partition) for partition in log.topics()["t"].partitions]
        assert found[0] == [b"%d" % number for number in range(len(found[0]))]
        assert found == [found[0]] * 3
        assert len(found[0]) > max(reported, before)
        before = len(found[0])
        log.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
async def test_fifty_logs_leave_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    def open_things() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = open_things()
    for number in range(50):
        log = open_disk(tmp_path / str(number % 5), FsyncPolicy.ADAPTIVE)
        if "t" not in log.topics():
            log.create_topic("t", 3)
        log.commit([(p, batch(b"a")) for p in log.topics()["t"].partitions])
        await log.durable()
        log.close()
    descriptors, threads = open_things()
    assert descriptors <= before[0]
    assert threads <= before[1]  # fewer if an earlier test's have ended meanwhile


def test_a_log_outlives_the_event_loops_it_is_used_from(tmp_path: Path) -> None:
    log = open_disk(tmp_path, FsyncPolicy.ADAPTIVE)
    partition = log.create_topic("t").partitions[0]

    async def leave_unsynced(value: bytes) -> None:
        partition.append(batch(value))

    async def leave_syncing(value: bytes) -> None:
        partition.append(batch(value))
        await asyncio.sleep(0)

    async def wait(value: bytes) -> None:
        partition.append(batch(value))
        await log.durable()

    asyncio.run(leave_unsynced(b"a"))
    asyncio.run(leave_syncing(b"b"))
    asyncio.run(wait(b"c"))
    assert values(partition) == [b"a", b"b", b"c"]
    asyncio.run(leave_syncing(b"d"))
    partition.append(batch(b"e"))
    assert values(partition)[-1] == b"e"
    asyncio.run(leave_syncing(b"f"))
    log.close()
    again = open_disk(tmp_path)
    assert values(again.partition("t", 0)) == [b"a", b"b", b"c", b"d", b"e", b"f"]
    again.close()


async def test_closing_waits_for_the_sync_under_way(tmp_path: Path) -> None:
    log = open_disk(tmp_path, FsyncPolicy.ADAPTIVE)
    partition = log.create_topic("t").partitions[0]
    partition.append(batch(b"a"))
    waiting = asyncio.ensure_future(log.durable())
    await asyncio.sleep(0)
    partition.append(batch(b"b"))
    log.close()
    await waiting
    assert partition.high_watermark == 2
    again = open_disk(tmp_path)
    assert values(again.partition("t", 0)) == [b"a", b"b"]
    again.close()


def test_a_new_folder_is_its_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    open_disk(folder).close()
    assert folder.stat().st_mode & 0o777 == 0o700
