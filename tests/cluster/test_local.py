"""`LocalCluster` does what every cluster does, on memory and on disk under each fsync policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headwater.cluster.local import LocalCluster
from headwater.core.clock import SystemClock
from headwater.log import DiskStorage, FsyncPolicy, Log, LogSettings, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.testing.cluster_suite import ClusterSuite


class TestLocalCluster(ClusterSuite):
    @pytest.fixture(params=["memory", *FsyncPolicy], ids=lambda p: getattr(p, "value", p))
    async def cluster(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocalCluster]:
        clock = SystemClock()
        if request.param == "memory":
            log = Log(MemoryStorage(), clock)
        else:
            log = Log(DiskStorage(tmp_path), clock, LogSettings(fsync=request.param))
        log.open()
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        yield cluster
        await cluster.close()
        log.close()
