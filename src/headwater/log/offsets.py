"""Committed offsets of consumer groups: records of the compacted topic `__consumer_offsets`, and a cache of them.

Keys and values are laid out as Kafka lays them out (versions 1 and 3, group metadata key version 2), so tools that
read the topic work. The cache is a fold of the topic: `load` replays it.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Collection, Iterable, Mapping
from struct import Struct
from typing import NamedTuple

from headwater.core.clock import Clock
from headwater.log.errors import CorruptBatchError
from headwater.log.log import Log
from headwater.log.markers import COMMIT, marker_type
from headwater.log.partition import Partition
from headwater.wire.records import BatchHeader, batch_headers, build_batch, read_records

OFFSETS_TOPIC = "__consumer_offsets"
_KEY_OFFSET, _KEY_GROUP = 1, 2
_SHORT, _INT = Struct(">h"), Struct(">i")
_OFFSET_AND_EPOCH = Struct(">hqi")
_OFFSET_ONLY = Struct(">hq")
_TIME = Struct(">q")
_READ_BYTES = 1 << 20

Key = tuple[str, int]
"""Topic and partition."""

logger = logging.getLogger(__name__)


class OffsetAndMetadata(NamedTuple):
    """A committed position: the next offset to consume. `timestamp` is when it was committed, ms."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""
    timestamp: int = -1


Offset = tuple[int, int, str]
"""What to commit: offset, leader epoch (-1 unknown), metadata."""


class OffsetStore:
    """Offsets and metadata of all groups.

    To commit: make the append with `commit_batch`, append it (alone or within `Log.commit`), then call `applied`.
    Offsets of a transaction stay pending until `end_transaction`.
    """

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._offsets: dict[str, dict[Key, OffsetAndMetadata]] = {}
        self._groups: dict[str, dict[bytes, bytes]] = {}
        self._pending: dict[int, dict[str, dict[Key, OffsetAndMetadata]]] = {}

    def load(self) -> None:
        """Create the topic if it is missing and replay it. Raises `LogError`."""
        topic = self._log.topic(OFFSETS_TOPIC)
        if topic is None:
            settings = self._log.settings
            topic = self._log.create_topic(
                OFFSETS_TOPIC,
                settings.offsets_partitions,
                configs={
                    "cleanup.policy": "compact",
                    "compression.type": "producer",
                    "segment.bytes": str(settings.offsets_segment_bytes),
                },
            )
        self._offsets.clear()
        self._groups.clear()
        self._pending.clear()
        for partition in topic.partitions:
            self._replay(partition)

    def partition(self, group: str) -> Partition:
        """The partition of the offsets topic that holds the group, by Java's hash of its name as in Kafka."""
        topic = self._log.topic(OFFSETS_TOPIC)
        count = len(topic.partitions) if topic is not None else 1
        return self._log.partition(OFFSETS_TOPIC, (_java_hash(group) & 0x7FFFFFFF) % count)

    # Committing

    def commit_batch(
        self,
        group: str,
        offsets: Mapping[Key, Offset],
        *,
        producer_id: int = -1,
        producer_epoch: int = -1,
    ) -> tuple[Partition, bytes]:
        """The append that commits the offsets; with a producer id it is part of that producer's transaction."""
        now = self._clock.now_ms()
        records = [
            (offset_key(group, topic, number), offset_value(offset, epoch, metadata, now), now, ())
            for (topic, number), (offset, epoch, metadata) in offsets.items()
        ]
        batch = build_batch(
            records, producer_id=producer_id, producer_epoch=producer_epoch, transactional=producer_id >= 0
        )
        return self.partition(group), batch

    def applied(self, group: str, offsets: Mapping[Key, Offset], *, producer_id: int = -1) -> None:
        """The append of `commit_batch` with the same arguments has succeeded."""
        now = self._clock.now_ms()
        if producer_id >= 0:
            target = self._pending.setdefault(producer_id, {}).setdefault(group, {})
        else:
            target = self._offsets.setdefault(group, {})
        for key, (offset, epoch, metadata) in offsets.items():
            target[key] = OffsetAndMetadata(offset, epoch, metadata, now)

    def end_transaction(self, producer_id: int, *, commit: bool) -> None:
        """The producer's marker was appended to the offsets topic: its pending offsets count now, or never."""
        for group, offsets in self._pending.pop(producer_id, {}).items():
            if commit:
                self._offsets.setdefault(group, {}).update(offsets)

    # Reading

    def fetch(self, group: str) -> dict[Key, OffsetAndMetadata]:
        """The committed offsets of the group; empty if it has none."""
        return dict(self._offsets.get(group, ()))

    def get(self, group: str, key: Key) -> OffsetAndMetadata | None:
        """The committed offset of one partition."""
        return self._offsets.get(group, {}).get(key)

    def has_pending(self, group: str, key: Key) -> bool:
        """Whether an open transaction has committed an offset for the partition (KIP-447: UNSTABLE_OFFSET_COMMIT)."""
        return any(key in groups.get(group, ()) for groups in self._pending.values())

    def groups(self) -> set[str]:
        """Every group with offsets or metadata."""
        return {group for group, offsets in self._offsets.items() if offsets} | self._groups.keys()

    # Deleting

    def delete(self, group: str, partitions: Iterable[Key] | None = None) -> None:
        """Forget the group's offsets of these partitions, or (None) all of them and its metadata. Raises `LogError`."""
        known = self._offsets.get(group, {})
        gone = [key for key in (known if partitions is None else partitions) if key in known]
        keys = [offset_key(group, topic, number) for topic, number in gone]
        if partitions is None:
            keys += self._groups.get(group, ())
        if keys:
            now = self._clock.now_ms()
            self._log.commit([(self.partition(group), build_batch([(key, None, now, ()) for key in keys]))])
        for key in gone:
            del known[key]
        if partitions is None:
            self._offsets.pop(group, None)
            self._groups.pop(group, None)

    def delete_topics(self, topics: Collection[str]) -> None:
        """Forget every group's offsets of topics that were deleted. Raises `LogError`."""
        for group, offsets in list(self._offsets.items()):
            gone = [key for key in offsets if key[0] in topics]
            if gone:
                self.delete(group, gone)

    # Group metadata

    def store_group(self, group: str, records: Mapping[bytes, bytes | None]) -> None:
        """Write what the group coordinator knows of the group, by record key, all or none; None forgets a record.
        Raises `LogError`."""
        if not records:
            return
        now = self._clock.now_ms()
        batch = build_batch([(key, value, now, ()) for key, value in records.items()])
        self._log.commit([(self.partition(group), batch)])
        for key, value in records.items():
            self._set_record(group, key, value)

    def group_records(self) -> Mapping[str, Mapping[bytes, bytes]]:
        """By group: what was stored and not forgotten, by key; a live view."""
        return self._groups

    def _set_record(self, group: str, key: bytes, value: bytes | None) -> None:
        known = self._groups.setdefault(group, {})
        if value is not None:
            known[key] = value
        else:
            known.pop(key, None)
        if not known:
            del self._groups[group]

    # Replay

    def _replay(self, partition: Partition) -> None:
        offset = partition.log_start
        while offset < partition.log_end:
            data, following = partition.read_on(offset, _READ_BYTES, max_offset=partition.log_end)
            for header in batch_headers(data):
                if header.is_control:
                    self.end_transaction(header.producer_id, commit=marker_type(data, header) == COMMIT)
                else:
                    self._replay_batch(data, header)
            if following <= offset:
                return
            offset = following

    def _replay_batch(self, data: bytes, header: BatchHeader) -> None:
        producer_id = header.producer_id if header.is_transactional else -1
        for record in read_records(memoryview(data)[header.start : header.start + header.size]):
            try:
                self._replay_record(record.key, record.value, producer_id)
            except (CorruptBatchError, struct.error, UnicodeDecodeError, IndexError) as error:
                logger.warning(
                    "%s: record at offset %d is not understood and left out: %r", OFFSETS_TOPIC, record.offset, error
                )

    def _replay_record(self, key: bytes | None, value: bytes | None, producer_id: int) -> None:
        if key is None:
            return
        group, position = unpacked_text(key, 2)
        if record_type(key) > _KEY_OFFSET:
            self._set_record(group, key, value)
        else:
            topic, position = unpacked_text(key, position)
            where = (topic, _INT.unpack_from(key, position)[0])
            if producer_id >= 0 and value is not None:
                self._pending.setdefault(producer_id, {}).setdefault(group, {})[where] = parse_offset_value(value)
            elif value is not None:
                self._offsets.setdefault(group, {})[where] = parse_offset_value(value)
            else:
                self._offsets.get(group, {}).pop(where, None)


