"""Files on disk: syncing them in other threads while the log closes and opens them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from headwater.log import DiskStorage


def test_files_may_be_closed_while_threads_sync_them(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path, max_open=2)
    storage.lock()
    before = _open_files()
    paths = [f"folder/{number}" for number in range(4)]
    for path in paths:
        storage.write(path, 0, b"0")
    with ThreadPoolExecutor(4) as threads:
        syncs = [threads.submit(storage.sync, path) for _ in range(50) for path in paths]
        for position in range(1, 200):  # of four files two are open, so each write closes one
            storage.write(paths[position % 4], position // 4, b"1")
        for sync in syncs:
            sync.result()
    assert _open_files() - before == 2
    storage.close()


def test_a_file_that_is_gone_needs_no_sync(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    storage.lock()
    storage.write("folder/file", 0, b"0")
    storage.remove("folder/file")
    storage.sync("folder/file")
    storage.close()


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))
