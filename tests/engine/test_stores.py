"""Every kind of store in memory, and those that can be larger than memory in RocksDB, pass the suites."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headwater.core.errors import StartupError
from headwater.engine.disk_state import DiskState
from headwater.engine.stores import KeyValueStore
from headwater.testing import store_suite as suite


class TestTable(suite.TableSuite):
    pass


class TestGroup(suite.GroupSuite):
    pass


class TestWindow(suite.WindowSuite):
    pass


class TestSession(suite.SessionSuite):
    pass


class TestForeignKey(suite.ForeignKeySuite):
    pass


class TestJoinBuffer(suite.JoinBufferSuite):
    pass


class TestPendingOuter(suite.PendingOuterSuite):
    pass


class OnDisk:
    """Entries in RocksDB, with room for two in the cache."""

    lives = 10

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self._folder = tmp_path

    def disk(self) -> DiskState | None:
        return DiskState(self._folder, cache_entries=2)


class TestTableOnDisk(OnDisk, suite.TableSuite):
    pass


class TestGroupOnDisk(OnDisk, suite.GroupSuite):
    pass


class TestWindowOnDisk(OnDisk, suite.WindowSuite):
    pass


class TestSessionOnDisk(OnDisk, suite.SessionSuite):
    pass


class TestForeignKeyOnDisk(OnDisk, suite.ForeignKeySuite):
    pass


def test_the_cache_of_a_store_on_disk_keeps_its_bounds(tmp_path: Path) -> None:
    disk = DiskState(tmp_path, cache_entries=100)
    store = KeyValueStore(int, tuple[int, int])
    disk.adopt(0, store)
    for number in range(10_000):
        store.put(number, (number, 0))
        if number % 500 == 499:
            disk.write(0, list(store.changes()))
            disk.trim()
            assert store.data.cached <= 100  # type: ignore[attr-defined]
    assert [store.get(n) for n in (0, 5_000, 9_999)] == [(0, 0), (5_000, 0), (9_999, 0)]
    assert len(store.data) == 10_000


def test_a_closed_state_leaves_no_files(tmp_path: Path) -> None:
    disk = DiskState(tmp_path)
    assert list(tmp_path.iterdir()) == [disk.folder]
    disk.close()
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rocksdict", None)
    with pytest.raises(StartupError, match=r"pip install 'headwater\[rocksdb\]'"):
        DiskState(tmp_path)
