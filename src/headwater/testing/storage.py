"""`FaultyStorage`: a `Storage` in memory whose process can be killed, power cut and disk filled, at any byte."""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import Random

from headwater.log.errors import StorageError
from headwater.log.storage import Data, MemoryStorage


class ProcessKilled(BaseException):
    """The process ended here: not an `Exception`, as no code of a killed process runs on."""


class FaultyStorage:
    """Behaves like a disk until told otherwise.

    - `kill_at(operation, bytes_written)`: the process dies at that change of files (counted by `operations` from
      then on), a write or replacement having got so many bytes through. Every later call raises `ProcessKilled` too,
      until `restart`, which finds what the process wrote, as an operating system's cache keeps it.
    - `power_cut(random)`: as a kill, but of each file only what was synced is sure to be left.
    - `capacity`: bytes in all files; writes beyond it fail as on a full disk.
    - `broken_syncs`: syncing fails.
    """

    durable = True

    def __init__(self) -> None:
        self._files = MemoryStorage()
        self.operations = 0
        self.capacity: int | None = None
        self.broken_syncs = False
        self.broken_truncates = False
        self.locked = False
        self._kill_at: int | None = None
        self._bytes_written = 0
        self._dead = False
        self._synced: dict[str, bytes] = {}

    # Faults

    def kill_at(self, operation: int, bytes_written: int = 0) -> None:
        """Die at the `operation`-th change from now (0 is the next), after `bytes_written` bytes of it."""
        self._kill_at = self.operations + operation
        self._bytes_written = bytes_written

    def kill(self) -> None:
        """Die now."""
        self._dead = True

    def restart(self) -> None:
        """A new process may use the files."""
        self._dead = False
        self._kill_at = None
        self.locked = False

    def power_cut(self, random: Random, written_out: Collection[str] = ()) -> None:
        """Lose a random part of what was never synced, then restart. Names are kept: file systems order those.

        Files in `written_out` lose nothing: the system had written them on its own.
        """
        for path in self._paths():
            if path in written_out:
                continue
            written = bytes(self._files.read(path))
            synced = self._synced.get(path, b"")
            if written == synced:
                continue
            sure = len(synced) if written.startswith(synced) else 0
            left = random.choice((sure, len(written), random.randint(sure, len(written))))
            self._files.replace(path, written[:left], sync=False)
        self.restart()

    # The port

    def lock(self) -> None:
        self._alive()
        self.locked = True

    def close(self) -> None:
        self._alive()
        self.locked = False

    def names(self, folder: str) -> list[str]:
        self._alive()
        return self._files.names(folder)

    def size(self, path: str) -> int | None:
        self._alive()
        return self._files.size(path)

    def read(self, path: str, position: int = 0, size: int | None = None) -> bytes:
        self._alive()
        return self._files.read(path, position, size)

    def write(self, path: str, position: int, data: Data) -> None:
        self._change(lambda count: self._files.write(path, position, memoryview(data)[:count]), len(data))
        self._check_capacity(path, lambda: self._files.truncate(path, position))

    def truncate(self, path: str, size: int) -> None:
        if self.broken_truncates:
            raise StorageError(f"Cannot truncate {path}: Input/output error.")
        self._change(lambda _: self._files.truncate(path, size))

    def replace(self, path: str, data: Data, *, sync: bool) -> None:
        before = self._files.read(path) if self._files.size(path) is not None else None
        self._change(
            lambda count: self._files.replace(path, data, sync=sync) if count == len(data) else None, len(data)
        )
        self._check_capacity(path, lambda: self._put_back(path, before))
        if sync:
            self._synced[path] = bytes(data)

    def rename(self, old: str, new: str) -> None:
        self._change(lambda _: self._files.rename(old, new))
        self._synced[new] = self._synced.pop(old, b"")

    def remove(self, path: str) -> None:
        self._change(lambda _: self._files.remove(path))
        self._synced.pop(path, None)

    def remove_folder(self, folder: str) -> None:
        self._change(lambda _: self._files.remove_folder(folder))
        for path in [path for path in self._synced if path.startswith(folder + "/")]:
            del self._synced[path]

    def sync(self, path: str) -> None:
        self._alive()
        if self.broken_syncs:
            raise StorageError(f"Cannot sync {path}: Input/output error.")
        if self._files.size(path) is not None:
            self._synced[path] = self._files.read(path)

    def _alive(self) -> None:
        if self._dead:
            raise ProcessKilled

    def _change(self, apply: Callable[[int], object], size: int = 0) -> None:
        self._alive()
        if self._kill_at == self.operations:
            if self._bytes_written > 0 or size == 0:
                apply(min(self._bytes_written, size))
            self._dead = True
            raise ProcessKilled
        self.operations += 1
        apply(size)

    def _check_capacity(self, path: str, undo: Callable[[], None]) -> None:
        if self.capacity is not None and self.used > self.capacity:
            undo()
            raise StorageError(f"Cannot write {path}: No space left on device.")

    def _put_back(self, path: str, before: bytes | None) -> None:
        if before is None:
            self._files.remove(path)
        else:
            self._files.replace(path, before, sync=False)

    @property
    def used(self) -> int:
        """Bytes in all files."""
        return sum(self._files.size(path) or 0 for path in self._paths())

    def _paths(self) -> list[str]:
        return self._files.paths()
