"""Which batches a partition takes: pure checks of bytes against the topic's limits."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.log.configs import ANY_AGE, Limits
from headwater.log.errors import CorruptBatchError, InvalidRecordError, InvalidTimestampError, RecordTooLargeError
from headwater.wire.records import BatchHeader, Buffer, batch_headers, check_crc, read_records


def check_batches(data: Buffer, limits: Limits, where: str) -> list[BatchHeader]:
    """The headers of a run of whole batches; `where` is what errors call the partition.

    Raises `CorruptBatchError`, `RecordTooLargeError` or `InvalidRecordError`.
    """
    headers = list(batch_headers(data))
    if not headers:
        raise CorruptBatchError(f"No whole record batch in {len(data)} bytes for {where}.")
    last = headers[-1]
    if last.start + last.size != len(data):
        raise CorruptBatchError(f"{len(data) - last.start - last.size} bytes after the last batch for {where}.")
    limit = limits.max_message_bytes
    for header in headers:
        if header.size > limit:
            raise RecordTooLargeError(
                f"The batch of {header.size} bytes for {where} is over the topic's max.message.bytes, {limit}."
            )
        if header.last_offset < header.base_offset:
            raise InvalidRecordError(f"A batch for {where} has last offset delta below 0.")
    return headers


def check_from_client(data: Buffer, headers: Sequence[BatchHeader], limits: Limits, where: str, now_ms: int) -> None:
    """What is checked only of batches from outside.

    Raises `CorruptBatchError` for a wrong checksum, `InvalidRecordError`, or `InvalidTimestampError`.
    """
    for header in headers:
        if not check_crc(data, header.start, header.size):
            raise CorruptBatchError(f"The checksum of a batch of {header.size} bytes for {where} is wrong.")
        if header.is_control:
            raise InvalidRecordError(f"Clients may not write control batches, as one did to {where}.")
        offsets = header.last_offset - header.base_offset + 1
        if header.record_count != offsets:
            raise InvalidRecordError(f"A batch for {where} has {header.record_count} records, but {offsets} offsets.")
        if header.producer_id >= 0 and header.base_sequence < 0:
            raise InvalidRecordError(
                f"A batch for {where} has producer id {header.producer_id}, but no sequence number."
            )
        if not limits.append_time and header.max_timestamp >= 0:
            _check_times(data, header, limits, where, now_ms)
    if limits.compact:
        _check_keys(data, where)


def _check_keys(data: Buffer, where: str) -> None:
    missing = [at for at, record in enumerate(read_records(data)) if record.key is None]
    if missing:
        why = f"{where} is compacted, so every record needs a key"
        raise InvalidRecordError(f"{why}; {len(missing)} have none.", [(at, f"{why}.") for at in missing])


def _check_times(data: Buffer, header: BatchHeader, limits: Limits, where: str, now_ms: int) -> None:
    """The header knows the newest record's time only; the oldest one's matters to few topics."""
    first, last = now_ms - limits.timestamp_before_max_ms, now_ms + limits.timestamp_after_max_ms
    newest = header.max_timestamp
    if first <= newest <= last and limits.timestamp_before_max_ms == ANY_AGE:
        return
    times = [record.timestamp for record in read_records(data[header.start : header.start + header.size])]
    far = [(at, time) for at, time in enumerate(times) if time >= 0 and not first <= time <= last]
    if far or not first <= newest <= last:
        raise InvalidTimestampError(
            f"Timestamp {far[0][1] if far else newest} of a record for {where} is not between {first} and {last}, as "
            "the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms demand now.",
            [(at, f"Timestamp {time} is not between {first} and {last}.") for at, time in far],
        )
