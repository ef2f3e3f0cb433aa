"""What a partition knows of its idempotent and transactional producers (KIP-98): sequences, transactions.

A pure state machine over batch headers: the partition asks `check` before it appends and tells `update` after. The
state is a fold of the log, so a snapshot is only a shortcut.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from headwater.log.errors import InvalidProducerEpochError, InvalidTransactionStateError, OutOfOrderSequenceError
from headwater.log.markers import ABORT, COMMIT
from headwater.wire.records import BatchHeader

_KEPT_BATCHES = 5
"""A producer may have this many requests in flight, so a retry can repeat any of them (KIP-98, `max.in.flight`)."""
_SEQUENCES = 1 << 31


class Sequenced(NamedTuple):
    """One appended batch of a producer; all bounds inclusive."""

    first_sequence: int
    last_sequence: int
    base_offset: int
    last_offset: int
    timestamp: int


class Aborted(NamedTuple):
    """An aborted transaction: its first record and its marker."""

    producer_id: int
    first_offset: int
    last_offset: int


class Producer:
    """One producer in one partition. `transaction_start` is the first offset of its open transaction or -1."""

    __slots__ = ("batches", "epoch", "timestamp", "transaction_start")

    def __init__(self, epoch: int, timestamp: int = -1, transaction_start: int = -1) -> None:
        self.epoch = epoch
        self.timestamp = timestamp
        self.transaction_start = transaction_start
        self.batches: list[Sequenced] = []


class Producers:
    """All producers of one partition, and the transactions they aborted."""

    __slots__ = ("aborted", "by_id", "first_open", "transactional")

    def __init__(self) -> None:
        self.by_id: dict[int, Producer] = {}
        self.aborted: list[Aborted] = []
        self.first_open = -1
        """First offset of the oldest open transaction, -1 if none is open."""
        self.transactional = False
        """Whether the log has or had transactional batches, so that readers must look for aborted ones and markers."""

    def __bool__(self) -> bool:
        return bool(self.by_id or self.aborted or self.transactional)

    def check(self, header: BatchHeader) -> Sequenced | None:
        """The earlier append if this batch repeats one. Raises if it must not be appended."""
        producer = self.by_id.get(header.producer_id)
        if producer is None:
            return None  # unknown, or forgotten since: any first sequence is taken, as Kafka does
        if header.producer_epoch < producer.epoch:
            raise InvalidProducerEpochError(
                f"Producer {header.producer_id} wrote with epoch {header.producer_epoch}, but epoch {producer.epoch} "
                "is in charge: another instance took over its transactional id, or its transaction timed out."
            )
        first = header.base_sequence
        last = (first + header.last_offset - header.base_offset) % _SEQUENCES
        if header.producer_epoch > producer.epoch:
            if first != 0:
                raise OutOfOrderSequenceError(
                    f"Producer {header.producer_id} began epoch {header.producer_epoch} with sequence {first}, not 0."
                )
            return None
        for batch in producer.batches:
            if batch.first_sequence == first and batch.last_sequence == last:
                return batch
        if producer.batches:
            expected = (producer.batches[-1].last_sequence + 1) % _SEQUENCES
            if first != expected:
                raise OutOfOrderSequenceError(
                    f"Producer {header.producer_id} (epoch {header.producer_epoch}) sent sequence {first}, expected "
                    f"{expected}: a batch before it was lost."
                )
        if producer.transaction_start >= 0 and not header.is_transactional:
            raise InvalidTransactionStateError(
                f"Producer {header.producer_id} wrote a record outside of its open transaction."
            )
        return None

    def update(self, header: BatchHeader, base_offset: int, marker: int = -1) -> None:
        """Take note of an appended batch; `base_offset` is the one it got, `marker` a control batch's type."""
        producer = self.by_id.get(header.producer_id)
        if producer is None or header.producer_epoch > producer.epoch:
            open_since = producer.transaction_start if producer is not None else -1
            producer = self.by_id[header.producer_id] = Producer(header.producer_epoch, transaction_start=open_since)
        last_offset = base_offset + header.last_offset - header.base_offset
        producer.timestamp = max(producer.timestamp, header.max_timestamp)
        if header.is_control:
            self._end_transaction(header.producer_id, producer, last_offset, marker)
            return
        if header.base_sequence >= 0:
            last_sequence = (header.base_sequence + last_offset - base_offset) % _SEQUENCES
            producer.batches.append(
                Sequenced(header.base_sequence, last_sequence, base_offset, last_offset, header.max_timestamp)
            )
            del producer.batches[:-_KEPT_BATCHES]
        if header.is_transactional:
            self.transactional = True
            if producer.transaction_start < 0:
                producer.transaction_start = base_offset
                if self.first_open < 0:
                    self.first_open = base_offset

    def _end_transaction(self, producer_id: int, producer: Producer, offset: int, marker: int) -> None:
        self.transactional = True
        if marker not in (ABORT, COMMIT):
            return
        start, producer.transaction_start = producer.transaction_start, -1
        if marker == ABORT and start >= 0:
            self.aborted.append(Aborted(producer_id, start, offset))
        if start >= 0 and start == self.first_open:
            self.first_open = min(
                (p.transaction_start for p in self.by_id.values() if p.transaction_start >= 0), default=-1
            )

    def aborted_in(self, start: int, end: int) -> Iterator[Aborted]:
        """The aborted transactions with anything from offset `start` to before `end`."""
        return (a for a in self.aborted if a.last_offset >= start and a.first_offset < end)

    def forget(self, log_start: int, older_than: int) -> None:
        """Drop what nobody can ask for: aborts before `log_start`, producers silent since `older_than` ms."""
        if self.aborted and self.aborted[0].last_offset < log_start:
            self.aborted = [a for a in self.aborted if a.last_offset >= log_start]
        gone = [i for i, p in self.by_id.items() if p.timestamp < older_than and p.transaction_start < 0]
        for producer_id in gone:
            del self.by_id[producer_id]

    def encode(self) -> bytes:
        """The bytes of a snapshot."""
        parts = [_HEAD.pack(self.transactional, len(self.by_id), len(self.aborted))]
        for producer_id, p in self.by_id.items():
            parts.append(_PRODUCER.pack(producer_id, p.epoch, p.timestamp, p.transaction_start, len(p.batches)))
            parts += [_BATCH.pack(*batch) for batch in p.batches]
        parts += [_ABORTED.pack(*a) for a in self.aborted]
        body = b"".join(parts)
        return _CRC.pack(crc32(body)) + body

    @classmethod
    def decode(cls, data: bytes) -> Producers | None:
        """What a snapshot holds; None if its bytes are damaged."""
        if len(data) < _CRC.size + _HEAD.size or _CRC.unpack_from(data)[0] != crc32(data[_CRC.size :]):
            return None
        out = cls()
        out.transactional, producers, aborted = _HEAD.unpack_from(data, _CRC.size)
        position = _CRC.size + _HEAD.size
        for _ in range(producers):
            producer_id, epoch, timestamp, start, batches = _PRODUCER.unpack_from(data, position)
            position += _PRODUCER.size
            producer = out.by_id[producer_id] = Producer(epoch, timestamp, start)
            for _ in range(batches):
                producer.batches.append(Sequenced(*_BATCH.unpack_from(data, position)))
                position += _BATCH.size
        for _ in range(aborted):
            out.aborted.append(Aborted(*_ABORTED.unpack_from(data, position)))
            position += _ABORTED.size
        out.first_open = min((p.transaction_start for p in out.by_id.values() if p.transaction_start >= 0), default=-1)
        return out


_CRC = Struct("<I")
_HEAD = Struct("<?II")
_PRODUCER = Struct("<qhqqB")
_BATCH = Struct("<iiqqq")
_ABORTED = Struct("<qqq")