def offset_key(group: str, topic: str, partition: int) -> bytes:
    """The record key of a committed offset."""
    return b"".join((_SHORT.pack(_KEY_OFFSET), packed_text(group), packed_text(topic), _INT.pack(partition)))


def record_type(key: bytes) -> int:
    """What a record is about: 0 and 1 are committed offsets, 2 a classic group, all above are the coordinator's too.
    Raises `struct.error`."""
    return int(_SHORT.unpack_from(key)[0])


def group_key(group: str) -> bytes:
    """The record key of a classic group's metadata."""
    return _SHORT.pack(_KEY_GROUP) + packed_text(group)


def offset_value(offset: int, leader_epoch: int, metadata: str, timestamp: int) -> bytes:
    """The record value of a committed offset, version 3."""
    return b"".join((_OFFSET_AND_EPOCH.pack(3, offset, leader_epoch), packed_text(metadata), _TIME.pack(timestamp)))


def parse_offset_value(data: bytes) -> OffsetAndMetadata:
    """A record value of version 0 to 3. Raises `struct.error`, `IndexError`, `UnicodeDecodeError` if it is none."""
    version, offset = _OFFSET_ONLY.unpack_from(data)
    if version >= 3:
        epoch = _INT.unpack_from(data, _OFFSET_ONLY.size)[0]
        metadata, position = unpacked_text(data, _OFFSET_AND_EPOCH.size)
    else:
        epoch = -1
        metadata, position = unpacked_text(data, _OFFSET_ONLY.size)
    return OffsetAndMetadata(offset, epoch, metadata, _TIME.unpack_from(data, position)[0])


def packed_text(text: str) -> bytes:
    """A text with its length in front, as record keys have it."""
    data = text.encode()
    return _SHORT.pack(len(data)) + data


def unpacked_text(data: bytes, position: int) -> tuple[str, int]:
    length = _SHORT.unpack_from(data, position)[0]
    position += 2
    if length < 0 or position + length > len(data):
        raise IndexError(f"a text of {length} bytes at byte {position} of {len(data)}")
    return data[position : position + length].decode(), position + length


def _java_hash(text: str) -> int:
    """`String.hashCode` of Java, as an unsigned 32-bit number."""
    value = 0
    units = text.encode("utf-16-be")
    for i in range(0, len(units), 2):
        value = (31 * value + (units[i] << 8) + units[i + 1]) & 0xFFFFFFFF
    return value
