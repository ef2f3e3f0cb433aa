"""A bucket of one of the clouds, behind fsspec's one interface, or a folder."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError
from headwater.core.errors import HeadwaterError

_ANSWER_SECONDS = 5.0
"""How long a server may take to accept a connection."""
T = TypeVar("T")

_DENIED = ("AuthenticationFailed", "AuthorizationFailure", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden",
           "ContainerNotFound", "NoSuchBucket", "AccessDenied", "InvalidAuthenticationInfo", "Incorrect padding",
           "Unauthorized", "invalid_grant", "does not exist")  # fmt: skip


@dataclass(frozen=True)
class Store:
    """A bucket, or a folder. Paths are relative to it. Every call blocks, so tasks make them through `call`."""

    filesystem: Any
    root: str
    name: str
    is_local: bool = False

    def path(self, relative: str) -> str:
        """Raises `ConnectError` for one that leads out of the store: topics and fields of records are part of names."""
        if ".." in relative.split("/"):
            raise ConnectError(f"'{relative}' is not a path inside {self.name}")
        return f"{self.root}/{relative}" if relative else self.root

    def listing(self, folder: str) -> list[tuple[str, int]]:
        """(path, size) of every object beneath a folder, sorted; none where it does not exist."""
        if self.is_local:
            files = (file for file in Path(self.path(folder)).rglob("*") if file.is_file())
            return sorted((file.relative_to(self.root).as_posix(), file.stat().st_size) for file in files)
        self.filesystem.invalidate_cache()
        try:
            found: Mapping[str, Mapping[str, Any]] = self.filesystem.find(self.path(folder), detail=True)
        except FileNotFoundError:
            return []
        root = self.root.rstrip("/") + "/"
        return sorted((name.removeprefix(root), int(info["size"] or 0)) for name, info in found.items())

    def open(self, path: str) -> IO[bytes]:
        """An object to be read."""
        if self.is_local:
            return Path(self.path(path)).open("rb")
        opened: IO[bytes] = self.filesystem.open(self.path(path), "rb")
        return opened

    def write(self, path: str, data: bytes) -> None:
        """Make an object, all or nothing, in the place of one of the same name."""
        target = self.path(path)
        if not self.is_local:
            self.filesystem.pipe_file(target, data)
            return
        file = Path(target)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.partial")
        with partial.open("wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())  # offsets are committed behind it
        partial.replace(file)

    async def call(self, what: str, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result, from a thread. Raises `RetriableError` when the store does not answer, and
        `ConnectError` when it refuses."""
        try:
            return await _in_thread(lambda: function(*arguments))
        except (HeadwaterError, FileNotFoundError):
            raise
        except Exception as error:  # the clients of the clouds have no common error
            raise _told(self.name, what, error) from error


async def _in_thread(function: Callable[[], T]) -> T:
    """The function's result. The thread ends with the process: clients of the clouds go on trying for minutes, which
    must not keep a node from stopping, as the threads of `asyncio.to_thread` would."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        if not done.done():
            set_outcome(outcome)

    def run() -> None:
        try:
            outcome: Any = function()
            report: Any = done.set_result
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            outcome, report = error, done.set_exception
        try:
            loop.call_soon_threadsafe(settle, report, outcome)
        except RuntimeError:
            return  # the loop has ended meanwhile

    threading.Thread(target=run, name="object-store", daemon=True).start()
    return await done


def _told(name: str, what: str, error: Exception) -> ConnectError:
    text = f"{type(error).__name__}: {error}".split("\n")[0]
    message = f"Cannot {what} in {name}: {text}"
    denied = isinstance(error, PermissionError) or any(word in str(error) for word in _DENIED)
    return ConnectError(f"{message}. Check the name and the credentials.") if denied else RetriableError(message)


def folder_store(path: str) -> Store:
    """A folder of this machine."""
    return Store(None, str(PurePosixPath(path)), f"folder {path}", is_local=True)


def check_answers(url: str) -> None:
    """Raises `RetriableError` where nobody listens at an address: the clients of the clouds take a minute to say so."""
    parts = urlsplit(url)
    if not parts.hostname:
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), _ANSWER_SECONDS).close()
    except OSError as error:
        raise RetriableError(f"Nobody answers at {parts.hostname}:{port}: {error}") from error


def cloud_store(protocol: str, extra: str, options: dict[str, Any], root: str, name: str) -> Store:
    """A bucket. Raises `ConnectError`, `MissingExtraError`."""
    try:
        import fsspec  # type: ignore[import-untyped]

        return Store(fsspec.filesystem(protocol, skip_instance_cache=True, **options), root, name)
    except ImportError:
        raise MissingExtraError(f"Reading and writing {name}", extra) from None
    except Exception as error:  # a key that is no key is refused before the first request
        raise ConnectError(f"Cannot use {name}: {error}") from error
