"""What the log's tests share: small batches, logs on faulty storage, what a partition holds."""

from __future__ import annotations

from headwater.log import FsyncPolicy, Log, LogSettings, Partition, Storage
from headwater.testing import ManualClock
from headwater.testing.clock import START_MS
from headwater.wire.records import build_batch, read_records


def batch(
    *values: bytes,
    at: int = START_MS,
    producer: int = -1,
    epoch: int = 0,
    sequence: int = 0,
    transactional: bool = False,
) -> bytes:
    """A batch with one record per value, one ms apart."""
    return build_batch(
        [(b"k", value, at + i, ()) for i, value in enumerate(values)],
        producer_id=producer,
        producer_epoch=epoch if producer >= 0 else -1,
        base_sequence=sequence if producer >= 0 else -1,
        transactional=transactional,
    )


def open_log(storage: Storage, clock: ManualClock | None = None, **settings: object) -> Log:
    """A recovered log, whose every round of maintenance deletes; syncs block unless told otherwise, as there may be no
    event loop."""
    settings.setdefault("retention_check_interval_ms", 0)
    settings.setdefault("fsync", FsyncPolicy.ADAPTIVE)
    log = Log(storage, clock or ManualClock(), LogSettings(**settings))  # type: ignore[arg-type]
    log.open()
    return log


def records(partition: Partition, offset: int | None = None) -> list[tuple[int, bytes | None]]:
    """(offset, value) of everything visible."""
    position = partition.log_start if offset is None else offset
    out: list[tuple[int, bytes | None]] = []
    while position < partition.high_watermark:
        data, following = partition.read_on(position, 300)
        out += [(record.offset, record.value) for record in read_records(data, position)]
        assert following > position
        position = following
    return out


def values(partition: Partition) -> list[bytes | None]:
    """The values of everything visible, which has no gaps."""
    found = records(partition)
    assert [offset for offset, _ in found] == list(range(partition.log_start, partition.high_watermark))
    return [value for _, value in found]
