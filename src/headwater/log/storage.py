"""The port `Storage`: a folder of files, on disk or in memory. The log's only way to anything that lasts.

Paths are relative, with `/`. Positions and sizes are bytes. Every failure is a `StorageError` that says what and where.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Protocol

from headwater.core.errors import StartupError
from headwater.log.errors import StorageError

Data = bytes | bytearray | memoryview

LOCK_FILE = ".lock"
_NEW_SUFFIX = ".new"
_MAX_OPEN = 128
"""Descriptors kept open; macOS gives a process 256 in all."""


class Storage(Protocol):
    """A folder of files. One caller at a time, but `sync` may run in another thread beside everything else."""

    @property
    def durable(self) -> bool:
        """Whether files outlive the process, so whether syncing means anything."""
        ...

    def lock(self) -> None:
        """Take the folder for this process, creating it. Raises `StartupError` if it is taken or not writable."""
        ...

    def close(self) -> None:
        """Close files and give up the lock."""
        ...

    def names(self, folder: str) -> list[str]:
        """What is directly inside the folder, in no order; nothing if there is no such folder."""
        ...

    def size(self, path: str) -> int | None:
        """Size of the file, None if there is none."""
        ...

    def read(self, path: str, position: int = 0, size: int | None = None) -> bytes:
        """Up to `size` bytes (or all) from `position` on; fewer at the end of the file."""
        ...

    def write(self, path: str, position: int, data: Data) -> None:
        """Write at `position`, creating file and folder. After a failure the file ends at `position`, if possible."""
        ...

    def truncate(self, path: str, size: int) -> None:
        """Cut the file to `size`."""
        ...

    def replace(self, path: str, data: Data, *, sync: bool) -> None:
        """Give the file this content or, after a failure, leave it as it was. With `sync` it is on disk on return."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Atomic; `new` is replaced."""
        ...

    def remove(self, path: str) -> None:
        """Delete the file if it exists."""
        ...

    def remove_folder(self, folder: str) -> None:
        """Delete the folder and all in it if it exists."""
        ...

    def sync(self, path: str) -> None:
        """Return when the file and its name are on disk; nothing if it does not exist (any more)."""
        ...


