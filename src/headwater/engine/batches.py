"""From a task's output records to record batches per partition."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from headwater.cluster.api import Append, TopicPartition
from headwater.core.partitioner import partition_for
from headwater.engine.program import OutputRecord
from headwater.wire.records import build_batch

_BATCH_BYTES = 512 * 1024
"""Half of Kafka's default `max.message.bytes`: record overhead and one more record always fit."""
_CHUNK = 500
_REMEMBERED_KEYS = 100_000
"""Hashing a key in Python costs some microseconds, remembering it some 100 bytes: 10 MB at the most."""


class Partitioner:
    """The partition of each key, as the Java client computes it; keyless records stay together per batch."""

    def __init__(self, partitions: int, key_suffix: int = 0) -> None:
        """The last `key_suffix` bytes of a key do not count: all windows of a key share its partition."""
        self.partitions = partitions
        self._counted = -key_suffix or None
        self._known: dict[bytes, int] = {}
        self._keyless = itertools.count()

    def split(self, records: Sequence[OutputRecord]) -> Iterable[tuple[int, Sequence[OutputRecord]]]:
        """(partition, records in order) of each partition that gets any."""
        if self.partitions == 1:
            return [(0, records)] if records else []
        known, count = self._known, self.partitions
        if len(known) > _REMEMBERED_KEYS:
            known.clear()
        keyless = -1
        parts: dict[int, list[OutputRecord]] = {}
        for record in records:
            key = record[0]
            if key is None:
                if keyless < 0:
                    keyless = next(self._keyless) % count
                partition = keyless
            else:
                found = known.get(key)
                partition = known[key] = partition_for(key[: self._counted], count) if found is None else found
            part = parts.get(partition)
            if part is None:
                parts[partition] = [record]
            else:
                part.append(record)
        return parts.items()


def appends(topic: str, partition: int, records: Sequence[OutputRecord]) -> list[Append]:
    """Batches of at most about half a MB, in order."""
    place = TopicPartition(topic, partition)
    return [Append(place, build_batch(chunk)) for chunk in _chunks(records)]


def _chunks(records: Sequence[OutputRecord]) -> Iterable[Sequence[OutputRecord]]:
    start, size = 0, 0
    for at in range(0, len(records), _CHUNK):
        chunk = records[at : at + _CHUNK]
        added = sum([len(value) if value else 0 for _, value, _, _ in chunk])
        if added > _BATCH_BYTES and len(chunk) > 1:
            if at > start:
                yield records[start:at]
            half = len(chunk) // 2
            yield from _halves(chunk[:half])
            yield from _halves(chunk[half:])
            start, size = at + len(chunk), 0
            continue
        if size + added > _BATCH_BYTES and at > start:
            yield records[start:at]
            start, size = at, 0
        size += added
    if start < len(records):
        yield records[start:]


def _halves(records: Sequence[OutputRecord]) -> Iterable[Sequence[OutputRecord]]:
    if len(records) > 1 and sum(len(value or b"") for _, value, _, _ in records) > _BATCH_BYTES:
        half = len(records) // 2
        yield from _halves(records[:half])
        yield from _halves(records[half:])
    else:
        yield records
