"""State larger than memory: the entries of a task's stores in RocksDB, with those in use cached as Python values.

What is written to disk is what goes to the changelog, at the same moment; between two commits entries live in the
cache, where generated code changes them in place as it does in memory. The files are a cache of the changelog, thrown
away when the task ends: state is always rebuilt from the changelog, so there is one way of recovery.

Tables, groups, windows and sessions are kept on disk. What is kept in memory all the same: the buffers of stream-stream
joins, whose size the join's window bounds; the index of a foreign-key join from foreign to primary keys; and which
keys have open sessions under EMIT FINAL.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from headwater.core.errors import StartupError
from headwater.engine.packing import pack
from headwater.engine.stores import ChangelogRecord, KeyValueStore, Store, WindowStore

CACHE_ENTRIES = 50_000
"""Per task: some 10 MB of groups. What a commit has touched stays at least until then, however much it is."""
_PREFIX = "task-"
_LOGGER = logging.getLogger(__name__)
_MISSING = object()


class DiskMap(MutableMapping[Any, Any]):
    """A mapping whose entries are in RocksDB under keys that begin with `head`; None is no value.

    Changes stay in the cache until `DiskState.write` has put them on disk.
    """

    __hash__ = object.__hash__  # it is itself, whatever it holds

    def __init__(
        self, db: Any, head: bytes, decode_key: Callable[[bytes], Any], decode_entry: Callable[[bytes], Any]
    ) -> None:
        self._db = db
        self._head = head
        self._decode_key = decode_key
        self._decode_entry = decode_entry
        self._cache: dict[Any, Any] = {}

    def get(self, key: Any, default: Any = None) -> Any:
        value = self._cache.get(key, _MISSING)
        if value is _MISSING:
            found = self._db.get(self._head + pack(key))
            value = self._cache[key] = None if found is None else self._decode_entry(found)
        return default if value is None else value

    def __getitem__(self, key: Any) -> Any:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None

    def __setitem__(self, key: Any, value: Any) -> None:
        self._cache[key] = value

    def __delitem__(self, key: Any) -> None:
        self._cache[key] = None

    def __iter__(self) -> Iterator[Any]:
        for key, _ in self._entries():
            yield key

    def items(self) -> Any:
        """(key, value) pairs; values that only disk has are read without being kept."""
        return (
            (key, self._decode_entry(value) if isinstance(value, _Raw) else value) for key, value in self._entries()
        )

    def _entries(self) -> Iterator[tuple[Any, Any]]:
        cached = dict(self._cache)
        yield from [(key, value) for key, value in cached.items() if value is not None]
        at = self._db.iter()
        at.seek(self._head)
        size = len(self._head)
        while at.valid():
            name = at.key()
            if not name.startswith(self._head):
                return
            key = self._decode_key(name[size:])
            if key not in cached:
                yield key, _Raw(at.value())
            at.next()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def cached(self) -> int:
        """Entries in memory."""
        return len(self._cache)

    def trim(self, keep: int) -> None:
        """Forget cached entries but for those that came last; all are on disk."""
        excess = len(self._cache) - keep
        if excess > 0:
            for key in list(self._cache)[:excess]:
                del self._cache[key]


class _Raw(bytes):
    """An entry as it is on disk."""


class DiskState:
    """A task's share of the disk, in a new folder inside `parent`; it goes with the object."""

    def __init__(self, parent: Path, cache_entries: int = CACHE_ENTRIES) -> None:
        """Raises `StartupError` if the package for it is not installed."""
        rocksdict = _rocksdict()
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._make_batch = rocksdict.WriteBatch
        self._db = rocksdict.Rdict(str(self.folder), rocksdict.Options(raw_mode=True))
        self._options = rocksdict.WriteOptions()
        self._options.disable_wal = True
        self._cache_entries = cache_entries
        self._maps: weakref.WeakSet[DiskMap] = weakref.WeakSet()
        self._numbers: set[int] = set()
        self._finish = weakref.finalize(self, _discard, self._db, self.folder)

    def close(self) -> None:
        """Give up the folder; what is in it is gone. Happens by itself when nothing refers to this object any more."""
        self._finish()

    def adopt(self, number: int, store: Store) -> None:
        """Let an empty store, the task's number `number`, keep its entries here, if it is of a kind that can."""
        head = bytes([number])
        if isinstance(store, KeyValueStore):
            store.keep_in(self._map(head, store.decode_key, store.decode_entry))
        elif isinstance(store, WindowStore):
            windows = store

            def window(start: int) -> DiskMap:
                # A window's keys are those of the changelog, pairs of its start and the key: so they lie side by side.
                return self._map(head + b"\x92" + pack(start), windows.decode_name, windows.decode_entry)

            store.new_window = window
        else:
            return
        self._numbers.add(number)

    def _map(self, head: bytes, decode_key: Callable[[bytes], Any], decode_entry: Callable[[bytes], Any]) -> DiskMap:
        made = DiskMap(self._db, head, decode_key, decode_entry)
        self._maps.add(made)
        return made

    def write(self, number: int, changes: Iterable[ChangelogRecord]) -> None:
        """Put changes of the store on disk, in order, if they are kept here."""
        if number not in self._numbers:
            return
        batch, head = self._make_batch(raw_mode=True), bytes([number])
        for key, value in changes:
            if value is None:
                batch.delete(head + key)
            else:
                batch.put(head + key, value)
        self._db.write(batch, self._options)

    def trim(self) -> None:
        """Make room in the caches. Everything that was changed must have been written."""
        share = self._cache_entries // max(1, len(self._maps))
        for each in self._maps:
            each.trim(share)


def _discard(db: Any, folder: Path) -> None:
    db.close()
    shutil.rmtree(folder, ignore_errors=True)


def clear_abandoned(parent: Path) -> None:
    """Delete the folders of tasks whose process has ended without. Raises `StartupError`, as `DiskState` does."""
    rocksdict = _rocksdict()
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            rocksdict.Rdict.destroy(str(folder))  # refuses as long as a process holds its lock
        except Exception:  # noqa: BLE001 - the package raises a bare Exception
            _LOGGER.info("State in %s is in use by another process.", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _rocksdict() -> Any:
    try:
        import rocksdict
    except ImportError as error:
        raise StartupError(
            "State cannot be kept in RocksDB: the package rocksdict is not installed. Install it with "
            "`pip install 'headwater[rocksdb]'`, or leave ksql.streams.default.dsl.store at in_memory."
        ) from error
    return rocksdict
