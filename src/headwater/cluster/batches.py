"""From output records to record batches per partition."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from headwater.cluster.api import Append, TopicPartition
from headwater.core.partitioner import partition_for
from headwater.wire.records import Headers, build_batch

OutputRecord = tuple[bytes | None, bytes | None, int, Headers]
"""Key, value, timestamp in ms, headers."""

_BATCH_BYTES = 512 * 1024
"""Half of Kafka's default `max.message.bytes`: record overhead and one more record always fit."""
_BATCH_RECORDS = 4_000
"""Encoding more in one go would hold up others: so many take a ms or two."""
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
    """Batches of at most about half a MB and some thousand records, in order."""
    return list(each_append(topic, partition, records))


def each_append(topic: str, partition: int, records: Sequence[OutputRecord]) -> Iterator[Append]:
    """As `appends`, one by one: each takes a ms or two."""
    place = TopicPartition(topic, partition)
    return (Append(place, build_batch(chunk)) for chunk in _chunks(records))


def _chunks(records: Sequence[OutputRecord]) -> Iterable[Sequence[OutputRecord]]:
    """Runs of records that fit a batch; a record that is larger is a run of its own."""
    start, size = 0, 0
    for at in range(0, len(records), _CHUNK):
        chunk = records[at : at + _CHUNK]
        if at - start >= _BATCH_RECORDS:
            yield records[start:at]
            start, size = at, 0
        added = sum([len(key or b"") + len(value or b"") for key, value, _, _ in chunk])
        if size + added <= _BATCH_BYTES and not any(headers for _, _, _, headers in chunk):
            size += added
            continue
        for place, record in enumerate(chunk, at):
            weight = _weight(record)
            if size + weight > _BATCH_BYTES and place > start:
                yield records[start:place]
                start, size = place, 0
            size += weight
    if start < len(records):
        yield records[start:]


def _weight(record: OutputRecord) -> int:
    key, value, _, headers = record
    return len(key or b"") + len(value or b"") + sum(len(name) + len(content or b"") for name, content in headers)
