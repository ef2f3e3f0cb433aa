"""Which batches a partition takes: pure checks of bytes against the topic's limits."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.log.configs import Limits
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
            _check_time(header.max_timestamp, limits, where, now_ms)
    if limits.compact and any(record.key is None for record in read_records(data)):
        raise InvalidRecordError(f"{where} is compacted, so every record needs a key; one has none.")


def _check_time(timestamp: int, limits: Limits, where: str, now_ms: int) -> None:
    if timestamp - now_ms > limits.timestamp_after_max_ms:
        raise InvalidTimestampError(
            f"Timestamp {timestamp} of a batch for {where} is later than now ({now_ms}) by more than the topic's "
            f"message.timestamp.after.max.ms, {limits.timestamp_after_max_ms}."
        )
    if now_ms - timestamp > limits.timestamp_before_max_ms:
        raise InvalidTimestampError(
            f"Timestamp {timestamp} of a batch for {where} is earlier than now ({now_ms}) by more than the topic's "
            f"message.timestamp.before.max.ms, {limits.timestamp_before_max_ms}."
        )
