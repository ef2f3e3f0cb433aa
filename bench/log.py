"""What the embedded log costs: append and read throughput, recovery of a large log, memory of many idle partitions.

python bench/log.py [folder]     the folder should be on the disk to measure; a temporary one if not given
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, FsyncPolicy, Log, LogSettings, MemoryStorage, Partition, Storage
from headwater.wire.records import build_batch


def batch_of(size: int) -> bytes:
    """A batch of about `size` bytes of 100-byte values."""
    now = int(time.time() * 1000)
    return build_batch([(b"key-%06d" % i, os.urandom(100), now, ()) for i in range(max(size // 118, 1))])


def open_log(storage: Storage, policy: FsyncPolicy) -> Log:
    log = Log(storage, SystemClock(), LogSettings(fsync=policy))
    log.open()
    return log


async def appends(partition: Partition, log: Log, data: bytes, count: int) -> None:
    """As a broker does: append what has arrived, wait until it is durable, answer."""
    for _ in range(count // 5):
        for _ in range(5):
            partition.append(bytearray(data), from_client=True)
        await log.durable()


def reads(partition: Partition, max_bytes: int) -> tuple[float, int]:
    """Seconds and calls to read all of a partition."""
    start, offset, calls = time.perf_counter(), 0, 0
    while offset < partition.high_watermark:
        _, offset = partition.read_on(offset, max_bytes)
        calls += 1
    return time.perf_counter() - start, calls


def throughput(folder: Path) -> None:
    for size, total in ((1 << 10, 64 << 20), (16 << 10, 512 << 20), (1 << 20, 1 << 30)):
        data = batch_of(size)
        count = total // len(data)
        for name, policy in (("memory", FsyncPolicy.NONE), *((p.value, p) for p in FsyncPolicy)):
            storage: Storage = MemoryStorage() if name == "memory" else DiskStorage(folder / f"t-{size}-{name}")
            log = open_log(storage, policy)
            partition = log.create_topic("t", configs={"max.message.bytes": "2000000"}).partitions[0]
            start = time.perf_counter()
            asyncio.run(appends(partition, log, data, count))
            took = time.perf_counter() - start
            read, calls = reads(partition, 1 << 20)
            print(
                f"{len(data):>8} B {name:>8}: append {count / took:>9,.0f}/s"
                f" {count * len(data) / took / 1e6:>7,.0f} MB/s"
                f"   read {partition.size_bytes / read / 1e6:>7,.0f} MB/s in {calls / read:>7,.0f} calls/s"
            )
            log.close()
            del log, partition
            shutil.rmtree(folder, ignore_errors=True)


def recovery(folder: Path) -> None:
    for size, total in ((16 << 10, 1000 << 20), (1 << 10, 256 << 20)):
        log = open_log(DiskStorage(folder), FsyncPolicy.NONE)
        partition = log.create_topic("t").partitions[0]
        data = batch_of(size)
        for _ in range(total // len(data)):
            partition.append(bytearray(data))
        log._storage.close()
        for what in ("whole log scanned", "after a checkpoint"):
            start = time.perf_counter()
            log = open_log(DiskStorage(folder), FsyncPolicy.NONE)
            print(
                f"open {total >> 20} MB of {len(data)} B batches uncleanly, {what}: {time.perf_counter() - start:.3f} s"
            )
            log._storage.close()
        shutil.rmtree(folder)


def idle(folder: str, partitions: int, written: bool) -> None:
    log = open_log(DiskStorage(folder), FsyncPolicy.NONE)
    gc.collect()
    before = rss()
    start = time.perf_counter()
    topic = log.create_topic("t", partitions)
    if written:
        for partition in topic.partitions:
            partition.append(batch_of(1000))
    gc.collect()
    took = time.perf_counter() - start
    print(f"{partitions} partitions, written to: {written}: {(rss() - before) / 1024:.1f} MB, {took:.2f} s")
    log.close()
    before = rss()
    start = time.perf_counter()
    log = open_log(DiskStorage(folder), FsyncPolicy.NONE)
    print(f"  reopened cleanly in {time.perf_counter() - start:.3f} s")
    log._storage.close()
    start = time.perf_counter()
    log = open_log(DiskStorage(folder), FsyncPolicy.NONE)
    print(f"  reopened uncleanly in {time.perf_counter() - start:.3f} s")


def rss() -> float:
    """Resident memory now, KB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if sys.platform == "linux" else 0
    return pages * resource.getpagesize() / 1024


def main() -> None:
    if sys.argv[1:2] == ["idle"]:
        idle(sys.argv[2], 1000, sys.argv[3] == "written")
        return
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        path = Path(folder)
        throughput(path / "throughput")
        recovery(path / "recovery")
        for kind in ("empty", "written"):
            subprocess.run([sys.executable, __file__, "idle", str(path / kind), kind], check=True)


if __name__ == "__main__":
    main()