class DiskStorage:
    """A folder on disk, made safe against other processes by a lock on `.lock` (which holds the owner's pid)."""

    durable = True

    def __init__(self, root: str | Path, max_open: int = _MAX_OPEN) -> None:
        self.root = str(root)
        self._max_open = max_open
        self._fds: dict[str, int] = {}
        self._lock_fd: int | None = None
        self._fresh: set[str] = set()
        self._lock = Lock()
        self._pinned: Counter[int] = Counter()
        """Descriptors in use by other threads, by how many: see `sync`."""
        self._doomed: set[int] = set()
        """Those of them to be closed after that."""

    def lock(self) -> None:
        path = self._full(LOCK_FILE)
        try:
            # Topics hold what connectors are told, passwords included: a new folder is its owner's only.
            os.makedirs(self.root, mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StartupError(
                f"Cannot use the data folder {self.root}: {error.strerror}. Give a folder this user may write to."
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise StartupError(
                f"The data folder {self.root} is in use by process {owner}. Stop it, or give another data folder."
            ) from error
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            os.close(fd)
            raise StartupError(f"Cannot write to the data folder {self.root}: {error.strerror}.") from error
        self._lock_fd = fd

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
        if self._lock_fd is not None:
            os.close(self._lock_fd)  # which releases the lock
            self._lock_fd = None

    def names(self, folder: str) -> list[str]:
        try:
            return os.listdir(self._full(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._failure("list", folder, error) from error

    def size(self, path: str) -> int | None:
        try:
            return os.stat(self._full(path)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failure("look at", path, error) from error

    def read(self, path: str, position: int = 0, size: int | None = None) -> bytes:
        fd = self._fds.get(path)
        try:
            if fd is None:
                fd = self._open(path, create=False)
            if size is None:
                size = max(os.fstat(fd).st_size - position, 0)
            data = os.pread(fd, size, position)
            if len(data) == size:
                return data
            parts = [data]  # the end of the file, or more than one call can give (2 GiB)
            while data:
                position += len(data)
                size -= len(data)
                data = os.pread(fd, size, position)
                parts.append(data)
            return b"".join(parts)
        except OSError as error:
            raise self._failure("read", path, error) from error

    def write(self, path: str, position: int, data: Data) -> None:
        fd = self._fds.get(path)
        try:
            if fd is None:
                fd = self._open(path, create=True)
            done = os.pwrite(fd, data, position)
            while done < len(data):
                done += os.pwrite(fd, memoryview(data)[done:], position + done)
        except OSError as error:
            if fd is not None:
                with contextlib.suppress(OSError):  # then the next write overwrites it, or recovery cuts it
                    os.ftruncate(fd, position)
            raise self._failure("write", path, error) from error

    def truncate(self, path: str, size: int) -> None:
        try:
            fd = self._fds.get(path)
            if fd is None:
                fd = self._open(path, create=False)
            os.ftruncate(fd, size)
        except OSError as error:
            raise self._failure("truncate", path, error) from error

    def replace(self, path: str, data: Data, *, sync: bool) -> None:
        full = self._full(path)
        new = full + _NEW_SUFFIX
        try:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(new, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    _force(file.fileno())
            self._forget(path)
            os.replace(new, full)
            if sync:
                _force_folder(os.path.dirname(full))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise self._failure("replace", path, error) from error

    def rename(self, old: str, new: str) -> None:
        self._forget(old)
        self._forget(new)
        try:
            os.replace(self._full(old), self._full(new))
        except OSError as error:
            raise self._failure("rename", old, error) from error

    def remove(self, path: str) -> None:
        self._forget(path)
        try:
            os.unlink(self._full(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failure("remove", path, error) from error

    def remove_folder(self, folder: str) -> None:
        for path in [path for path in self._fds if path.startswith(folder + "/")]:
            self._forget(path)
        try:
            shutil.rmtree(self._full(folder))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failure("remove", folder, error) from error

    def sync(self, path: str) -> None:
        try:
            fd = self._pin(path)
            try:
                _force(fd)
                if path in self._fresh:
                    self._fresh.discard(path)
                    _force_folder(os.path.dirname(self._full(path)))
            finally:
                self._unpin(fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failure("sync", path, error) from error

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _open(self, path: str, *, create: bool) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC
        full = self._full(path)
        try:
            fd = os.open(full, flags)
        except FileNotFoundError:
            if not create:
                raise
            os.makedirs(os.path.dirname(full), exist_ok=True)
            fd = os.open(full, flags | os.O_CREAT, 0o644)
            self._fresh.add(path)
        if len(self._fds) >= self._max_open:
            # The oldest first: cheaper per access than least recently used, and reopening one costs 10 us.
            self._forget(next(iter(self._fds)))
        self._fds[path] = fd
        return fd

    def _forget(self, path: str) -> None:
        with self._lock:
            fd = self._fds.pop(path, None)
            if fd is not None and fd in self._pinned:
                self._doomed.add(fd)
                return
        if fd is not None:
            os.close(fd)

    def _pin(self, path: str) -> int:
        """A descriptor of the file that nobody closes until `_unpin`."""
        with self._lock:
            fd = self._fds.get(path)
            if fd is None:
                fd = os.open(self._full(path), os.O_RDWR | os.O_CLOEXEC)
                self._doomed.add(fd)
            self._pinned[fd] += 1
        return fd

    def _unpin(self, fd: int) -> None:
        with self._lock:
            self._pinned[fd] -= 1
            if self._pinned[fd]:
                return
            del self._pinned[fd]
            if fd not in self._doomed:
                return
            self._doomed.discard(fd)
        os.close(fd)

    def _failure(self, verb: str, path: str, error: OSError) -> StorageError:
        advice = {
            errno.ENOSPC: " Free some space or lower retention; reading goes on.",
            errno.EDQUOT: " Raise the quota or lower retention; reading goes on.",
            errno.EMFILE: " Raise the limit of open files (ulimit -n).",
            errno.ENFILE: " The machine has too many files open.",
        }.get(error.errno or 0, "")
        return StorageError(f"Cannot {verb} {self._full(path)}: {error.strerror or error}.{advice}")


def _force(fd: int) -> None:
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)  # macOS, where fsync leaves the data in the drive's cache
    if full_sync is not None:
        fcntl.fcntl(fd, full_sync)
    else:
        os.fdatasync(fd)


def _force_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class MemoryStorage:
    """Files in memory, for `--memory` and tests: nothing outlives the process, a second `Log` may be opened on it."""

    durable = False

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, bytearray]] = {}

    def lock(self) -> None:
        return

    def close(self) -> None:
        return

    def names(self, folder: str) -> list[str]:
        names = list(self._folders.get(folder, ()))
        prefix = folder + "/" if folder else ""
        names += {f[len(prefix) :].split("/")[0] for f in self._folders if f and f.startswith(prefix) and f != folder}
        return names

    def size(self, path: str) -> int | None:
        file = self._find(path)
        return None if file is None else len(file)

    def read(self, path: str, position: int = 0, size: int | None = None) -> bytes:
        file = self._existing("read", path)
        with memoryview(file) as view:  # one copy instead of two
            return bytes(view[position:] if size is None else view[position : position + size])

    def write(self, path: str, position: int, data: Data) -> None:
        folder, _, name = path.rpartition("/")
        file = self._folders.setdefault(folder, {}).setdefault(name, bytearray())
        if position == len(file):
            file += data
        else:
            if position > len(file):
                file.extend(bytes(position - len(file)))
            file[position : position + len(data)] = data

    def truncate(self, path: str, size: int) -> None:
        del self._existing("truncate", path)[size:]

    def replace(self, path: str, data: Data, *, sync: bool) -> None:
        folder, _, name = path.rpartition("/")
        self._folders.setdefault(folder, {})[name] = bytearray(data)

    def rename(self, old: str, new: str) -> None:
        file = self._existing("rename", old)
        self.remove(old)
        folder, _, name = new.rpartition("/")
        self._folders.setdefault(folder, {})[name] = file

    def remove(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        files = self._folders.get(folder)
        if files is not None and files.pop(name, None) is not None and not files:
            del self._folders[folder]

    def remove_folder(self, folder: str) -> None:
        for name in [name for name in self._folders if name == folder or name.startswith(folder + "/")]:
            del self._folders[name]

    def sync(self, path: str) -> None:
        return

    def paths(self) -> list[str]:
        """Every file."""
        return [f"{folder}/{name}" if folder else name for folder, files in self._folders.items() for name in files]

    def _find(self, path: str) -> bytearray | None:
        folder, _, name = path.rpartition("/")
        return self._folders.get(folder, {}).get(name)

    def _existing(self, verb: str, path: str) -> bytearray:
        file = self._find(path)
        if file is None:
            raise StorageError(f"Cannot {verb} {path}: no such file in memory.")
        return file
