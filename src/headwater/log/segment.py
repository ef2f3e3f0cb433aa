"""One segment: a file of record batches from a base offset on, with its sparse index.

The `.log` file holds the batches as they arrived. The index is loaded when first needed and can be dropped at any time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from crc32c import crc32c

from headwater.log.errors import CorruptBatchError
from headwater.log.index import ENTRY_SIZE, NO_TIMESTAMP, SparseIndex
from headwater.log.storage import Data, Storage
from headwater.wire.records import HEADER_SIZE, LENGTH_END, BatchHeader, batch_headers

LOG_SUFFIX = ".log"
INDEX_SUFFIX = ".index"
CRC_START = 21
"""Where in a batch the part begins that its checksum covers."""
_CHUNK = 256 << 10
"""Bytes per read when walking a file: large against the call, small against a loop slice (5 ms)."""


def segment_name(base: int) -> str:
    """The file name stem of the segment with this base offset: 20 digits, so that names sort as offsets do."""
    return f"{base:020d}"


class Segment:
    """A run of batches in one file.

    `size` is bytes of valid batches; `max_timestamp` is meaningful once the index is loaded.
    `created_ms` is when the first batch arrived, -1 while not known.
    """

    __slots__ = ("base", "created_ms", "index", "indexed", "max_timestamp", "path", "size", "used")

    def __init__(self, folder: str, base: int, size: int = 0) -> None:
        self.path = f"{folder}/{segment_name(base)}{LOG_SUFFIX}"
        self.base = base
        self.size = size
        self.max_timestamp = NO_TIMESTAMP
        self.created_ms = -1
        self.index: SparseIndex | None = None
        self.indexed = 0
        """Index entries that are in the file already."""
        self.used = True
        """Whether the index was needed since the last cleaning."""

    @property
    def index_path(self) -> str:
        return self.path[: -len(LOG_SUFFIX)] + INDEX_SUFFIX

    def load_index(self, storage: Storage, interval: int) -> SparseIndex:
        """The index, completed from the batches after its last entry. Raises `StorageError`, `CorruptBatchError`."""
        index = self.index
        if index is not None:
            self.used = True
            return index
        index = SparseIndex(interval)
        if self.size and storage.size(self.index_path):
            index.decode(storage.read(self.index_path), self.size)
        self.indexed = len(index)
        start, newest = (index.positions[-1], index.timestamps[-1]) if len(index) else (0, NO_TIMESTAMP)
        if len(index) and not self._leads_to_batch(storage, index):
            index = SparseIndex(interval)
            self.indexed, start, newest = 0, 0, NO_TIMESTAMP
        for position, _, header in walk(storage, self.path, start, self.size):
            at = position + header.start
            if at >= start:
                index.add(header.base_offset - self.base, at, newest)
            newest = max(newest, header.max_timestamp)
        self.max_timestamp = newest
        self.index = index
        self.used = True
        return index

    def _leads_to_batch(self, storage: Storage, index: SparseIndex) -> bool:
        """Whether the last entry is true: then, as entries are written in order, the earlier ones are."""
        header = header_at(storage, self.path, index.positions[-1], self.size)
        return header is not None and header.base_offset == self.base + index.offsets[-1]

    def append(self, storage: Storage, data: Data) -> int:
        """Write batches at the end; returns their position. After an error the segment is as it was."""
        position = self.size
        storage.write(self.path, position, data)
        self.size = position + len(data)
        return position

    def note(self, index: SparseIndex, base_offset: int, position: int, max_timestamp: int) -> None:
        """Index a batch that was written at `position`."""
        index.add(base_offset - self.base, position, self.max_timestamp)
        if max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp

    def locate(self, storage: Storage, interval: int, offset: int) -> int:
        """Position of the batch that holds the offset, or of the first one after it; the size if there is none."""
        index = self.load_index(storage, interval)
        entry = index.before_offset(offset - self.base)
        start = index.positions[entry] if entry >= 0 else 0
        end = index.positions[entry + 1] if entry + 1 < len(index) else self.size
        for position, _, header in walk(storage, self.path, start, end):
            if header.last_offset >= offset:
                return position + header.start
        return end

    def save_index(self, storage: Storage) -> None:
        """Append the index entries that are not in the file yet."""
        if self.index is not None and len(self.index) > self.indexed:
            storage.write(self.index_path, self.indexed * ENTRY_SIZE, self.index.encode(self.indexed))
            self.indexed = len(self.index)

    def truncate(self, storage: Storage, size: int) -> None:
        """Keep the first `size` bytes, which end with a whole batch."""
        storage.truncate(self.path, size)
        self.size = size
        self.index = None
        if storage.size(self.index_path):
            # Entries past the cut would lead astray once other batches stand there.
            index = SparseIndex(0)
            index.decode(storage.read(self.index_path), size)
            storage.truncate(self.index_path, len(index) * ENTRY_SIZE)

    def scan(self, storage: Storage, interval: int, start: int, note: Callable[[bytes, BatchHeader], None]) -> int:
        """Check every batch from position `start` (the begin of one) on, index them, and cut the file at the first bad.

        A batch is good if it is whole, its checksum is right and its offsets come after those before it. `note` is
        called with each one of an idempotent producer. Returns the offset after the last good one, -1 if none is good.
        """
        end = self.size
        self.size, self.index = start, None
        index = self.load_index(storage, interval)
        base, newest, position, expected = self.base, self.max_timestamp, start, -1
        with contextlib.suppress(CorruptBatchError):  # where the good part ends
            for at, chunk, headers in runs(storage, self.path, start, end):
                view = memoryview(chunk)
                for header in headers:
                    first, size = header.start, header.size
                    if header.base_offset < expected or header.last_offset < header.base_offset:
                        raise CorruptBatchError
                    if crc32c(view[first + CRC_START : first + size]) != header.crc:
                        raise CorruptBatchError
                    index.add(header.base_offset - base, at + first, newest)
                    if header.max_timestamp > newest:
                        newest = header.max_timestamp
                    if header.producer_id >= 0:
                        note(chunk, header)
                    expected = header.last_offset + 1
                    position = at + first + size
        self.size, self.max_timestamp = position, newest
        if position < end:
            storage.truncate(self.path, position)
        if (storage.size(self.index_path) or 0) > self.indexed * ENTRY_SIZE:
            storage.truncate(self.index_path, self.indexed * ENTRY_SIZE)
        return expected

    def drop_index(self) -> None:
        """Free the memory; the next use loads it again."""
        self.index = None

    def remove(self, storage: Storage) -> None:
        """Delete the files, the index first: an index without a log is nothing, a log without index is slow."""
        storage.remove(self.index_path)
        storage.remove(self.path)


def header_at(storage: Storage, path: str, position: int, end: int) -> BatchHeader | None:
    """The header of the batch at `position` of a file, None if there is no whole batch before `end`."""
    head = storage.read(path, position, HEADER_SIZE)
    if len(head) < HEADER_SIZE:
        return None
    size = int.from_bytes(head[8:12], "big", signed=True) + LENGTH_END
    if size < HEADER_SIZE or position + size > end:
        return None
    try:
        return next(batch_headers(storage.read(path, position, size)), None)
    except CorruptBatchError:
        return None


def walk(storage: Storage, path: str, start: int, end: int) -> Iterator[tuple[int, bytes, BatchHeader]]:
    """The batches between two positions: (position of a chunk, the chunk, header in it), `header.start` relative to it.

    Stops at an incomplete batch; raises `CorruptBatchError` at one with impossible length or magic.
    """
    for position, chunk, headers in runs(storage, path, start, end):
        for header in headers:
            yield position, chunk, header


def runs(storage: Storage, path: str, start: int, end: int) -> Iterator[tuple[int, bytes, list[BatchHeader]]]:
    """As `walk`, chunk by chunk. A chunk with a bad batch gives those before it, and the next step raises."""
    position = start
    chunk_size = _CHUNK
    while end - position >= HEADER_SIZE:
        chunk = storage.read(path, position, min(chunk_size, end - position))
        headers: list[BatchHeader] = []
        failure: CorruptBatchError | None = None
        try:
            headers.extend(batch_headers(chunk))  # keeps what came before an error
        except CorruptBatchError as error:
            failure = error
        if headers:
            yield position, chunk, headers
            position += headers[-1].start + headers[-1].size
        if failure is not None:
            raise CorruptBatchError(f"{path} from byte {position} on: {failure}") from failure
        if headers:
            chunk_size = _CHUNK
            continue
        if len(chunk) < HEADER_SIZE:
            return
        chunk_size = int.from_bytes(chunk[8:12], "big", signed=True) + LENGTH_END
        if chunk_size > end - position or chunk_size <= len(chunk):
            return
